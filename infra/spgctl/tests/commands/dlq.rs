//! Redriving: a message is deleted only after the queue has accepted it.

use serde_json::{Value, json};
use spg_domain::{Message, Payload, Registration, Timestamp, TransactionId};
use spgctl::commands::dlq::{Choice, Queues, drop, redrive};
use spgctl::{Clients, Exit, Output};
use tests::{Aws, Fault};

fn original(id: &str) -> String {
    let payload = Payload::Registration(Registration::default());
    Message::new(TransactionId::new(id).ok(), payload, Timestamp::from_millis(1)).to_json().unwrap()
}

fn dead_letter() -> String {
    json!({"schemaVersion": 1, "reason": "Unreadable", "messageId": "m0"}).to_string()
}

struct Stand {
    aws: Aws,
    queues: Queues,
}

impl Stand {
    async fn with(bodies: &[String]) -> Self {
        let aws = Aws::start();
        let client = Clients::on_this_machine(&aws.endpoint(), tests::aws::REGION).sqs();
        let queues = Queues { client, queue_url: aws.queue_url(), dlq_url: aws.dlq_url() };
        for body in bodies {
            queues.client.send_message().queue_url(&queues.dlq_url).message_body(body).send().await.unwrap();
        }
        Self { aws, queues }
    }

    async fn redrive(&self) -> (Result<Exit, spgctl::Error>, Value) {
        let mut shown = Vec::new();
        let exit = redrive(&self.queues, &Choice::default(), 1000, &mut Output::new(true, &mut shown)).await;
        (exit, serde_json::from_slice(&shown).unwrap())
    }

    /// How many messages are still in the dead-letter queue.
    async fn left(&self) -> usize {
        let attributes =
            self.queues.client.get_queue_attributes().queue_url(&self.queues.dlq_url).send().await.unwrap();
        let attributes = attributes.attributes.unwrap();
        let name = aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages;
        attributes[&name].parse().unwrap()
    }

    fn queued(&self) -> Vec<String> {
        self.aws.queued().into_iter().map(|message| message.body).collect()
    }
}

#[tokio::test]
async fn originals_go_back_as_they_were_and_letters_stay_where_they_are() {
    let bodies: Vec<_> = (0..23).map(|n| if n % 5 == 0 { dead_letter() } else { original(&format!("t{n}")) }).collect();
    let stand = Stand::with(&bodies).await;
    let (exit, shown) = stand.redrive().await;
    assert_eq!(exit.unwrap(), Exit::Findings, "dead letters are left");
    assert_eq!((shown["done"].as_u64(), stand.left().await), (Some(18), 5));
    let originals: Vec<_> = bodies.iter().filter(|body| **body != dead_letter()).cloned().collect();
    assert_eq!(stand.queued(), originals);
    let (_, shown) = stand.redrive().await;
    assert_eq!(
        (shown["done"].as_u64(), stand.queued().len()),
        (Some(0), 18),
        "released, looked at again, not sent again"
    );
}

#[tokio::test]
async fn what_the_queue_does_not_accept_is_not_deleted() {
    let stand = Stand::with(&[original("a"), original("b"), original("c")]).await;
    stand.aws.inject(Fault::on("sqs:SendMessageBatch").nth(1).entries(&[1], "InternalError"));
    let (exit, shown) = stand.redrive().await;
    assert_eq!(exit.unwrap(), Exit::Findings);
    assert_eq!((shown["done"].as_u64(), stand.left().await), (Some(2), 1));
    stand.aws.clear_faults();
    assert_eq!(stand.redrive().await.0.unwrap(), Exit::Done);
    assert_eq!(stand.queued(), [original("a"), original("c"), original("b")]);
}

#[tokio::test]
async fn interrupted_between_sending_and_deleting_nothing_is_lost() {
    let stand = Stand::with(&[original("a"), original("b")]).await;
    stand.aws.inject(Fault::on("sqs:DeleteMessageBatch").error(500, "InternalError"));
    let (exit, shown) = stand.redrive().await;
    assert_eq!(exit.unwrap(), Exit::Findings, "it is said that they are there twice");
    assert_eq!((shown["notDeleted"].as_u64(), stand.left().await, stand.queued().len()), (Some(2), 2, 2));
    stand.aws.clear_faults();
    assert_eq!(stand.redrive().await.0.unwrap(), Exit::Done);
    assert_eq!((stand.left().await, stand.queued().len()), (0, 4), "twice at worst");
}

#[tokio::test]
async fn a_queue_that_refuses_everything_leaves_all_where_it_is() {
    let stand = Stand::with(&[original("a"), original("b")]).await;
    stand.aws.inject(Fault::on("sqs:SendMessageBatch").error(400, "AccessDenied"));
    assert!(stand.redrive().await.0.is_err());
    assert_eq!((stand.left().await, stand.queued().len()), (2, 0));
}

#[tokio::test]
async fn only_what_was_named_is_dropped() {
    let stand = Stand::with(&[original("a"), dead_letter(), original("b")]).await;
    let mut shown = Vec::new();
    let only_dead_letters = Choice { ids: Vec::new(), dead_letters: true };
    let exit = drop(&stand.queues, &only_dead_letters, 1000, &mut Output::new(true, &mut shown)).await;
    assert_eq!((exit.unwrap(), stand.left().await), (Exit::Done, 2));
    let missing = Choice { ids: vec!["no-such-message".to_owned()], dead_letters: false };
    let error = drop(&stand.queues, &missing, 1000, &mut Output::new(true, &mut shown)).await.unwrap_err();
    assert_eq!((error.exit(), stand.left().await), (Exit::NotFound, 2));
}
