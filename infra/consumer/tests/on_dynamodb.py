"""The store's contract against a DynamoDB at `ENDPOINT`, table `TABLE`; run by the tests of the workspace.

boto3 is not needed: a request of its client is DynamoDB's own JSON.
"""

import json
import os
import unittest
import urllib.error
import urllib.request

import store_contract
import support

from store import DynamoStore


class Refused(Exception):
    def __init__(self, response):
        super().__init__("ConditionalCheckFailedException")
        self.response = response


class Client:
    """As much of boto3's client as the store uses."""

    class exceptions:
        ConditionalCheckFailedException = Refused

    def update_item(self, **request):
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.UpdateItem",
            "Authorization": os.environ["AUTHORISATION"],
        }
        http = urllib.request.Request(os.environ["ENDPOINT"], json.dumps(request).encode(), headers)
        try:
            with urllib.request.urlopen(http, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            body = json.load(error)
            if body.get("__type", "").endswith("#ConditionalCheckFailedException"):
                raise Refused(body) from None
            raise AssertionError(body) from None


class Renamed(DynamoStore):
    """One table serves all tests, so each test has transactions of its own."""

    def __init__(self, prefix):
        super().__init__(Client(), os.environ["TABLE"])
        self.prefix = prefix

    def _update(self, outcome, *arguments, **options):
        own = f"{self.prefix} {outcome.transaction_id}"
        super()._update(type(outcome)(**{**vars(outcome), "transaction_id": own}), *arguments, **options)


class OnDynamoDb(store_contract.StoreContract, unittest.TestCase):
    def setUp(self):
        self.store = Renamed(self.id())


if __name__ == "__main__":
    unittest.main()
