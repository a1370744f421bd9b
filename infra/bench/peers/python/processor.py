"""The queue: each notification once, what it claims asked of the Status API, the transaction updated by its version.

Written as the documentation of Powertools for AWS Lambda (Python) advises: Idempotency with its DynamoDB table around the work on
one notification, Batch with partial responses around the records, the clients shared, the secret through Parameters.
"""

import os
import time
from decimal import Decimal
from urllib.parse import quote

import boto3
import urllib3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

CREDENTIALS_AGE_SECONDS_MAX = 900
RACES_MAX = 5
RETENTION_SECONDS = 400 * 24 * 3600
FINAL = {"Success", "Declined", "Error", "Timeout"}
STATUS_API_URL = os.environ["STATUS_API_URL"]

logger = Logger()
metrics = Metrics()
batch = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
http = urllib3.PoolManager(timeout=8.0)
idempotency = IdempotencyConfig(event_key_jmespath="notificationID", raise_on_no_idempotency_key=True)
persistence = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"])


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict, context: LambdaContext) -> dict:
    idempotency.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=processed, processor=batch, context=context)


def processed(record: SQSRecord) -> None:
    settled(notification=record.json_body)


@idempotent_function(data_keyword_argument="notification", config=idempotency, persistence_store=persistence)
def settled(notification: dict) -> dict:
    """Once for each notificationID: asks only if a final state is claimed that is not stored, and writes by the version."""
    transaction_id = notification["transactionID"]
    for _ in range(RACES_MAX):
        stored = table.get_item(Key={"transactionID": transaction_id}, ConsistentRead=True).get("Item")
        status = decided(notification, stored)
        if stored and stored["paymentStatus"] == status:
            break
        try:
            write(notification, stored, status)
            break
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
    else:
        raise RuntimeError("too many races")
    metrics.add_metric(name="Processed", unit=MetricUnit.Count, value=1)
    logger.info(
        "processed",
        transactionID=transaction_id,
        notificationID=notification["notificationID"],
        claimed=notification["paymentStatus"],
        paymentStatus=status,
    )
    return {"transactionID": transaction_id, "paymentStatus": status}


def decided(notification: dict, stored: dict | None) -> str:
    claimed = notification["paymentStatus"]
    known = stored["paymentStatus"] if stored else "Pending"
    if known == claimed or (known in FINAL and claimed not in FINAL):
        return known
    if claimed not in FINAL:
        return claimed
    return asked(notification["transactionID"])


def asked(transaction_id: str) -> str:
    name = os.environ["STATUS_API_SECRET"]
    credentials = parameters.get_secret(name, transform="json", max_age=CREDENTIALS_AGE_SECONDS_MAX)["default"]
    started = time.monotonic()
    response = http.request(
        "GET",
        f"{STATUS_API_URL}/payments/{quote(transaction_id, safe='')}/status",
        headers={
            "Authorization": f"Bearer {credentials['token']}",
            "X-IBM-Client-Id": credentials["clientId"],
            "Accept": "application/json",
        },
    )
    if response.status != 200:
        raise RuntimeError(f"the Status API answers {response.status}")
    took_ms = int((time.monotonic() - started) * 1000)
    metrics.add_metric(name="StatusApiLatency", unit=MetricUnit.Milliseconds, value=took_ms)
    status = response.json()["paymentStatus"]
    logger.info("status answer", transactionID=transaction_id, paymentStatus=status, durationMs=took_ms)
    return status


def write(notification: dict, stored: dict | None, status: str) -> None:
    """One conditional write: nobody has written since the read."""
    version = stored["version"] if stored else Decimal(0)
    now = int(time.time() * 1000)
    table.update_item(
        Key={"transactionID": notification["transactionID"]},
        UpdateExpression=(
            "SET paymentStatus = :status, version = :next, updatedAt = :now, notificationID = :id, expiresAt = :expires, "
            "amount = :amount, terminalId = :terminal, merchantTransactionId = :order, "
            "paymentMethod = :method, paymentType = :type"
        ),
        ConditionExpression="attribute_not_exists(version) OR version = :version",
        ExpressionAttributeValues={
            ":status": status,
            ":version": version,
            ":next": version + 1,
            ":now": now,
            ":id": notification["notificationID"],
            ":expires": now // 1000 + RETENTION_SECONDS,
            ":amount": notification["amount"],
            ":terminal": notification["terminalId"],
            ":order": notification["merchantTransactionId"],
            ":method": notification["paymentMethod"],
            ":type": notification["paymentType"],
        },
    )
