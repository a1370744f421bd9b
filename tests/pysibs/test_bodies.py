"""Where pysibs reads SPG's documentation in another way. The simulator keeps to the documentation; each case is in
docs/evidence/reliability.md. If one of these tests fails with a newer pysibs, a difference is gone: take it out there too."""

import unittest

from pysibs import SIBSClient
from pysibs.enums import PaymentStatus
from pysibs.exceptions import SIBSAPIError

from merchant import Merchant
from simulator import CLIENT_ID, TERMINAL, TOKEN, Simulator, eventually

WHEN = "2026-03-12T10:00:00.000Z"


class Differences(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.spg = Simulator()
        cls.addClassCleanup(cls.spg.stop)
        cls.client = SIBSClient(TOKEN, TERMINAL, base_url=cls.spg.base_url, client_id=CLIENT_ID, retries=0)
        cls.addClassCleanup(cls.client.close)

    def open(self, *methods):
        return self.client.create_payment(
            amount="10.00", merchant_transaction_id="order-1", payment_methods=list(methods)
        )

    def refused(self, code, call, *arguments, **named):
        with self.assertRaises(SIBSAPIError) as refused:
            call(*arguments, **named)
        self.assertEqual(refused.exception.status_code, code)
        self.assertEqual(refused.exception.response_body["returnStatus"]["statusCode"], "E0101")

    def test_refund_capture_and_cancellation_lack_the_documented_blocks(self):
        made = self.spg.control("POST", "payments", {"kind": "card", "amount": "10.00", "status": "Success"})
        paid = made["transactionID"]
        self.refused(400, self.client.refund_payment, payment_id=paid)
        self.refused(400, self.client.refund_payment, payment_id=paid, amount="1.00", merchant_refund_id="r")
        self.refused(400, self.client.capture_payment, payment_id=paid, amount="1.00")
        self.refused(400, self.client.cancel_payment, paid)
        # The documented body is taken: it is the body, not the state.
        documented = {
            "merchant": {"terminalId": int(TERMINAL), "channel": "web", "merchantTransactionId": "r"},
            "transaction": {
                "transactionTimestamp": WHEN,
                "description": "a refund",
                "amount": {"value": 1, "currency": "EUR"},
                "originalTransaction": {"id": paid, "datetime": WHEN},
            },
        }
        self.assertEqual(self.spg.post(f"/payments/{paid}/refund", documented)[0], 200)

    def test_a_reference_needs_a_validity_that_pysibs_cannot_send(self):
        self.refused(400, self.open, "REFERENCE")

    def test_the_method_in_its_readme_is_not_spgs(self):
        self.refused(400, self.open, "CARD", "MBWAY", "MULTIBANCO")

    def test_a_checkout_that_nobody_has_paid_looks_paid(self):
        # The documented answer has no paymentStatus: pysibs takes the returnStatus of the call instead.
        payment = self.open("MBWAY")
        self.assertNotIn("paymentStatus", payment.raw_response)
        self.assertEqual(payment.status, PaymentStatus.CAPTURED)
        self.assertEqual(self.client.get_payment_status(payment.id).status, PaymentStatus.PENDING)

    def test_its_acknowledgement_is_that_of_the_older_documentation(self):
        for expected, merchant_code, outcome in [("000", None, "failed"), ("200", None, "delivered"), ("000", "000", "delivered")]:
            with self.subTest(expected=expected, answered=merchant_code or "pysibs's own"):
                spg, merchant = Simulator("--ack-status-code", expected), Merchant(merchant_code)
                self.addCleanup(spg.stop)
                self.addCleanup(merchant.stop)
                spg.webhooks_to(merchant.url)
                made = spg.control("POST", "payments", {"kind": "mbWay", "amount": "1.00"})
                spg.control("POST", f"payments/{made['transactionID']}/notify", {})
                eventually("one webhook", merchant.received)
                notification = spg.payment(made["transactionID"])["notifications"][0]
                self.assertEqual(notification["outcome"], outcome)
