import itertools
import json
import unittest

import support

from consumer import consume_batch
from outcome import Outcome, UnreadableEvent
from store import SqliteStore


class Shop:
    """The merchant's side: a store, and orders that are brought up to date."""

    def __init__(self):
        self.store = SqliteStore()
        self.orders = {}
        self.applied = []
        self.failing = set()

    def apply(self, outcome):
        self.applied.append(outcome.event_id)
        if outcome.event_id in self.failing:
            raise RuntimeError("the shop is down")
        self.orders[outcome.transaction_id] = outcome.paid

    def receive(self, *events):
        return support.failed(consume_batch(support.batch(events), self.store, self.apply))

    def state(self):
        return self.orders, self.store.contents()


def state_after(*batches):
    shop = Shop()
    for events in batches:
        assert shop.receive(*events) == []
    return shop.state()


class EveryDeliveryEndsAlike(unittest.TestCase):
    def setUp(self):
        self.story = support.story()
        self.ids = [event["detail"]["eventId"] for event in self.story]
        self.assertEqual(len(set(self.ids)), 4)
        self.expected = state_after(self.story)

    def test_in_order(self):
        orders, (outcomes, attention) = self.expected
        self.assertEqual(orders, {support.STORY: True})
        id, sequence, paid, status, detail, todo = outcomes[0]
        expected = (support.STORY, self.story[-1]["detail"]["sequence"], 1, "Success", None)
        self.assertEqual((id, sequence, paid, status, todo), expected)
        self.assertEqual(json.loads(detail), self.story[-1]["detail"])
        self.assertEqual(
            attention,
            [(support.STORY, f"{self.ids[2]} UnexpectedCorrection"), (support.STORY, f"{self.ids[3]} AmountMismatch")],
        )

    def test_in_every_order(self):
        for order in itertools.permutations(self.story):
            numbers = [event["detail"]["sequence"] for event in order]
            with self.subTest(order=numbers):
                self.assertEqual(state_after(order), self.expected, "in one batch")
                self.assertEqual(state_after(*([event] for event in order)), self.expected, "one by one")

    def test_each_twice_in_every_order(self):
        for order in itertools.permutations(self.story):
            self.assertEqual(state_after(order, order), self.expected)
            self.assertEqual(state_after([event for event in order for _ in range(2)]), self.expected)

    def test_after_a_republish_of_the_latest(self):
        shop = Shop()
        shop.receive(*self.story)
        applied = list(shop.applied)
        self.assertEqual(shop.receive(self.story[-1]), [])
        self.assertEqual((shop.state(), shop.applied), (self.expected, applied), "received again, nothing is done again")

    def test_a_republish_makes_good_for_what_was_lost(self):
        # All but the first were lost; a republish tells the latest only.
        orders, (outcomes, _) = state_after(self.story[:1], self.story[-1:])
        self.assertEqual((orders, outcomes), (self.expected[0], self.expected[1][0]))

    def test_interleaved_with_other_transactions(self):
        others = [event for event in support.examples().values() if event["detail"]["transactionID"] != support.STORY]
        self.assertGreater(len(others), 3)
        interleaved = [event for pair in itertools.zip_longest(others, reversed(self.story)) for event in pair if event]
        self.assertEqual(state_after(interleaved), state_after(others, self.story))

    def test_what_is_not_higher_is_never_acted_on(self):
        shop = Shop()
        shop.receive(*reversed(self.story))
        self.assertEqual(shop.applied, [self.ids[3]])


class PaidIsWhatTheEventSays(unittest.TestCase):
    def test_a_success_that_is_no_payment(self):
        cancelled = support.examples()["transaction-finalised-cancellation"]
        self.assertEqual(cancelled["detail"]["paymentStatus"], "Success")
        orders, _ = state_after([cancelled])
        self.assertEqual(list(orders.values()), [False])

    def test_a_correction_takes_back(self):
        paid, declined = support.story()[:2]
        self.assertEqual(state_after([paid])[0], {support.STORY: True})
        self.assertEqual(state_after([paid], [declined])[0], {support.STORY: False})


class FailuresInABatch(unittest.TestCase):
    def setUp(self):
        self.first = support.story()[0]
        self.other = support.examples()["transaction-finalised-reference"]

    def test_only_what_failed_comes_back(self):
        shop = Shop()
        shop.failing = {self.first["detail"]["eventId"]}
        self.assertEqual(shop.receive(self.other, self.first, self.other), ["message-1"])
        self.assertEqual(shop.orders, {self.other["detail"]["transactionID"]: True})

    def test_what_failed_is_done_when_it_comes_again(self):
        shop = Shop()
        shop.failing = {self.first["detail"]["eventId"]}
        shop.receive(self.first)
        shop.failing = set()
        self.assertEqual(shop.receive(self.first), [])
        self.assertEqual(shop.orders, {support.STORY: True}, "the decision was kept before the failure")
        self.assertEqual(shop.state(), state_after([self.first]))

    def test_a_failure_that_a_later_outcome_supersedes_is_over(self):
        shop = Shop()
        shop.failing = {self.first["detail"]["eventId"]}
        shop.receive(self.first)
        shop.receive(support.story()[1])
        self.assertEqual(shop.receive(self.first), [])
        self.assertEqual(shop.orders, {support.STORY: False})

    def test_what_cannot_be_read_comes_back_alone(self):
        shop = Shop()
        good = self.other
        bad = [
            "no JSON",
            "null",
            "{}",
            support.changed(good, {"source": "aws.ec2"}),
            {**good, "detail": None},
            support.changed(good, sequence="1"),
            support.changed(good, sequence=True, eventId=f"{good['detail']['transactionID']}#True"),
            support.changed(good, sequence=0, eventId=f"{good['detail']['transactionID']}#0"),
            support.changed(good, paid="true"),
            support.changed(good, paymentStatus=None),
            support.changed(good, eventId="another#1"),
            support.changed(good, transactionID="", eventId="#1"),
        ]
        self.assertEqual(shop.receive(*bad, good), [f"message-{n}" for n in range(len(bad))])
        self.assertEqual(len(shop.orders), 1)

    def test_neither_the_error_nor_the_log_repeats_what_was_sent(self):
        with self.assertRaises(UnreadableEvent) as caught:
            Outcome.of(support.changed(self.other, paid="canary"))
        self.assertEqual(str(caught.exception), "paid")
        with self.assertLogs("consumer") as logs:
            Shop().receive("canary", support.changed(self.other, paid="canary"))
        self.assertEqual(len(logs.output), 2)
        self.assertNotIn("canary", "".join(logs.output))


class Compatibility(unittest.TestCase):
    """docs/use/events.md promises what may change; nothing of it may stop a consumer."""

    def check(self, event):
        (outcome,) = support.story()[:1]
        orders, (outcomes, attention) = state_after([event])
        self.assertEqual(orders, {support.STORY: outcome["detail"]["paid"]})
        self.assertEqual(json.loads(outcomes[0][4]), event["detail"], "nothing of it is lost")
        return attention

    def test_a_field_that_is_not_known(self):
        self.check(support.changed(support.story()[0], {"replay-name": "archive"}, settlementDate="2026-03-13", fees=[1]))

    def test_a_newer_schema_version(self):
        newer = support.changed(support.story()[0], schemaVersion=2, amount={"minorUnits": 1590, "currency": "EUR"})
        del newer["detail"]["retryEligible"]
        self.check(newer)

    def test_a_kind_of_event_that_is_not_known(self):
        self.check(support.changed(support.story()[0], {"detail-type": "Transaction Settled"}))

    def test_a_reason_that_is_not_known_is_for_people(self):
        attention = self.check(support.changed(support.story()[0], reason="PaymentTypeLearned, SomethingNew"))
        self.assertEqual(attention, [(support.STORY, f"{support.story()[0]['detail']['eventId']} SomethingNew")])

    def test_a_reason_that_only_explains_is_not_for_people(self):
        for explanation in ("PostAuthorisationDecline", "PaymentTypeLearned", "Restored"):
            self.assertEqual(self.check(support.changed(support.story()[0], reason=explanation)), [], explanation)


if __name__ == "__main__":
    unittest.main()
