"""What an event of spg-webhooks says, as far as this consumer acts on it.

Only the core fields are read. They keep their name, type and meaning in every schemaVersion (docs/use/events.md), so a
newer one is no reason to stop; every other field is kept as it came and looked at by nobody here.
"""

from dataclasses import dataclass
from typing import Any

SOURCE = "spg.transactions"
NEEDS_ATTENTION = "Transaction Needs Attention"
# A reason can come with an outcome of any kind. These two explain it; every other one, also one that is not known
# yet, is for people.
EXPLANATIONS = frozenset({"PostAuthorisationDecline", "PaymentTypeLearned", "Restored"})


class UnreadableEvent(ValueError):
    """Not an event of ours. Says which field, never what is in it."""


@dataclass(frozen=True)
class Outcome:
    transaction_id: str
    # Rises with each event of one transaction, in Unix milliseconds below 2^53. The highest is the truth.
    sequence: int
    event_id: str
    payment_status: str
    # Money or not. Never conclude it from payment_status: a cancellation is a Success too.
    paid: bool
    # Why people should look at it; empty for a plain outcome.
    attention: tuple[str, ...]
    # The whole detail, with what this version does not know.
    detail: dict[str, Any]

    @classmethod
    def of(cls, event: Any) -> "Outcome":
        """Reads an event as EventBridge delivers it."""
        if not isinstance(event, dict) or event.get("source") != SOURCE:
            raise UnreadableEvent("source")
        detail = event.get("detail")
        if not isinstance(detail, dict):
            raise UnreadableEvent("detail")
        transaction_id = _field(detail, "transactionID", str)
        sequence = _field(detail, "sequence", int)
        event_id = _field(detail, "eventId", str)
        if not transaction_id or sequence < 1 or event_id != f"{transaction_id}#{sequence}":
            raise UnreadableEvent("eventId")
        return cls(
            transaction_id=transaction_id,
            sequence=sequence,
            event_id=event_id,
            payment_status=_field(detail, "paymentStatus", str),
            paid=_field(detail, "paid", bool),
            attention=_attention(event.get("detail-type"), detail.get("reason")),
            detail=detail,
        )


def _attention(detail_type: Any, reason: Any) -> tuple[str, ...]:
    codes = reason.split(", ") if isinstance(reason, str) else []
    attention = tuple(code for code in codes if code not in EXPLANATIONS)
    return attention or (("Unsaid",) if detail_type == NEEDS_ATTENTION else ())


def _field(detail: dict[str, Any], name: str, kind: type) -> Any:
    value = detail.get(name)
    # In Python a bool is an int; here it is not.
    if type(value) is not kind:
        raise UnreadableEvent(name)
    return value
