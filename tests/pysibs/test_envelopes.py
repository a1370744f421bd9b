"""One webhook, three readers: pysibs with its own AES-GCM, the product (shared/gateway), and the simulator that made it.
Whatever one of them opens, the others open too; what is tampered with, none."""

import base64
import json
import os
import subprocess
import unittest

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pysibs import webhooks
from pysibs.exceptions import SIBSError

from merchant import Merchant
from simulator import BINARIES, SECRET, VECTOR, Simulator

OPENER = BINARIES / "examples" / "open"
TAG_BYTES = 16
IV_BYTES = 12


def encode(data):
    return base64.b64encode(data).decode()


def seal(payload, secret=SECRET):
    """With the library that pysibs decrypts with."""
    iv = os.urandom(IV_BYTES)
    sealed = AESGCM(base64.b64decode(secret)).encrypt(iv, payload, None)
    return {"key": SECRET, "iv": encode(iv), "tag": encode(sealed[-TAG_BYTES:]), "body": encode(sealed[:-TAG_BYTES])}


def by_gateway(envelopes):
    lines = "".join(json.dumps(envelope) + "\n" for envelope in envelopes)
    run = subprocess.run([str(OPENER)], input=lines, capture_output=True, text=True, check=True, timeout=30)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == len(envelopes)
    return answers


def by_pysibs(envelope):
    """The event, or None where it does not open."""
    try:
        opened = webhooks.decrypt_webhook(envelope["body"], envelope["iv"], envelope["tag"], envelope["key"])
        return webhooks.parse_webhook(opened)
    except SIBSError:
        return None


class Envelopes(unittest.TestCase):
    def agree(self, envelopes):
        """Both open all of them, and read the same."""
        for envelope, read in zip(envelopes, by_gateway(envelopes), strict=True):
            event = by_pysibs(envelope)
            self.assertIsNotNone(event)
            notification = read["notification"]
            self.assertEqual(read["transactionID"], event.payment_id)
            self.assertEqual(notification["notificationID"], event.notification_id)
            self.assertEqual(notification["paymentStatus"], event.raw_status)
            self.assertEqual(notification.get("paymentMethod"), event.payment_method)
            self.assertEqual(notification.get("merchantTransactionId"), event.merchant_transaction_id)

    def test_the_published_vector(self):
        headers = VECTOR["headers"]
        published = {"key": SECRET, "iv": headers["X-Initialization-Vector"], "tag": headers["X-Authentication-Tag"], "body": VECTOR["body"]}
        self.agree([published])
        self.assertEqual(by_pysibs(published).raw_payload, VECTOR["plaintext"])
        # Sealed again by the other library under the same IV, it is the same webhook, byte for byte.
        iv = base64.b64decode(published["iv"])
        plaintext = AESGCM(base64.b64decode(SECRET)).decrypt(
            iv, base64.b64decode(published["body"]) + base64.b64decode(published["tag"]), None
        )
        again = AESGCM(base64.b64decode(SECRET)).encrypt(iv, plaintext, None)
        self.assertEqual(encode(again[:-TAG_BYTES]), published["body"])

    def test_what_the_simulator_seals(self):
        spg, merchant = Simulator(), Merchant()
        self.addCleanup(spg.stop)
        self.addCleanup(merchant.stop)
        spg.webhooks_to(merchant.url)
        for kind in ["mbWay", "card", "reference", "authorisation", "cancellation", "capture", "refund"] * 6:
            made = spg.control("POST", "payments", {"kind": kind, "amount": "15.90"})
            spg.control("POST", f"payments/{made['transactionID']}/notify", {})
        received = merchant.received()
        self.assertEqual(len(received), 42)
        self.agree([{"key": SECRET, "iv": one.iv, "tag": one.tag, "body": one.body} for one in received])

    def test_what_another_library_seals(self):
        names = ["a", "Łódź 🎉", 'quote " and \\ backslash', " blank around "]
        payloads = [
            {"notificationID": f"n-{number}", "transactionID": name, "paymentStatus": "Success", "unknown": [name] * number}
            for number, name in enumerate(names * 8)
        ]
        envelopes = [seal(json.dumps(payload, ensure_ascii=number % 2 == 0).encode()) for number, payload in enumerate(payloads)]
        self.agree(envelopes)

    def test_what_is_tampered_with_opens_nowhere(self):
        good = seal(json.dumps(VECTOR["plaintext"]).encode())

        def altered(part, position):
            data = bytearray(base64.b64decode(good[part]))
            data[position] ^= 1
            return good | {part: encode(bytes(data))}

        other_key = encode(bytes(32))
        bad = [
            *(altered(part, position) for part in ("iv", "tag", "body") for position in (0, -1)),
            seal(b"{}", other_key),
            good | {"body": encode(base64.b64decode(good["body"])[:-1])},
            good | {"body": encode(base64.b64decode(good["body"]) + base64.b64decode(good["tag"]))},
            good | {"iv": good["tag"], "tag": good["iv"]},
            good | {"body": json.dumps(VECTOR["plaintext"])},
        ]
        self.assertIsNotNone(by_pysibs(good))
        for envelope, answer in zip(bad, by_gateway(bad), strict=True):
            self.assertIn("refused", answer)
            self.assertIsNone(by_pysibs(envelope))

    def test_white_space_that_only_the_product_forgives(self):
        # The product trims it; pysibs's strict Base64 does not take it.
        good = seal(json.dumps(VECTOR["plaintext"]).encode())
        padded = good | {"body": good["body"] + "\r\n"}
        self.assertIn("notification", by_gateway([padded])[0])
        self.assertIsNone(by_pysibs(padded))
