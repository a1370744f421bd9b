"""What every store must do. `self.store` is made by the one who runs it, new for each test."""

import itertools

import support
from outcome import Outcome


class StoreContract:
    store = None

    def todo(self, event):
        return self.store.keep(Outcome.of(event))

    def test_the_first_one_is_kept_and_its_repetition_is_not_once_it_is_done(self):
        first = support.story()[0]
        self.assertTrue(self.todo(first))
        self.store.done(Outcome.of(first))
        self.assertFalse(self.todo(first))

    def test_what_was_not_done_is_still_to_be_done_when_it_comes_again(self):
        first = support.story()[0]
        self.assertTrue(self.todo(first))
        self.assertTrue(self.todo(first), "its consequences may have been lost")
        self.store.done(Outcome.of(first))
        self.assertFalse(self.todo(first))

    def test_one_that_is_not_higher_is_refused(self):
        first, second, third, _ = support.story()
        self.assertTrue(self.todo(third))
        self.assertFalse(self.todo(first))
        self.assertFalse(self.todo(second))
        self.assertTrue(self.todo(third), "the refused ones have changed nothing")

    def test_a_higher_one_takes_over_what_is_to_be_done(self):
        first, second = support.story()[:2]
        self.assertTrue(self.todo(first))
        self.assertTrue(self.todo(second))
        self.store.done(Outcome.of(first))
        self.assertTrue(self.todo(second), "the end of the first is not the end of the second")
        self.assertFalse(self.todo(first))

    def test_sequences_are_compared_as_numbers(self):
        first = support.story()[0]
        ninth, tenth = (support.numbered(first, support.STORY, n) for n in (9_999_999_999_999, 10_000_000_000_000))
        self.assertTrue(self.todo(ninth))
        self.assertTrue(self.todo(tenth))
        self.assertFalse(self.todo(ninth))

    def test_each_transaction_is_its_own(self):
        firsts = {event["detail"]["transactionID"]: event for event in support.examples().values()}.values()
        self.assertGreater(len(firsts), 2)
        self.assertTrue(all(self.todo(event) for event in firsts))

    def test_attention_can_be_noted_twice_and_before_or_after_any_outcome(self):
        attention = Outcome.of(support.story()[-1])
        self.assertTrue(attention.attention)
        self.store.note_attention(attention)
        self.store.note_attention(attention)
        self.assertTrue(self.store.keep(attention), "a note is no outcome")
        self.store.note_attention(attention)

    def test_every_order_ends_with_the_highest(self):
        for order in itertools.permutations(range(4)):
            with self.subTest(order=order):
                id = "order-" + "".join(map(str, order))
                events = [
                    support.numbered(event, id, event["detail"]["sequence"]) for event in support.story()
                ]
                kept = [self.todo(events[n]) for n in order]
                highest = list(itertools.accumulate(order, max))
                self.assertEqual(kept, [n == top for n, top in zip(order, highest)])
