"""What the tests share: the events that the publisher really made, and the way in which Lambda delivers them."""

import copy
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(FOLDER / "src"))

EXAMPLES = FOLDER.parent / "events" / "examples"
# The transaction of which the examples tell several outcomes.
STORY = "s2bfw1g1P1siCSUjVPP8"


def examples():
    """All events by the name of their file; checked against the publisher by the tests of the workspace."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(EXAMPLES.glob("*.json"))}


def story():
    """The outcomes of one transaction, earliest first."""
    events = [event for event in examples().values() if event["detail"]["transactionID"] == STORY]
    return sorted(events, key=lambda event: event["detail"]["sequence"])


def numbered(event, transaction_id, sequence):
    """Another transaction's, or another one in the order."""
    return changed(event, transactionID=transaction_id, sequence=sequence, eventId=f"{transaction_id}#{sequence}")


def changed(event, envelope=(), **detail):
    event = copy.deepcopy(event)
    event.update(envelope)
    event["detail"].update(detail)
    return event


def batch(events):
    """As Lambda hands over a batch of SQS; an event that is a text is a body as it is."""
    bodies = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return {"Records": [{"messageId": f"message-{n}", "body": body} for n, body in enumerate(bodies)]}


def failed(answer):
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
