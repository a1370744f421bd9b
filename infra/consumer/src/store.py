"""The merchant's own table: one item per transaction, with what has its highest sequence.

`keep` is the one conditional write that decides. Its condition makes repeats and disorder harmless: whatever comes in
whatever order, the item ends with the highest sequence.

`todo` names the event whose consequences are not done yet. It is set by the same write, so a crash between the
decision and its consequences loses nothing: the event comes again, finds its own id there, and goes on.
"""

import json
import os
import sqlite3
from typing import Any, Protocol

from outcome import Outcome


class Store(Protocol):
    def keep(self, outcome: Outcome) -> bool:
        """Keeps an outcome if its sequence is higher than what is known. True if its consequences are still to be done."""

    def done(self, outcome: Outcome) -> None:
        """The consequences are done. Does nothing if a later outcome has come meanwhile."""

    def note_attention(self, outcome: Outcome) -> None:
        """Remembers for people why a transaction needs attention, also if a later outcome is known already."""


class DynamoStore:
    """On AWS. Key: `transactionID` (S)."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def keep(self, outcome: Outcome) -> bool:
        try:
            self._update(
                outcome,
                "SET #sequence = :sequence, paid = :paid, paymentStatus = :status, detail = :detail, todo = :event",
                {
                    ":sequence": {"N": str(outcome.sequence)},
                    ":paid": {"BOOL": outcome.paid},
                    ":status": {"S": outcome.payment_status},
                    ":detail": {"S": _text(outcome)},
                    ":event": {"S": outcome.event_id},
                },
                condition="attribute_not_exists(#sequence) OR #sequence < :sequence",
            )
        except self._client.exceptions.ConditionalCheckFailedException as refused:
            known = refused.response.get("Item", {})
            return known.get("todo") == {"S": outcome.event_id}
        return True

    def done(self, outcome: Outcome) -> None:
        try:
            self._update(outcome, "REMOVE todo", {":event": {"S": outcome.event_id}}, condition="todo = :event")
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def note_attention(self, outcome: Outcome) -> None:
        # Adding to a set can be repeated, needs no condition and no item that is already there.
        self._update(outcome, "ADD attention :notes", {":notes": {"SS": _notes(outcome)}}, condition=None)

    def _update(self, outcome: Outcome, expression: str, values: dict[str, Any], condition: "str | None") -> None:
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": {"transactionID": {"S": outcome.transaction_id}},
            "UpdateExpression": expression,
            "ExpressionAttributeValues": values,
        }
        if "#sequence" in expression:
            request["ExpressionAttributeNames"] = {"#sequence": "sequence"}
        if condition is not None:
            request["ConditionExpression"] = condition
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        self._client.update_item(**request)


class SqliteStore:
    """On one machine: the same three writes, for tests and for trying things out.

    A sequence needs 64 bits: BIGINT. A column of 32 bits would clamp or wrap it in some databases and keep no order; the
    CHECK makes every such row fail loudly.
    """

    def __init__(self, path: str = ":memory:") -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(
            """
            CREATE TABLE IF NOT EXISTS outcomes (
                transactionID TEXT PRIMARY KEY, sequence BIGINT NOT NULL CHECK (sequence > 4294967295),
                paid INTEGER NOT NULL,
                paymentStatus TEXT NOT NULL, detail TEXT NOT NULL, todo TEXT);
            CREATE TABLE IF NOT EXISTS attention (
                transactionID TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (transactionID, note));
            """
        )

    def keep(self, outcome: Outcome) -> bool:
        known_by = (outcome.transaction_id,)
        values = (outcome.sequence, outcome.paid, outcome.payment_status, _text(outcome), outcome.event_id)
        written = self._connection.execute(
            """
            INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (transactionID) DO UPDATE SET
                sequence = excluded.sequence, paid = excluded.paid, paymentStatus = excluded.paymentStatus,
                detail = excluded.detail, todo = excluded.todo
            WHERE outcomes.sequence < excluded.sequence
            """,
            known_by + values,
        )
        if written.rowcount > 0:
            return True
        known = self._connection.execute("SELECT todo FROM outcomes WHERE transactionID = ?", known_by).fetchone()
        return known == (outcome.event_id,)

    def done(self, outcome: Outcome) -> None:
        self._connection.execute(
            "UPDATE outcomes SET todo = NULL WHERE transactionID = ? AND todo = ?",
            (outcome.transaction_id, outcome.event_id),
        )

    def note_attention(self, outcome: Outcome) -> None:
        notes = [(outcome.transaction_id, note) for note in _notes(outcome)]
        self._connection.executemany("INSERT OR IGNORE INTO attention VALUES (?, ?)", notes)

    def contents(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """Everything that is stored, in one order: what tests compare."""
        outcomes = self._connection.execute("SELECT * FROM outcomes ORDER BY transactionID").fetchall()
        attention = self._connection.execute("SELECT * FROM attention ORDER BY transactionID, note").fetchall()
        return outcomes, attention


def on_aws() -> DynamoStore:
    """The table that the environment names. boto3 comes with Lambda's Python."""
    import boto3

    return DynamoStore(boto3.client("dynamodb"), os.environ["TABLE_NAME"])


def _text(outcome: Outcome) -> str:
    return json.dumps(outcome.detail, sort_keys=True, separators=(",", ":"))


def _notes(outcome: Outcome) -> list[str]:
    return [f"{outcome.event_id} {code}" for code in outcome.attention]
