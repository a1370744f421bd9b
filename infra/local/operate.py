"""What an operator does to a stack that is up, on the emulator. Reads a request and writes an answer, both JSON.

    python operate.py < request.json > answer.json

Request: endpoint, region, and one of
  call: service, operation and parameters of one call, named as boto3 names them; the answer is AWS's
  code: function (its deployed name), binary and log, as deploy.py takes them: replaces what the function runs
"""

import json
import sys

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from deploy import Aws, package

# What the template calls it.
ALIAS = "live"
UPDATE_SECONDS_MAX = 60


def main():
    request = json.load(sys.stdin)
    aws = Aws(request["endpoint"], request["region"])
    try:
        answer = replace_code(aws, request["code"]) if "code" in request else call(aws, **request["call"])
    except (BotoCoreError, ClientError, WaiterError, OSError) as error:
        sys.exit(str(error))
    json.dump(answer, sys.stdout, default=str)


def call(aws, service, operation, parameters):
    answer = getattr(aws.client(service), operation)(**parameters)
    answer.pop("ResponseMetadata", None)
    return answer


def replace_code(aws, code):
    """As a deployment does it: the next invocation runs the new code, in a version of its own."""
    client = aws.client("lambda")
    name = code["function"]
    client.update_function_code(FunctionName=name, ZipFile=package(code["binary"], code["log"]))
    waiter = client.get_waiter("function_updated_v2")
    waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": UPDATE_SECONDS_MAX})
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)
    return {}


if __name__ == "__main__":
    main()
