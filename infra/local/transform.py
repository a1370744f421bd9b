"""Turns the SAM template into plain CloudFormation with AWS's own translator.

    python transform.py template.yaml [NAME=VALUE ...] > template.json
"""

import json
import os
import sys

from samtranslator.parser.parser import Parser
from samtranslator.translator.transform import transform as sam_transform
from samtranslator.yaml_helper import yaml_parse

# The translator wants code in S3. Nothing is read from here: whoever deploys says where the code is.
CODE_PLACEHOLDER = {"Bucket": "code", "Key": "code.zip"}
REGION = "eu-west-1"


def transform(path, code=None, parameters=None):
    """The CloudFormation template of the SAM template at `path`.

    `code` maps a function's logical id to its {"Bucket", "Key"}. SAM reads some of the `parameters`, as on AWS.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file)
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for name, resource in functions(template).items():
        resource["Properties"]["CodeUri"] = (code or {}).get(name, CODE_PLACEHOLDER)
    return sam_transform(template, parameters or {}, NoManagedPolicies())


def functions(template):
    """The functions of a SAM template by logical id."""
    resources = template["Resources"].items()
    return {name: it for name, it in resources if it["Type"] == "AWS::Serverless::Function"}


class NoManagedPolicies:
    """The template writes its policies out, so there is no managed policy to look up."""

    def load(self):
        return {}


if __name__ == "__main__":
    given = dict(argument.split("=", 1) for argument in sys.argv[2:])
    json.dump(transform(sys.argv[1], parameters=given), sys.stdout, indent=1)
