"""Deploys the real template on the emulator. Reads a request and writes an answer, both JSON.

    python deploy.py < request.json > answer.json

Request: endpoint, region, stack (its name), template (path), parameters (name to value), secrets (logical id to
value), functions (logical id to {"binary", "log"}: the executable and the file that takes its output).
Answer: outputs, functions (logical id to deployed name), routes (path to URL).

This is AWS's own way but for what the emulator (1.5.33) lacks. It hands number parameters on as text: event source
mappings get the numbers themselves. It knows no alarm on a computed metric: such an alarm watches one metric there. It does not know
CodeDeploy: there an alias goes over to a new version at once. And nothing here asks for signatures.
"""

import io
import json
import shlex
import sys
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from transform import transform

CODE_BUCKET = "code"
STACK_SECONDS_MAX = 120
POLL_SECONDS = 1
EXECUTABLE = 0o100755 << 16

# Lambda collects what a function prints. The emulator keeps a part of it, so here it goes to a file that has it all.
BOOTSTRAP = """#!/bin/sh
exec "$LAMBDA_TASK_ROOT/function" >>{log} 2>&1
"""


class DeployError(Exception):
    """What went wrong, for a person."""


def main():
    request = json.load(sys.stdin)
    try:
        json.dump(deploy(request), sys.stdout)
    except (DeployError, BotoCoreError, ClientError, OSError) as error:
        sys.exit(str(error))


def deploy(request):
    aws = Aws(request["endpoint"], request["region"])
    code = upload_functions(aws, request["functions"])
    template = transform(request["template"], code, request["parameters"])
    create_stack(aws, request["stack"], template, request["parameters"])
    ids = aws.physical_ids(request["stack"])
    for name, value in request["secrets"].items():
        aws.client("secretsmanager").put_secret_value(SecretId=ids[name], SecretString=value)
    return {
        "outputs": aws.outputs(request["stack"]),
        "functions": {name: ids[name] for name in request["functions"]},
        "routes": route_urls(aws, template, ids),
    }


def upload_functions(aws, functions):
    """Uploads one zip per function; returns where each is."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region})
    code = {}
    for name, function in functions.items():
        code[name] = {"Bucket": CODE_BUCKET, "Key": f"{name}.zip"}
        s3.put_object(**code[name], Body=package(function["binary"], function["log"]))
    return code


def package(binary, log):
    """The zip of a function. Not compressed: it goes no further than this machine."""
    archive = io.BytesIO()
    with open(binary, "rb") as file, zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        add_executable(target, "bootstrap", BOOTSTRAP.format(log=shlex.quote(log)))
        add_executable(target, "function", file.read())
    return archive.getvalue()


def add_executable(archive, name, content):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = EXECUTABLE
    archive.writestr(entry, content)


def create_stack(aws, stack, template, parameters):
    unknown = sorted(set(parameters) - set(template["Parameters"]))
    if unknown:
        known = ", ".join(sorted(template["Parameters"]))
        raise DeployError(f"the template has no parameter {', '.join(unknown)}; it has {known}")
    put_numbers(template, parameters)
    put_plain_alarms(template)
    leave_out_codedeploy(template)
    open_routes(template)
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=aws.upload_template(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
        OnFailure="DO_NOTHING",
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    try:
        waiter.wait(
            StackName=stack,
            WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": STACK_SECONDS_MAX // POLL_SECONDS},
        )
    except WaiterError as error:
        raise DeployError(f"the stack was not created: {aws.failures(stack) or error}") from error


def put_numbers(template, parameters):
    """Puts the values of number parameters where event source mappings refer to them."""
    declared = template["Parameters"].items()
    numbers = {name: parameters.get(name, it.get("Default")) for name, it in declared if it["Type"] == "Number"}

    def put(value):
        if isinstance(value, dict):
            if value.get("Ref") in numbers:
                return int(numbers[value["Ref"]])
            return {key: put(item) for key, item in value.items()}
        return [put(item) for item in value] if isinstance(value, list) else value

    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            resource["Properties"] = put(resource["Properties"])


def put_plain_alarms(template):
    """Lets alarms on a computed metric watch the first metric that it is computed from."""
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            first = next(it["MetricStat"] for it in properties.pop("Metrics") if "MetricStat" in it)
            properties |= first["Metric"] | {"Period": first["Period"], "Statistic": first["Stat"]}


def leave_out_codedeploy(template):
    resources = template["Resources"]
    for name in [name for name, it in resources.items() if it["Type"].startswith("AWS::CodeDeploy::")]:
        del resources[name]
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::Alias":
            resource.pop("UpdatePolicy", None)


def open_routes(template):
    """Lets everybody in: whoever reaches this machine's loopback needs no signature."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Route":
            resource["Properties"]["AuthorizationType"] = "NONE"


def route_urls(aws, template, ids):
    """The URL of each route of the HTTP API, by path."""
    urls = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Route":
            path = resource["Properties"]["RouteKey"].partition(" ")[2]
            api = ids[resource["Properties"]["ApiId"]["Ref"]]
            # The host names of the APIs do not resolve on every machine; this path always does.
            urls[path] = f"{aws.public_endpoint}/_aws/execute-api/{api}{path}"
    return urls


class Aws:
    """The emulator's AWS."""

    def __init__(self, endpoint, region):
        self.endpoint = endpoint
        # The functions' HTTP library takes host names only in this place.
        self.public_endpoint = endpoint.replace("127.0.0.1", "localhost")
        self.region = region

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 3}),
        )

    def upload_template(self, template):
        """A template of this size is not taken in the request itself, here as on AWS; returns its URL."""
        self.client("s3").put_object(Bucket=CODE_BUCKET, Key="template.json", Body=json.dumps(template))
        return f"{self.endpoint}/{CODE_BUCKET}/template.json"

    def outputs(self, stack):
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def physical_ids(self, stack):
        resources = self.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}

    def failures(self, stack):
        """Why resources of the stack failed, oldest first."""
        events = self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("FAILED")]
        return "; ".join(f"{it['LogicalResourceId']}: {it.get('ResourceStatusReason', '')}" for it in failed)


if __name__ == "__main__":
    main()
