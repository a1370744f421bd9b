//! Events as AWS sends them to the functions, and their answers.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::aws::{ACCOUNT, REGION, SentMessage};
use crate::runtime_api::{epoch_ms, now};

/// A webhook as the HTTP API passes it on (payload format 2.0), with names of headers in lower case as it makes them.
/// With `is_base64` the body is given as it is after decoding and is encoded here, as the HTTP API does with a body that
/// it takes for binary.
pub fn http_webhook(headers: &[(String, String)], body: &str, is_base64: bool) -> Value {
    http("POST", "/webhook", headers, body, is_base64)
}

/// A registration on the route with IAM authorisation.
pub fn http_registration(body: &Value) -> Value {
    let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
    let mut event = http("POST", "/transactions", &headers, &body.to_string(), false);
    event["requestContext"]["authorizer"] = json!({"iam": {
        "accessKey": "ASIAMERCHANT00000001",
        "accountId": ACCOUNT,
        "callerId": "AROAMERCHANT000000001:backend",
        "cognitoIdentity": null,
        "principalOrgId": "o-0000000000",
        "userArn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/merchant-backend/backend"),
        "userId": "AROAMERCHANT000000001:backend",
    }});
    event
}

/// Any request: the route key is method and path, as in the template.
pub fn http(method: &str, path: &str, headers: &[(String, String)], body: &str, is_base64: bool) -> Value {
    let route_key = format!("{method} {path}");
    let mut all = default_headers(body.len());
    // The HTTP API joins headers of one name by a comma.
    for (name, value) in headers {
        let joined = match all.get(&name.to_lowercase()).and_then(Value::as_str) {
            Some(before) if headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).count() > 1 => {
                format!("{before},{value}")
            }
            Some(_) | None => value.clone(),
        };
        all.insert(name.to_lowercase(), joined.into());
    }
    let encoded = if is_base64 { STANDARD.encode(body) } else { body.to_owned() };
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": "",
        "headers": all,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "harness000",
            "domainName": format!("harness000.execute-api.{REGION}.amazonaws.com"),
            "domainPrefix": "harness000",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "Apache-HttpClient/4.5.13 (Java/17)",
            },
            "requestId": format!("harness{:09}=", next()),
            "routeKey": route_key,
            "stage": "$default",
            "time": "12/Mar/2026:10:48:44 +0000",
            "timeEpoch": now_ms(),
        },
        "isBase64Encoded": is_base64,
    });
    // An empty body is left out.
    if !body.is_empty() {
        event["body"] = encoded.into();
    }
    event
}

/// What the HTTP API makes of a function's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAnswer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Map<String, Value>,
    /// Decoded, if it was Base64.
    pub body: String,
}

impl HttpAnswer {
    /// Reads what an invocation returned.
    ///
    /// # Panics
    /// If it is no answer in payload format 2.0 with a statusCode.
    pub fn of(answer: &Value) -> Self {
        let status = answer.get("statusCode").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let headers = answer.get("headers").and_then(Value::as_object).into_iter().flatten();
        let body = answer.get("body").and_then(Value::as_str).unwrap_or_default();
        let body = if answer.get("isBase64Encoded") == Some(&Value::Bool(true)) {
            let bytes = STANDARD.decode(body).expect("a Base64 body");
            String::from_utf8(bytes).expect("a body that is text")
        } else {
            body.to_owned()
        };
        Self {
            status: status.unwrap_or_else(|| panic!("no status code in {answer}")),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
            body,
        }
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// One record of an SQS batch.
#[derive(Clone, Debug)]
pub struct SqsRecord {
    pub message_id: String,
    pub body: String,
    /// How often it has been received, this time included.
    pub receive_count: u32,
    /// When it was sent, in epoch milliseconds.
    pub sent_at_ms: u64,
    pub trace_header: Option<String>,
    /// As sent: `{"name": {"DataType": "String", "StringValue": "..."}}`.
    pub attributes: Value,
}

impl SqsRecord {
    /// A message received for the first time, with an id of its own.
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            message_id: format!("00000000-0000-4000-b000-{:012}", next()),
            body: body.into(),
            receive_count: 1,
            sent_at_ms: now_ms(),
            trace_header: None,
            attributes: json!({}),
        }
    }

    /// Received for the n-th time, from 1.
    #[must_use]
    pub fn received(mut self, times: u32) -> Self {
        self.receive_count = times;
        self
    }

    /// The receipt handle that the record has.
    pub fn receipt_handle(&self) -> String {
        format!("receipt-{}-{}", self.message_id, self.receive_count)
    }
}

impl From<&SentMessage> for SqsRecord {
    fn from(message: &SentMessage) -> Self {
        let trace_header = message.system_attributes.pointer("/AWSTraceHeader/StringValue").and_then(Value::as_str);
        Self {
            message_id: message.message_id.clone(),
            trace_header: trace_header.map(str::to_owned),
            attributes: message.attributes.clone(),
            ..Self::new(message.body.clone())
        }
    }
}

/// A batch as Lambda's poller passes it on.
pub fn sqs(records: &[SqsRecord]) -> Value {
    json!({"Records": records.iter().map(sqs_record).collect::<Vec<_>>()})
}

fn sqs_record(record: &SqsRecord) -> Value {
    let mut attributes = json!({
        "ApproximateReceiveCount": record.receive_count.to_string(),
        "SentTimestamp": record.sent_at_ms.to_string(),
        "SenderId": "AROAHARNESS0000000001:ack",
        "ApproximateFirstReceiveTimestamp": (record.sent_at_ms + 1).to_string(),
    });
    if let Some(header) = &record.trace_header {
        attributes["AWSTraceHeader"] = header.clone().into();
    }
    let sent = record.attributes.as_object().into_iter().flatten();
    let message_attributes: Map<String, Value> = sent.map(|(name, value)| (name.clone(), received(value))).collect();
    json!({
        "messageId": record.message_id,
        "receiptHandle": record.receipt_handle(),
        "body": record.body,
        "attributes": attributes,
        "messageAttributes": message_attributes,
        "md5OfBody": format!("{:x}", md5::compute(&record.body)),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:spg-notifications"),
        "awsRegion": REGION,
    })
}

/// Lambda spells a message attribute differently from SQS.
fn received(attribute: &Value) -> Value {
    json!({
        "dataType": attribute["DataType"],
        "stringValue": attribute["StringValue"],
        "stringListValues": [],
        "binaryListValues": [],
    })
}

/// The message ids that an answer to an SQS batch reports as failed, sorted.
///
/// # Panics
/// If an entry has no `itemIdentifier`: Lambda would retry the whole batch.
pub fn batch_item_failures(answer: &Value) -> Vec<String> {
    let failures = answer.get("batchItemFailures").and_then(Value::as_array).into_iter().flatten();
    let mut ids: Vec<String> = failures
        .map(|failure| failure.get("itemIdentifier").and_then(Value::as_str).expect("an itemIdentifier").to_owned())
        .collect();
    ids.sort();
    ids
}

/// Stream records with these new images, items in DynamoDB's JSON as [`crate::Table::raw_item`] gives them.
pub fn dynamodb_stream(images: &[Value]) -> Value {
    json!({"Records": images.iter().map(stream_record).collect::<Vec<_>>()})
}

fn stream_record(image: &Value) -> Value {
    let number = next();
    let first = image.pointer("/version/N").and_then(Value::as_str).is_none_or(|version| version == "1");
    json!({
        "eventID": format!("{number:032x}"),
        "eventName": if first { "INSERT" } else { "MODIFY" },
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": now_ms() / 1000,
            "Keys": {"transactionID": image["transactionID"]},
            "NewImage": image,
            "SequenceNumber": format!("{number:021}"),
            "SizeBytes": image.to_string().len(),
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN":
            format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/spg-transactions/stream/2026-01-01T00:00:00.000"),
    })
}

/// What the schedule sends to the sweeper.
pub fn schedule() -> Value {
    json!({})
}

/// The time as it stands in events, in epoch milliseconds.
pub fn now_ms() -> u64 {
    u64::try_from(epoch_ms(now())).unwrap_or(u64::MAX)
}

fn default_headers(body_bytes: usize) -> Map<String, Value> {
    let headers = [
        ("accept-encoding", "gzip,deflate".to_owned()),
        ("content-length", body_bytes.to_string()),
        ("host", format!("harness000.execute-api.{REGION}.amazonaws.com")),
        ("user-agent", "Apache-HttpClient/4.5.13 (Java/17)".to_owned()),
        ("x-amzn-trace-id", "Root=1-00000000-000000000000000000000000".to_owned()),
        ("x-forwarded-for", "192.0.2.1".to_owned()),
        ("x-forwarded-port", "443".to_owned()),
        ("x-forwarded-proto", "https".to_owned()),
    ];
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
