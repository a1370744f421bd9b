import json
import re
import unittest

import pattern
import support

from outcome import EXPLANATIONS, Outcome

RULES = {path.stem: json.loads(path.read_text()) for path in (support.FOLDER / "rules").glob("*.json")}
REASONS = support.FOLDER.parent.parent / "shared" / "domain" / "src" / "attention.rs"


def routed(rule, events=None):
    events = support.examples() if events is None else events
    return {name for name, event in events.items() if pattern.matches(RULES[rule], event)}


class Rules(unittest.TestCase):
    def setUp(self):
        self.examples = support.examples()

    def names(self, predicate):
        return {name for name, event in self.examples.items() if predicate(event)}

    def test_all(self):
        self.assertEqual(routed("all"), set(self.examples))

    def test_paid(self):
        expected = self.names(lambda e: e["detail"]["paid"] and e["detail-type"] != "Transaction Needs Attention")
        self.assertEqual(routed("paid"), expected)
        self.assertEqual(
            expected, {"transaction-finalised", "transaction-finalised-reference", "transaction-corrected-unexpectedly"}
        )

    def test_needs_attention_is_what_the_consumer_notes_for_people(self):
        self.assertEqual(routed("needs-attention"), self.names(lambda event: Outcome.of(event).attention))
        self.assertIn("transaction-corrected-unexpectedly", routed("needs-attention"), "not only by the detail-type")
        self.assertNotIn("transaction-corrected", routed("needs-attention"))

    def test_every_reason_for_attention_is_routed_alone_and_beside_others(self):
        variants = REASONS.read_text().partition("pub enum AttentionReason")[2]
        reasons = re.findall(r"^    (\w+),$", variants, re.MULTILINE)
        self.assertLessEqual({"AmountMismatch", "TooManyNotifications"}, set(reasons))
        plain = self.examples["transaction-finalised"]
        for reason in reasons:
            # A write explains itself once at most, so one end of the text is always the reason for attention.
            for text in [reason, *(f"{e}, {reason}" for e in EXPLANATIONS), *(f"{reason}, {e}" for e in EXPLANATIONS)]:
                event = support.changed(plain, reason=text)
                self.assertTrue(pattern.matches(RULES["needs-attention"], event), text)
                self.assertEqual(Outcome.of(event).attention, (reason,))
        for explanation in EXPLANATIONS:
            event = support.changed(plain, reason=explanation)
            self.assertFalse(pattern.matches(RULES["needs-attention"], event), explanation)

    def test_one_terminal(self):
        self.assertEqual(routed("one-terminal"), {"transaction-finalised-declined"})
        elsewhere = {"none": support.changed(self.examples["transaction-finalised-declined"], terminalId=None)}
        self.assertEqual(routed("one-terminal", elsewhere), set())

    def test_nobody_elses_event_is_routed(self):
        others = {name: {**event, "source": "aws.ec2"} for name, event in self.examples.items()}
        for rule in RULES:
            self.assertEqual(routed(rule, others), set(), rule)


class ThePatterns(unittest.TestCase):
    def check(self, rule, event, expected):
        self.assertIs(pattern.matches(rule, event), expected)

    def test_as_eventbridge_matches(self):
        self.check({"a": ["x", "y"]}, {"a": "y"}, True)
        self.check({"a": ["x"]}, {"a": "X"}, False)
        self.check({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, False)
        self.check({"a": [True]}, {"a": True}, True)
        self.check({"a": [True]}, {"a": 1}, False)
        self.check({"a": [True]}, {"a": "true"}, False)
        self.check({"a": ["x"]}, {}, False)
        self.check({"a": [{"prefix": "x"}]}, {"a": None}, False)
        self.check({"a": [{"prefix": "x"}, {"suffix": "y"}]}, {"a": "by"}, True)
        self.check({"a": {"b": ["x"]}}, {"a": {"b": "x", "c": 1}}, True)
        self.check({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True)
        self.check({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"a": "y", "b": "x"}, False)

    def test_an_operator_that_is_not_known_is_an_error(self):
        with self.assertRaises(ValueError):
            pattern.matches({"a": [{"wildcard": "*"}]}, {"a": "x"})


if __name__ == "__main__":
    unittest.main()
