"""The function behind the queue: events in, the merchant's orders brought up to date.

A record that fails is reported by its id and comes again alone; the rest of its batch is done. What can never succeed
goes to the queue's dead-letter queue after `maxReceiveCount` attempts.
"""

import json
import logging
from functools import cache
from typing import Any, Callable

from outcome import Outcome
from store import Store, on_aws

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)

Apply = Callable[[Outcome], None]


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """What Lambda calls."""
    return consume_batch(event, _store(), bring_order_up_to_date)


@cache
def _store() -> Store:
    return on_aws()


def bring_order_up_to_date(outcome: Outcome) -> None:
    """Put your own here: release the order if `paid`, take it back if not.

    It may be called twice for the same event, so give `event_id` as idempotency key to what you call. It is called
    for the latest event only, and a correction may follow one that it was called for.
    """
    order = outcome.detail.get("merchantTransactionId")
    log.info("%s: order %s is %s", outcome.event_id, order, "paid" if outcome.paid else "not paid")


def consume_batch(event: dict[str, Any], store: Store, apply: Apply) -> dict[str, Any]:
    failed = []
    for record in event["Records"]:
        try:
            consume(Outcome.of(json.loads(record["body"])), store, apply)
        except Exception as error:  # One bad record must not take its batch along, whatever is wrong with it.
            # The kind only: the words of some errors repeat what they were given.
            log.error("%s failed: %s", record["messageId"], type(error).__name__)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def consume(outcome: Outcome, store: Store, apply: Apply) -> None:
    if outcome.attention:
        store.note_attention(outcome)
    if store.keep(outcome):
        apply(outcome)
        store.done(outcome)
