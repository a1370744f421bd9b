//! What most tests here begin with: an account, a Status API, and messages, webhooks and answers of a usual payment.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tests::events::{self, HttpAnswer, SqsRecord};
pub use tests::webhook::payload;
use tests::webhook::{self, Headers};
use tests::{Aws, Function, Launch, Reply, StatusApi, deployed};

use crate::policy;

/// Longest wait for something that other threads or processes do.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// An AWS account and a Status API of a test's own.
pub struct Stand {
    pub aws: Aws,
    pub status_api: StatusApi,
    /// The name of the stack whose functions are started.
    stack: &'static str,
}

impl Stand {
    pub fn new() -> Self {
        Self::of(deployed::STACK)
    }

    /// The functions of another stack.
    pub fn of(stack: &'static str) -> Self {
        Self { aws: Aws::start(), status_api: StatusApi::start(), stack }
    }

    /// One of the four functions as the template configures it.
    pub fn launch(&self, function: &str) -> Launch {
        deployed::launch(function, &self.aws, &self.status_api).env("STACK_NAME", self.stack)
    }

    pub fn start(&self, function: &str) -> Function {
        self.launch(function).start().unwrap()
    }

    /// An item in plain JSON.
    pub fn item(&self, transaction_id: &str) -> Value {
        self.aws.table().item(transaction_id).unwrap_or_else(|| panic!("{transaction_id} is not stored"))
    }

    /// Lets a stored transaction be due since a minute ago.
    pub fn make_due(&self, transaction_id: &str) {
        let mut item = self.aws.table().raw_item(transaction_id).unwrap();
        assert!(item.get("dueShard").is_some(), "{transaction_id} is not to be queried: {item}");
        item["nextCheckAt"] = json!({"N": (events::now_ms() - 60_000).to_string()});
        self.aws.table().put_raw(&item);
    }

    /// Calls outside init, and queries to the Status API, since the start or the last [`Stand::reset`].
    pub fn cost(&self) -> (BTreeMap<String, usize>, usize) {
        (self.aws.counts(), self.status_api.queries().len())
    }

    /// Forgets calls, queries, scripts and faults; the table stays.
    pub fn reset(&self) {
        self.reset_calls();
        self.status_api.reset();
    }

    /// Forgets calls, messages, events and faults; the table and the Status API stay.
    pub fn reset_calls(&self) {
        policy::check(&self.aws);
        self.aws.reset();
    }
}

/// No test ends without a look at what was called: the template must allow it.
impl Drop for Stand {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            policy::check(&self.aws);
        }
    }
}

/// The cost that is expected: calls by name, and queries.
pub fn cost<const N: usize>(calls: [(&str, usize); N], queries: usize) -> (BTreeMap<String, usize>, usize) {
    let calls = calls.into_iter().map(|(operation, times)| (operation.to_owned(), times)).collect();
    (calls, queries)
}

/// A notification as ack queues it: a purchase of 15.90 EUR by MB WAY.
pub fn notification(transaction_id: &str, notification_id: &str, status: &str) -> Value {
    json!({
        "schemaVersion": 1,
        "kind": "notification",
        "receivedAt": events::now_ms(),
        "transactionID": transaction_id,
        "notificationID": notification_id,
        "paymentStatus": status,
        "merchantTransactionId": format!("order-{transaction_id}"),
        "terminalId": "50994",
        "paymentMethod": "MBWAY",
        "paymentType": "PURS",
        "amount": {"value": "15.9", "currency": "EUR"},
    })
}

/// A registration as ack queues it.
pub fn registration(transaction_id: &str) -> Value {
    json!({
        "schemaVersion": 1,
        "kind": "registration",
        "receivedAt": events::now_ms(),
        "transactionID": transaction_id,
        "paymentMethod": "MBWAY",
    })
}

/// A message received for the first time.
pub fn record(message: &Value) -> SqsRecord {
    SqsRecord::new(message.to_string())
}

/// Processes a batch and returns the message ids that come back, sorted.
pub fn process(processor: &Function, records: &[SqsRecord]) -> Vec<String> {
    let answer = processor.invoke(events::sqs(records)).unwrap();
    returned(&answer, records)
}

/// The message ids that an answer gives back. Each must be one of the batch and named once: Lambda returns the whole
/// batch for any other.
pub fn returned(answer: &Value, records: &[SqsRecord]) -> Vec<String> {
    let failures = events::batch_item_failures(answer);
    assert!(answer["batchItemFailures"].is_array(), "{answer}");
    for id in &failures {
        assert!(records.iter().any(|record| record.message_id == *id), "{id:?} is none of the batch: {answer}");
        assert_eq!(failures.iter().filter(|other| *other == id).count(), 1, "{answer}");
    }
    failures
}

/// What the Status API answers about that payment.
pub fn answer(transaction_id: &str, status: &str) -> Value {
    json!({
        "merchant": {"terminalId": "50994", "merchantTransactionId": format!("order-{transaction_id}")},
        "transactionID": transaction_id,
        "amount": {"currency": "EUR", "value": "15.90"},
        "paymentType": "PURS",
        "paymentStatus": status,
        "paymentMethod": "MBWAY",
        "returnStatus": {"statusCode": "000", "statusMsg": "Success", "statusDescription": "Success"},
    })
}

/// [`answer`] with HTTP 200.
pub fn says(transaction_id: &str, status: &str) -> Reply {
    Reply::json(200, &answer(transaction_id, status))
}

/// Posts a webhook.
pub fn post(ack: &Function, headers: &Headers, body: &str) -> HttpAnswer {
    HttpAnswer::of(&ack.invoke(events::http_webhook(headers, body, false)).unwrap())
}

/// Encrypts and posts a payload.
pub fn deliver(ack: &Function, payload: &Value) -> HttpAnswer {
    let (headers, body) = webhook::encrypt(&webhook::KEY, payload);
    post(ack, &headers, &body)
}

/// Registers a transaction.
pub fn register(ack: &Function, body: &Value) -> HttpAnswer {
    HttpAnswer::of(&ack.invoke(events::http_registration(body)).unwrap())
}
