"""Every kind of payment, ordered, paid and notified through pysibs, against what the simulator says has happened."""

import itertools
import unittest
from decimal import Decimal

from pysibs import SIBSClient
from pysibs.enums import PaymentStatus
from pysibs.exceptions import SIBSAPIError, SIBSAuthenticationError

from merchant import Merchant
from simulator import CLIENT_ID, TERMINAL, TOKEN, Simulator, eventually

# Days of a reference pass in a second.
TIME_SCALE = "200000"
PHONE = "351#911234567"
CARD = {
    "cardInfo": {
        "PAN": "4761340000000035",
        "secureCode": "536",
        "validationDate": "2030-12-31T00:00:00.000Z",
        "cardholderName": "A CARDHOLDER",
    }
}
CHALLENGED_CARD = {"cardInfo": CARD["cardInfo"] | {"PAN": "4176660000000100"}}

# What pysibs calls SPG's statuses. It has no word for InProcessing: raw_status keeps it.
NORMALISED = {
    "Pending": PaymentStatus.PENDING,
    "InProcessing": PaymentStatus.UNKNOWN,
    "Success": PaymentStatus.CAPTURED,
    "Declined": PaymentStatus.DECLINED,
    "Timeout": PaymentStatus.EXPIRED,
    "Error": PaymentStatus.ERROR,
}


class Payments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # pysibs sends shorter bodies than the documentation asks for: test_bodies.py.
        cls.spg = Simulator("--time-scale", TIME_SCALE, "--abbreviated-bodies")
        cls.addClassCleanup(cls.spg.stop)
        cls.merchant = Merchant()
        cls.addClassCleanup(cls.merchant.stop)
        cls.spg.webhooks_to(cls.merchant.url)
        cls.client = SIBSClient(TOKEN, TERMINAL, base_url=cls.spg.base_url, client_id=CLIENT_ID, retries=0)
        cls.addClassCleanup(cls.client.close)
        cls.orders = itertools.count(1)

    def setUp(self):
        self.spg.ends("success")

    def open(self, amount, method, kind="PURS"):
        order = f"order-{next(self.orders)}"
        payment = self.client.create_payment(
            amount=amount, merchant_transaction_id=order, payment_methods=[method], transaction_type=kind
        )
        self.assertEqual(payment.raw_response["merchant"]["merchantTransactionId"], order)
        return payment, order

    def mb_way(self, amount, kind="PURS"):
        payment, order = self.open(amount, "MBWAY", kind)
        begun = self.client.pay_with_mbway(
            payment_id=payment.id, transaction_signature=payment.signature, customer_phone=PHONE
        )
        self.assertEqual((begun.payment_id, begun.status), (payment.id, PaymentStatus.PENDING))
        return payment.id, order

    def card(self, amount, kind="PURS"):
        payment, order = self.open(amount, "CARD", kind)
        begun = self.client.pay_with_card(
            payment_id=payment.id, transaction_signature=payment.signature, card=CARD
        )
        self.assertEqual((begun.payment_id, begun.status), (payment.id, PaymentStatus.PENDING))
        self.assertFalse(begun.requires_3ds)
        return payment.id, order

    def settle(self, transaction_id, ending, amount, method, kind, order):
        """Waits for the end, then compares all that pysibs understood with all that the simulator has done."""

        def acknowledged():
            payment = self.spg.payment(transaction_id)
            sent, truth = payment["notifications"], payment["truth"]
            # Each status is told, a moment after it became true.
            told = len({one["notificationID"] for one in sent}) == len(truth)
            done = told and all(one["outcome"] == "delivered" for one in sent)
            return payment if done and truth[-1]["status"] == ending else None

        payment = eventually(f"{transaction_id} {ending}, all acknowledged", acknowledged)
        told = {one["notificationID"]: one["claims"] for one in payment["notifications"]}
        self.assertEqual(list(told.values()), [one["status"] for one in payment["truth"]])
        self.assertEqual((Decimal(payment["amount"]), payment["currency"]), (Decimal(amount), "EUR"))
        events = self.merchant.events(transaction_id)
        self.assertEqual({event.notification_id: event.raw_status for event in events}, told)
        for event in events:
            self.assertEqual(event.status, NORMALISED[event.raw_status])
            self.assertEqual((event.merchant_transaction_id, event.payment_method), (order, method))
            self.assertEqual(event.raw_payload["paymentType"], kind)
            self.assertEqual(str(event.raw_payload["merchant"]["terminalId"]), TERMINAL)
            self.same_amount(event.raw_payload["amount"], amount)
        status = self.client.get_payment_status(transaction_id)
        self.assertEqual((status.payment_id, status.raw_status), (transaction_id, ending))
        self.assertEqual(status.status, NORMALISED[ending])
        self.same_amount(status.raw_response["amount"], amount)
        return events, status

    def same_amount(self, block, amount):
        self.assertEqual((Decimal(str(block["value"])), block["currency"]), (Decimal(amount), "EUR"))

    def test_mb_way_in_every_ending(self):
        for ending, status in [
            ("success", "Success"),
            ("declined", "Declined"),
            ("timeout", "Timeout"),
            ("error", "Error"),
            ("declinedAfterwards", "Declined"),
        ]:
            with self.subTest(ending):
                self.spg.ends(ending)
                transaction_id, order = self.mb_way("15.90")
                self.settle(transaction_id, status, "15.9", "MBWAY", "PURS", order)

    def test_card_in_every_ending(self):
        for ending, status in [("success", "Success"), ("declined", "Declined"), ("timeout", "Timeout")]:
            with self.subTest(ending):
                self.spg.ends(ending)
                transaction_id, order = self.card("0.01")
                self.settle(transaction_id, status, "0.01", "CARD", "PURS", order)

    def test_card_with_a_challenge(self):
        payment, order = self.open("99999.99", "CARD")
        challenge = self.client.pay_with_card(
            payment_id=payment.id, transaction_signature=payment.signature, card=CHALLENGED_CARD
        )
        self.assertTrue(challenge.requires_3ds)
        self.assertEqual(challenge.status, PaymentStatus.ACTION_REQUIRED)
        self.assertEqual(challenge.action.url, challenge.raw_response["actionResponse"]["data"]["url"])
        # A list in SIBS's definition of the card API; pysibs reads an object alone, and drops the list.
        self.assertEqual(challenge.action.params, {})
        self.assertEqual(self.merchant.events(payment.id), [])
        done = {"id": challenge.action.raw["id"], "type": challenge.action.type, "executed": True}
        resumed = self.client.submit_3ds(
            payment_id=payment.id, transaction_signature=payment.signature, data={"actionProcessed": done}
        )
        self.assertEqual(resumed.status, PaymentStatus.PENDING)
        self.settle(payment.id, "Success", "99999.99", "CARD", "PURS", order)

    def test_multibanco_reference(self):
        payment, order = self.open("2", "REFERENCE")
        # pysibs has no call for it; its call for cards takes any path. It insists on a body that is not empty.
        generated = self.client.pay_with_card(
            payment_id=payment.id,
            transaction_signature=payment.signature,
            path="service-reference/generate",
            card={"info": {}},
        )
        reference = generated.raw_response["paymentReference"]
        self.assertEqual(reference["status"], "UNPAID")
        events, status = self.settle(payment.id, "Success", "2.00", "REFERENCE", "PURS", order)
        for one in [*events, status]:
            self.assertEqual((one.payment_reference.entity, one.payment_reference.reference),
                             (reference["entity"], reference["reference"]))
            self.assertEqual(one.payment_reference.amount, Decimal(2))
        paid = {event.raw_status: event.payment_reference.raw["status"] for event in events}
        self.assertEqual(paid, {"Pending": "UNPAID", "Success": "PAID"})

    def test_authorisation_capture_and_refund(self):
        authorisation, order = self.card("30.00", "AUTH")
        self.settle(authorisation, "Success", "30", "CARD", "AUTH", order)
        captured = self.client.capture_payment(payment_id=authorisation, amount="20.00")
        self.assertNotEqual(captured.payment_id, authorisation)
        self.settle(captured.payment_id, "Success", "20", "CARD", "CAPT", order)
        refunded = self.client.refund_payment(
            payment_id=captured.payment_id, amount="12.34", merchant_refund_id="refund-1"
        )
        self.assertEqual(refunded.payment_id, captured.payment_id)
        self.settle(refunded.id, "Success", "12.34", "CARD", "RFND", "refund-1")
        # Without an amount: all that is left.
        rest = self.client.refund_payment(payment_id=captured.payment_id)
        self.settle(rest.id, "Success", "7.66", "CARD", "RFND", order)
        with self.assertRaises(SIBSAPIError) as refused:
            self.client.refund_payment(payment_id=captured.payment_id, amount="0.01")
        self.assertEqual(refused.exception.status_code, 409)

    def test_authorisation_and_cancellation(self):
        authorisation, order = self.mb_way("30.00", "AUTH")
        self.settle(authorisation, "Success", "30", "MBWAY", "AUTH", order)
        cancelled = self.client.cancel_payment(authorisation)
        self.assertNotEqual(cancelled.payment_id, authorisation)
        self.settle(cancelled.payment_id, "Success", "30", "MBWAY", "CANC", order)
        with self.assertRaises(SIBSAPIError) as refused:
            self.client.capture_payment(payment_id=authorisation)
        self.assertEqual(refused.exception.status_code, 409)

    def test_full_refund_of_a_purchase(self):
        purchase, order = self.mb_way("5.00")
        self.settle(purchase, "Success", "5", "MBWAY", "PURS", order)
        refunded = self.client.refund_payment(payment_id=purchase)
        self.settle(refunded.id, "Success", "5", "MBWAY", "RFND", order)
        with self.assertRaises(SIBSAPIError) as refused:
            self.client.refund_payment(payment_id=purchase, amount="0.01")
        self.assertEqual(refused.exception.status_code, 409)

    def test_wrong_credentials(self):
        for token, client_id in [("wrong", CLIENT_ID), (TOKEN, "wrong"), (TOKEN, None)]:
            with SIBSClient(token, TERMINAL, base_url=self.spg.base_url, client_id=client_id, retries=0) as stranger:
                with self.assertRaises(SIBSAuthenticationError):
                    stranger.create_payment(amount="1", merchant_transaction_id="x", payment_methods=["CARD"])
        (one, _), (other, _) = self.open("1", "MBWAY"), self.open("1", "MBWAY")
        with self.assertRaises(SIBSAuthenticationError):
            self.client.pay_with_mbway(
                payment_id=one.id, transaction_signature=other.signature, customer_phone=PHONE
            )
        self.assertEqual(self.spg.payment(one.id)["notifications"], [])
