//! What a queue still holds: received messages hide until their visibility ends, and are gone when they are deleted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::sqs::{Result, check_receipt, check_visibility, hex_md5, text};

/// The queue's own default.
const VISIBILITY_SECONDS_DEFAULT: u64 = 30;
/// When every message was sent, in epoch milliseconds: time is no matter of these tests.
const SENT_AT_MILLIS: &str = "1773312524000";

/// Messages by queue, oldest first. Receipts of messages that nobody holds here are accepted, and mean nothing.
#[derive(Default)]
pub(super) struct Waiting {
    queues: BTreeMap<String, Vec<Message>>,
    receipts: u64,
}

struct Message {
    id: String,
    body: String,
    hidden_until: Option<Instant>,
    receipt: String,
}

impl Waiting {
    pub fn add(&mut self, url: &str, id: &str, body: &str) {
        let message = Message { id: id.to_owned(), body: body.to_owned(), hidden_until: None, receipt: String::new() };
        self.queues.entry(url.to_owned()).or_default().push(message);
    }

    /// Hidden ones included.
    pub fn count(&self, url: &str) -> usize {
        self.queues.get(url).map_or(0, Vec::len)
    }

    /// Never waits: a queue that is empty stays so.
    pub fn receive(&mut self, url: &str, body: &Value) -> Value {
        let number = |name: &str| body.get(name).and_then(Value::as_u64);
        let most = number("MaxNumberOfMessages").and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
        let visibility = Duration::from_secs(number("VisibilityTimeout").unwrap_or(VISIBILITY_SECONDS_DEFAULT));
        let now = Instant::now();
        let visible = |message: &&mut Message| message.hidden_until.is_none_or(|until| until <= now);
        let mut received = Vec::new();
        for message in self.queues.entry(url.to_owned()).or_default().iter_mut().filter(visible).take(most) {
            self.receipts += 1;
            message.receipt = format!("receipt-{}", self.receipts);
            message.hidden_until = Some(now + visibility);
            received.push(json!({
                "MessageId": message.id,
                "ReceiptHandle": message.receipt,
                "Body": message.body,
                "MD5OfBody": hex_md5(message.body.as_bytes()),
                "Attributes": {"SentTimestamp": SENT_AT_MILLIS},
            }));
        }
        json!({"Messages": received})
    }

    pub fn change(&mut self, entry: &Value) -> Result<Value> {
        check_visibility(entry)?;
        let seconds = entry.get("VisibilityTimeout").and_then(Value::as_u64).unwrap_or_default();
        let held = self.queues.values_mut().flatten().find(|message| message.receipt == text(entry, "ReceiptHandle"));
        if let Some(message) = held {
            message.hidden_until = Some(Instant::now() + Duration::from_secs(seconds));
        }
        Ok(json!({}))
    }

    pub fn delete(&mut self, entry: &Value) -> Result<Value> {
        check_receipt(entry)?;
        let receipt = text(entry, "ReceiptHandle");
        self.queues.values_mut().for_each(|messages| messages.retain(|message| message.receipt != receipt));
        Ok(json!({}))
    }
}
