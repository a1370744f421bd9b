//! Batches: each record has its own result.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use processor::{DeadLetter, DeadLetterReason, Processor, Queue, QueueError};
use spg_domain::{
    Facts, Message, Notification, NotificationId, Payload, PaymentStatus, Reply, Rules, StatusAnswer, Timestamp,
    TransactionId,
};
use spg_reconcile::memory::MemoryStore;
use spg_reconcile::{CircuitBreaker, Reconciler, StatusApi, StatusQuery};
use spg_time::Clock;

const NOW: u64 = 1_780_000_000_000;

/// Says Success of everything, and panics over the transaction `poison`.
#[derive(Debug, Default)]
struct Approving {
    queries: Mutex<usize>,
}

impl StatusApi for Approving {
    async fn query(&self, query: &StatusQuery) -> Reply {
        *self.queries.lock().unwrap() += 1;
        assert_ne!(query.transaction_id.as_str(), "poison");
        let answer =
            StatusAnswer { payment_status: PaymentStatus::SUCCESS, transaction_id: None, facts: Facts::default() };
        Reply { result: Ok(answer), http_status: None, return_code: None, retry_after: None, problem: None }
    }
}

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW)
    }

    async fn sleep(&self, _duration: Duration) {}
}

#[derive(Debug, Default)]
struct RecordingQueue {
    dead_letters: Mutex<Vec<DeadLetter>>,
    postponed: Mutex<BTreeMap<String, u32>>,
    refuses: bool,
}

impl Queue for RecordingQueue {
    async fn dead_letter(&self, dead_letter: &DeadLetter) -> Result<(), QueueError> {
        if self.refuses {
            return Err(QueueError { operation: "SendMessage", source: "asked to fail".into() });
        }
        self.dead_letters.lock().unwrap().push(dead_letter.clone());
        Ok(())
    }

    async fn postpone(&self, messages: &[(String, u32)]) -> Result<(), QueueError> {
        assert!(messages.len() <= 10);
        self.postponed.lock().unwrap().extend(messages.iter().cloned());
        Ok(())
    }
}

type TestProcessor = Processor<MemoryStore, Approving, Stopped, RecordingQueue>;

fn processor() -> TestProcessor {
    let reconciler = Reconciler {
        store: MemoryStore::default(),
        status_api: Approving::default(),
        clock: Stopped,
        rules: Rules::default(),
        query_timeout: Duration::from_secs(8),
        circuit_breaker: CircuitBreaker::default(),
    };
    Processor { reconciler, queue: RecordingQueue::default() }
}

fn body(transaction_id: Option<&str>, notification_id: &str, status: &str) -> String {
    let notification = Notification {
        notification_id: NotificationId::new(notification_id).unwrap(),
        payment_status: Some(PaymentStatus::parse(status).unwrap()),
        facts: Facts::default(),
        return_code: None,
    };
    let transaction_id = transaction_id.map(|id| TransactionId::new(id).unwrap());
    Message::new(transaction_id, Payload::Notification(notification), Timestamp::from_millis(NOW)).to_json().unwrap()
}

async fn process(processor: &TestProcessor, bodies: &[String]) -> SqsBatchResponse {
    let mut event = SqsEvent::default();
    event.records = bodies
        .iter()
        .enumerate()
        .map(|(n, body)| {
            let mut message = SqsMessage::default();
            message.message_id = Some(format!("m{n}"));
            message.receipt_handle = Some(format!("r{n}"));
            message.body = Some(body.clone());
            message
        })
        .collect();
    processor.process(event, Timestamp::from_millis(NOW + 30_000)).await.0
}

fn failures(response: &SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

fn dead_letters(processor: &TestProcessor) -> Vec<(String, DeadLetterReason)> {
    let dead_letters = processor.queue.dead_letters.lock().unwrap();
    dead_letters.iter().map(|dead_letter| (dead_letter.message_id.clone(), dead_letter.reason)).collect()
}

#[tokio::test]
async fn a_panic_in_one_transaction_returns_its_record_alone() {
    let processor = processor();
    let bodies =
        [body(Some("a"), "n1", "Success"), body(Some("poison"), "n2", "Success"), body(Some("c"), "n3", "Success")];
    let response = process(&processor, &bodies).await;
    assert_eq!(failures(&response), ["m1"]);
    assert_eq!(processor.reconciler.store.writes().len(), 2);
    assert_eq!(processor.queue.postponed.lock().unwrap().keys().collect::<Vec<_>>(), ["r1"]);
}

#[tokio::test]
async fn a_panic_in_one_record_spares_the_other_records_of_its_transaction() {
    let processor = processor();
    // Only a claim asks, and only asking panics.
    let bodies = [
        body(Some("poison"), "n1", "Pending"),
        body(Some("poison"), "n2", "Success"),
        body(Some("poison"), "n3", "Pending"),
    ];
    let response = process(&processor, &bodies).await;
    assert_eq!(failures(&response), ["m1"]);
    let transaction = processor.reconciler.store.transaction(&TransactionId::new("poison").unwrap()).unwrap();
    assert_eq!(transaction.notifications.len(), 2);
}

#[tokio::test]
async fn what_can_never_succeed_goes_to_the_dead_letter_queue_without_its_payload() {
    let processor = processor();
    process(&processor, &[body(Some("a"), "n1", "Pending")]).await;
    let bodies = [
        r#"{"token":"351#912345678"}"#.to_owned(),
        body(None, "n2", "Success"),
        body(Some("a"), "n1", "Success"),
        body(Some("b"), "n3", "Success"),
    ];
    let response = process(&processor, &bodies).await;
    assert_eq!(failures(&response), Vec::<&str>::new());
    assert_eq!(
        dead_letters(&processor),
        [
            ("m0".to_owned(), DeadLetterReason::Unreadable),
            ("m1".to_owned(), DeadLetterReason::NoTransactionId),
            ("m2".to_owned(), DeadLetterReason::ConflictingContent),
        ]
    );
    insta::assert_json_snapshot!(*processor.queue.dead_letters.lock().unwrap());
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_sent_goes_back_to_the_queue() {
    let mut processor = processor();
    processor.queue.refuses = true;
    let response = process(&processor, &["not a message".to_owned(), body(Some("b"), "n", "Success")]).await;
    assert_eq!(failures(&response), ["m0"]);
}

#[tokio::test]
async fn a_newer_message_waits_on_the_queue_for_a_newer_reader() {
    let processor = processor();
    let newer = body(Some("a"), "n1", "Success").replacen("\"schemaVersion\":1", "\"schemaVersion\":2", 1);
    let response = process(&processor, &[newer]).await;
    assert_eq!(failures(&response), ["m0"]);
    assert!(dead_letters(&processor).is_empty());
}

#[tokio::test]
async fn one_failed_store_call_among_ten_returns_one_record() {
    let processor = processor();
    // The batch is read in one call; of the ten writes one fails.
    let bodies: Vec<_> = (0..10).map(|n| body(Some(&format!("t{n}")), "n", "Pending")).collect();
    processor.reconciler.store.fail_after(3);
    let response = process(&processor, &bodies).await;
    assert_eq!(failures(&response).len(), 1);
    assert_eq!(processor.reconciler.store.writes().len(), 9);
    let wait = *processor.queue.postponed.lock().unwrap().values().next().unwrap();
    assert!((5..10).contains(&wait), "{wait} s");

    let again = process(&processor, &bodies).await;
    assert!(failures(&again).is_empty());
    assert_eq!(processor.reconciler.store.writes().len(), 10);
}

#[tokio::test]
async fn a_failed_read_returns_the_whole_batch_and_nothing_was_queried() {
    let processor = processor();
    processor.reconciler.store.fail_after(0);
    let response = process(&processor, &[body(Some("a"), "n", "Success"), body(Some("b"), "n", "Success")]).await;
    assert_eq!(failures(&response), ["m0", "m1"]);
    assert_eq!(*processor.reconciler.status_api.queries.lock().unwrap(), 0);
}

#[tokio::test]
async fn an_empty_batch_is_answered() {
    let processor = processor();
    assert!(failures(&process(&processor, &[]).await).is_empty());
    assert_eq!(processor.reconciler.store.reads(), 0);
}
