//! SQS: what is sent to a queue, and what is received from it, with visibility and deletion as on AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use serde_json::{Map, Value, json};

use super::fault::Partial;
use super::waiting::Waiting;
use super::{Failure, unknown_operation};

const BATCH_ENTRIES_MAX: usize = 10;
/// Of a message and of a whole batch, attributes included; 256 KiB until 2025.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
const ATTRIBUTES_MAX: usize = 10;
const BATCH_ID_CHARS_MAX: usize = 80;
/// In the digest of attributes, between a value's type and its length.
const STRING_FOLLOWS: u8 = 1;
const DELAY_SECONDS_MAX: i64 = 900;
const VISIBILITY_SECONDS_MAX: i64 = 43_200;

pub(super) type Result<T> = std::result::Result<T, Failure>;

/// A message that a queue accepted.
#[derive(Clone, Debug)]
pub struct SentMessage {
    pub message_id: String,
    pub body: String,
    /// As sent: `{"name": {"DataType": "String", "StringValue": "..."}}`.
    pub attributes: Value,
    /// As sent: `{"AWSTraceHeader": {...}}`.
    pub system_attributes: Value,
    pub delay_seconds: i64,
}

#[derive(Default)]
pub(super) struct Queues(Mutex<State>);

#[derive(Default)]
struct State {
    queues: BTreeMap<String, Vec<SentMessage>>,
    waiting: Waiting,
    messages: u64,
}

impl Queues {
    pub fn add(&self, url: &str) {
        self.lock().queues.entry(url.to_owned()).or_default();
    }

    pub fn sent(&self, url: &str) -> Vec<SentMessage> {
        self.lock().queues.get(url).cloned().unwrap_or_default()
    }

    pub fn clear(&self) {
        let mut state = self.lock();
        state.queues.values_mut().for_each(Vec::clear);
        state.waiting = Waiting::default();
    }

    pub fn answer(&self, operation: &str, body: &Value, partial: &Partial) -> Result<Value> {
        let mut state = self.lock();
        let url = text(body, "QueueUrl");
        if !state.queues.contains_key(url) {
            let message = "The specified queue does not exist.";
            return Err(refused("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", message));
        }
        match operation {
            "SendMessage" => {
                check_message(body)?;
                Ok(state.send(url, body))
            }
            "SendMessageBatch" => {
                let bytes: usize = entries(body).map(message_bytes).sum();
                if bytes > MESSAGE_BYTES_MAX {
                    let message = format!("Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes.");
                    return Err(refused("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", &message));
                }
                batch(body, partial, |entry| {
                    check_message(entry)?;
                    Ok(state.send(url, entry))
                })
            }
            "ChangeMessageVisibility" => state.waiting.change(body),
            "ChangeMessageVisibilityBatch" => batch(body, partial, |entry| state.waiting.change(entry)),
            "DeleteMessage" => state.waiting.delete(body),
            "DeleteMessageBatch" => batch(body, partial, |entry| state.waiting.delete(entry)),
            "ReceiveMessage" => Ok(state.waiting.receive(url, body)),
            "GetQueueAttributes" => Ok(state.attributes(url)),
            other => Err(unknown_operation(other)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while locked")
    }
}

impl State {
    fn send(&mut self, url: &str, message: &Value) -> Value {
        self.messages += 1;
        let message_id = format!("00000000-0000-4000-9000-{:012}", self.messages);
        let body = text(message, "MessageBody");
        let attributes = message.get("MessageAttributes").cloned().unwrap_or_else(|| json!({}));
        let system_attributes = message.get("MessageSystemAttributes").cloned().unwrap_or_else(|| json!({}));
        let mut answer = json!({"MessageId": message_id, "MD5OfMessageBody": hex_md5(body.as_bytes())});
        if let Some(digest) = attributes_md5(&attributes) {
            answer["MD5OfMessageAttributes"] = digest.into();
        }
        if let Some(digest) = attributes_md5(&system_attributes) {
            answer["MD5OfMessageSystemAttributes"] = digest.into();
        }
        let delay_seconds = message.get("DelaySeconds").and_then(Value::as_i64).unwrap_or_default();
        let body = body.to_owned();
        self.waiting.add(url, &message_id, &body);
        let sent = SentMessage { message_id, body, attributes, system_attributes, delay_seconds };
        self.queues.entry(url.to_owned()).or_default().push(sent);
        answer
    }

    fn attributes(&self, url: &str) -> Value {
        let name = url.rsplit('/').next().unwrap_or_default();
        let messages = self.waiting.count(url);
        json!({"Attributes": {
            "ApproximateNumberOfMessages": messages.to_string(),
            "ApproximateNumberOfMessagesNotVisible": "0",
            "ApproximateNumberOfMessagesDelayed": "0",
            "QueueArn": format!("arn:aws:sqs:{}:{}:{name}", super::REGION, super::ACCOUNT),
        }})
    }
}

/// Checks the batch as a whole, then handles its entries one by one.
fn batch(body: &Value, partial: &Partial, mut act: impl FnMut(&Value) -> Result<Value>) -> Result<Value> {
    let ids: Vec<&str> = entries(body).map(|entry| text(entry, "Id")).collect();
    if ids.is_empty() {
        let message = "There should be at least one entry in the request.";
        return Err(refused("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", message));
    }
    if ids.len() > BATCH_ENTRIES_MAX {
        let message = format!("Maximum number of entries per request are {BATCH_ENTRIES_MAX}.");
        let code = "AWS.SimpleQueueService.TooManyEntriesInBatchRequest";
        return Err(refused("TooManyEntriesInBatchRequest", code, &message));
    }
    if ids.iter().collect::<BTreeSet<_>>().len() != ids.len() {
        let code = "AWS.SimpleQueueService.BatchEntryIdsNotDistinct";
        return Err(refused("BatchEntryIdsNotDistinct", code, "Id repeated."));
    }
    let allowed = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    if ids.iter().any(|id| id.is_empty() || id.len() > BATCH_ID_CHARS_MAX || !id.chars().all(allowed)) {
        let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                       It can be at most 80 letters long.";
        let code = "AWS.SimpleQueueService.InvalidBatchEntryId";
        return Err(refused("InvalidBatchEntryId", code, message));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (position, entry) in entries(body).enumerate() {
        let injected = partial.code_of(position).map(|code| Failure::new(500, code, "injected by the test"));
        match injected.map_or_else(|| act(entry), Err) {
            Ok(mut answer) => {
                answer["Id"] = text(entry, "Id").into();
                successful.push(answer);
            }
            Err(failure) => failed.push(json!({
                "Id": text(entry, "Id"),
                "SenderFault": failure.status < 500,
                "Code": failure.code(),
                "Message": failure.body["message"],
            })),
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

fn check_message(message: &Value) -> Result<()> {
    let body = text(message, "MessageBody");
    if body.is_empty() {
        return Err(Failure::new(400, "MissingParameter", "The request must contain the parameter MessageBody."));
    }
    if message_bytes(message) > MESSAGE_BYTES_MAX {
        let message = format!("One or more parameters are invalid. Message must be shorter than {MESSAGE_BYTES_MAX}.");
        return Err(Failure::new(400, "InvalidParameterValue", message));
    }
    let allowed = |char: char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    if !body.chars().all(allowed) {
        return Err(refused("InvalidMessageContents", "InvalidMessageContents", "Invalid characters."));
    }
    if message.get("MessageDeduplicationId").is_some() {
        return Err(Failure::new(400, "InvalidParameterValue", "The queue is no FIFO queue."));
    }
    let attributes = message.get("MessageAttributes").and_then(Value::as_object).map_or(0, Map::len);
    if attributes > ATTRIBUTES_MAX {
        return Err(Failure::new(400, "InvalidParameterValue", "Number of message attributes [..] exceeds 10."));
    }
    check_range(message, "DelaySeconds", DELAY_SECONDS_MAX)
}

pub(super) fn check_visibility(entry: &Value) -> Result<()> {
    if entry.get("VisibilityTimeout").is_none() {
        return Err(Failure::new(400, "MissingParameter", "The request must contain VisibilityTimeout."));
    }
    check_receipt(entry)?;
    check_range(entry, "VisibilityTimeout", VISIBILITY_SECONDS_MAX)
}

pub(super) fn check_receipt(entry: &Value) -> Result<()> {
    if text(entry, "ReceiptHandle").is_empty() {
        return Err(refused("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The receipt handle is empty."));
    }
    Ok(())
}

fn check_range(entry: &Value, name: &str, max: i64) -> Result<()> {
    let given = entry.get(name).filter(|value| !value.is_null());
    match given.map(|value| value.as_i64()) {
        Some(Some(value)) if (0..=max).contains(&value) => Ok(()),
        None => Ok(()),
        Some(_) => {
            let message = format!("Value for parameter {name} is invalid. Reason: Must be between 0 and {max}.");
            Err(Failure::new(400, "InvalidParameterValue", message))
        }
    }
}

fn refused(code: &str, query_code: &'static str, message: &str) -> Failure {
    let failure = Failure::new(400, &format!("com.amazonaws.sqs#{code}"), message);
    Failure { query_code: Some(query_code), ..failure }
}

fn entries(body: &Value) -> impl Iterator<Item = &Value> {
    body.get("Entries").and_then(Value::as_array).into_iter().flatten()
}

/// Body and attributes; what comes with the message without being part of it does not count.
fn message_bytes(message: &Value) -> usize {
    let attributes = message.get("MessageAttributes").and_then(Value::as_object);
    let bytes = |(name, value): (&String, &Value)| {
        name.len() + text(value, "DataType").len() + text(value, "StringValue").len()
    };
    text(message, "MessageBody").len() + attributes.into_iter().flatten().map(bytes).sum::<usize>()
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn hex_md5(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

/// SQS's digest of attributes: by name, each of name, type and value with its length in front. String values only.
fn attributes_md5(attributes: &Value) -> Option<String> {
    let attributes = attributes.as_object().filter(|attributes| !attributes.is_empty())?;
    let mut bytes = Vec::new();
    let sorted: BTreeMap<&String, &Value> = attributes.iter().collect();
    for (name, value) in sorted {
        push(&mut bytes, name);
        push(&mut bytes, text(value, "DataType"));
        bytes.push(STRING_FOLLOWS);
        push(&mut bytes, text(value, "StringValue"));
    }
    Some(hex_md5(&bytes))
}

fn push(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://localhost/q";

    fn query(operation: &str, body: Value) -> Result<Value> {
        let queues = Queues::default();
        queues.add(URL);
        let mut body = body;
        body["QueueUrl"] = URL.into();
        queues.answer(operation, &body, &Partial::None)
    }

    fn batch_of(entries: impl IntoIterator<Item = (String, usize)>) -> Value {
        let entry = |(id, bytes): (String, usize)| json!({"Id": id, "MessageBody": "x".repeat(bytes)});
        json!({"Entries": entries.into_iter().map(entry).collect::<Vec<_>>()})
    }

    #[test]
    fn digests_are_those_of_sqs() {
        // From the SDKs' own tests of their digest check.
        assert_eq!(hex_md5(b"hello world"), "5eb63bbbe01eeed093cb22bb8f5acdc3");
        let attributes = json!({"b": {"DataType": "String", "StringValue": "2"},
                                "a": {"DataType": "Number", "StringValue": "1"}});
        let bytes = b"\0\0\0\x01a\0\0\0\x06Number\x01\0\0\0\x011\0\0\0\x01b\0\0\0\x06String\x01\0\0\0\x012";
        assert_eq!(attributes_md5(&attributes), Some(hex_md5(bytes)));
    }

    #[test]
    fn limits_of_requests_are_refused_as_by_aws() {
        let named = |count: usize| (0..count).map(|n| (n.to_string(), 1));
        let refused = [
            ("SendMessage", json!({"MessageBody": "x".repeat(MESSAGE_BYTES_MAX + 1)}), "InvalidParameterValue"),
            ("SendMessage", json!({"MessageBody": ""}), "MissingParameter"),
            ("SendMessage", json!({"MessageBody": "\u{1}"}), "InvalidMessageContents"),
            ("SendMessage", json!({"MessageBody": "x", "DelaySeconds": 901}), "InvalidParameterValue"),
            ("SendMessageBatch", batch_of(named(0)), "EmptyBatchRequest"),
            ("SendMessageBatch", batch_of(named(11)), "TooManyEntriesInBatchRequest"),
            ("SendMessageBatch", batch_of([("a".into(), 1), ("a".into(), 1)]), "BatchEntryIdsNotDistinct"),
            ("SendMessageBatch", batch_of([("a b".into(), 1)]), "InvalidBatchEntryId"),
            ("SendMessageBatch", batch_of([("a".into(), 600_000), ("b".into(), 600_000)]), "BatchRequestTooLong"),
            ("ChangeMessageVisibility", json!({"ReceiptHandle": "", "VisibilityTimeout": 1}), "ReceiptHandleIsInvalid"),
            (
                "ChangeMessageVisibility",
                json!({"ReceiptHandle": "r", "VisibilityTimeout": 43_201}),
                "InvalidParameterValue",
            ),
            ("PurgeQueue", json!({}), "UnknownOperationException"),
        ];
        for (operation, body, code) in refused {
            assert_eq!(query(operation, body).expect_err(code).code(), code);
        }
        let sent = query("SendMessageBatch", batch_of(named(10))).unwrap();
        assert_eq!(sent["Successful"].as_array().unwrap().len(), 10);
    }

    #[test]
    fn single_entries_fail_on_demand() {
        let queues = Queues::default();
        queues.add(URL);
        let mut body = batch_of([("a".into(), 1), ("b".into(), 1)]);
        body["QueueUrl"] = URL.into();
        let partial = Partial::Entries { positions: vec![0], code: "InternalError".into() };
        let answer = queues.answer("SendMessageBatch", &body, &partial).unwrap();
        assert_eq!(answer["Failed"][0]["Id"], "a");
        assert_eq!(answer["Successful"][0]["Id"], "b");
        assert_eq!(queues.sent(URL).len(), 1);
    }
}
