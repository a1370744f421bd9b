"""The webhook: decrypts the envelope, puts a message without personal data on the queue, acknowledges.

Written as the documentation of Powertools for AWS Lambda (Python) advises: clients and utilities outside the handler, the secret
through Parameters with a cache, one structured log line, metrics in the embedded format.
"""

import base64
import binascii
import json
import os
import time

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEYS_AGE_SECONDS_MAX = 900
QUEUE_URL = os.environ["QUEUE_URL"]

logger = Logger()
metrics = Metrics()
sqs = boto3.client("sqs")


class Rejected(Exception):
    """The request is answered with this status and this reason."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status
        self.reason = reason


@logger.inject_lambda_context
@metrics.log_metrics
@event_source(data_class=APIGatewayProxyEventV2)
def handler(event: APIGatewayProxyEventV2, context: LambdaContext) -> dict:
    metrics.add_metric(name="Received", unit=MetricUnit.Count, value=1)
    started = time.monotonic()
    try:
        message = normalised(decrypted(event))
    except Rejected as rejected:
        metrics.add_metric(name="Rejected", unit=MetricUnit.Count, value=1)
        logger.warning("request", httpStatus=rejected.status, disposition="rejected", reason=rejected.reason)
        return answer(rejected.status, {"error": rejected.reason})
    sqs.send_message(QueueUrl=QUEUE_URL, MessageBody=json.dumps(message))
    took_ms = int((time.monotonic() - started) * 1000)
    metrics.add_metric(name="Accepted", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="AckDuration", unit=MetricUnit.Milliseconds, value=took_ms)
    logger.info(
        "request",
        httpStatus=200,
        notificationID=message["notificationID"],
        transactionID=message["transactionID"],
        paymentStatus=message["paymentStatus"],
        disposition="accepted",
        durationMs=took_ms,
    )
    acknowledgement = {"statusCode": "000", "statusMsg": "Success", "notificationID": message["notificationID"]}
    return answer(200, acknowledgement)


def decrypted(event: APIGatewayProxyEventV2) -> dict:
    """Opens the envelope with each active key: AES-256-GCM, IV and tag in the headers, all in Base64."""
    try:
        iv = base64.b64decode(event.headers["x-initialization-vector"], validate=True)
        tag = base64.b64decode(event.headers["x-authentication-tag"], validate=True)
        body = base64.b64decode(event.decoded_body or "", validate=True)
    except (KeyError, binascii.Error) as error:
        raise Rejected(400, "no envelope") from error
    secret = parameters.get_secret(os.environ["WEBHOOK_KEYS_SECRET"], transform="json", max_age=KEYS_AGE_SECONDS_MAX)
    for key in secret["keys"]:
        try:
            return json.loads(AESGCM(base64.b64decode(key)).decrypt(iv, body + tag, None))
        except InvalidTag:
            continue
    raise Rejected(401, "not authentic")


def normalised(payload: dict) -> dict:
    """What goes on the queue: nothing about the payer."""
    try:
        merchant = payload.get("merchant", {})
        return {
            "schemaVersion": 1,
            "kind": "notification",
            "receivedAt": int(time.time() * 1000),
            "transactionID": payload["transactionID"],
            "notificationID": payload["notificationID"],
            "paymentStatus": payload["paymentStatus"],
            "merchantTransactionId": merchant.get("transactionId"),
            "terminalId": str(merchant.get("terminalId")),
            "paymentMethod": payload.get("paymentMethod"),
            "paymentType": payload.get("paymentType"),
            "amount": {"value": str(payload["amount"]["value"]), "currency": payload["amount"]["currency"]},
        }
    except KeyError as error:
        raise Rejected(422, f"without {error.args[0]}") from error


def answer(status: int, body: dict) -> dict:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
