//! Reads a queue to its end without taking anything away, and knows what is in it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
    QueueAttributeName,
};
use serde::Deserialize;
use spg_domain::{Message, MessageError, Payload, Timestamp};

use crate::Error;

/// As many as one call gives.
const BATCH_MAX: usize = 10;
/// How long a message stays invisible to others while it is looked at. A command that is killed leaves it so for this long.
const VISIBILITY_SECONDS: i32 = 60;
/// With a wait, SQS asks all of its servers; without one, only some.
const WAIT_SECONDS: i32 = 1;
/// Calls in a row that give nothing new, before the queue counts as read.
const FRUITLESS_CALLS_MAX: u32 = 2;

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub message_id: String,
    pub body: String,
    pub sent_at: Option<Timestamp>,
    pub kind: Kind,
}

/// What lies in a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A message as ack wrote it, which the processor could not store often enough.
    Original(Box<Message>),
    /// A message of a newer version than this.
    Newer,
    /// Written by the processor about a message that can never succeed; the message itself is gone.
    DeadLetter { reason: String, transaction_id: Option<String>, notification_id: Option<String> },
    /// Neither of them.
    Stranger,
}

impl Kind {
    pub fn of(body: &str) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Parts {
            reason: String,
            #[serde(rename = "messageId")]
            _message_id: String,
            #[serde(rename = "transactionID")]
            transaction_id: Option<String>,
            #[serde(rename = "notificationID")]
            notification_id: Option<String>,
        }
        match Message::parse(body) {
            Ok(message) => return Self::Original(Box::new(message)),
            Err(MessageError::NewerSchema(_)) => return Self::Newer,
            Err(MessageError::Unreadable) => {}
        }
        match serde_json::from_str(body) {
            Ok(Parts { reason, transaction_id, notification_id, .. }) => {
                Self::DeadLetter { reason, transaction_id, notification_id }
            }
            Err(_) => Self::Stranger,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Original(_) | Self::Newer => "original",
            Self::DeadLetter { .. } => "dead letter",
            Self::Stranger => "stranger",
        }
    }

    pub fn can_be_redriven(&self) -> bool {
        match self {
            Self::Original(_) | Self::Newer => true,
            Self::DeadLetter { .. } | Self::Stranger => false,
        }
    }

    pub fn reason(&self) -> String {
        match self {
            Self::Original(message) => match message.payload {
                Payload::Notification(_) => "a notification that could not be stored".to_owned(),
                Payload::Registration(_) => "a registration that could not be stored".to_owned(),
            },
            Self::Newer => "a message of a newer version: deploy that version first".to_owned(),
            Self::DeadLetter { reason, .. } => match reason.as_str() {
                "ConflictingContent" => {
                    "ConflictingContent: a notificationID that was counted with other content; compare with SPG"
                        .to_owned()
                }
                "NoTransactionId" => {
                    "NoTransactionId: an authentic notification about no transaction; find it in the Backoffice"
                        .to_owned()
                }
                "Unreadable" => "Unreadable: it was no message of this system".to_owned(),
                other => other.to_owned(),
            },
            Self::Stranger => "not written by this system".to_owned(),
        }
    }

    /// TransactionID and notificationID, where they are known.
    pub fn ids(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Original(message) => {
                let notification = match &message.payload {
                    Payload::Notification(notification) => Some(notification.notification_id.to_string()),
                    Payload::Registration(_) => None,
                };
                (message.transaction_id.as_ref().map(ToString::to_string), notification)
            }
            Self::DeadLetter { transaction_id, notification_id, .. } => {
                (transaction_id.clone(), notification_id.clone())
            }
            Self::Newer | Self::Stranger => (None, None),
        }
    }
}

/// A queue that is being read. What was received and not deleted is invisible to others until [`Inbox::release`].
#[derive(Debug)]
pub struct Inbox<'a> {
    client: &'a Client,
    url: &'a str,
    /// Receipt handles by message id.
    held: BTreeMap<String, String>,
    seen: BTreeSet<String>,
}

impl<'a> Inbox<'a> {
    pub fn new(client: &'a Client, url: &'a str) -> Self {
        Self { client, url, held: BTreeMap::new(), seen: BTreeSet::new() }
    }

    /// About how many messages there are; none where that cannot be asked.
    pub async fn size(&self) -> Option<u64> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self.client.get_queue_attributes().queue_url(self.url).attribute_names(name.clone()).send().await;
        answer.ok()?.attributes?.get(&name)?.parse().ok()
    }

    /// Messages that were not given before, at most ten; none when the queue is read.
    ///
    /// # Errors
    /// SQS refuses or does not answer.
    pub async fn next(&mut self) -> Result<Option<Vec<Held>>, Error> {
        for _ in 0..FRUITLESS_CALLS_MAX {
            let answer = self
                .client
                .receive_message()
                .queue_url(self.url)
                .max_number_of_messages(i32::try_from(BATCH_MAX).unwrap_or(i32::MAX))
                .visibility_timeout(VISIBILITY_SECONDS)
                .wait_time_seconds(WAIT_SECONDS)
                .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
                .send()
                .await
                .map_err(Error::call("receiving from the dead-letter queue"))?;
            let fresh: Vec<Held> =
                answer.messages.unwrap_or_default().into_iter().filter_map(|message| self.hold(message)).collect();
            if !fresh.is_empty() {
                return Ok(Some(fresh));
            }
        }
        Ok(None)
    }

    fn hold(&mut self, message: aws_sdk_sqs::types::Message) -> Option<Held> {
        let message_id = message.message_id?;
        let body = message.body.unwrap_or_default();
        // The latest receipt is the one that counts.
        self.held.insert(message_id.clone(), message.receipt_handle?);
        let sent_at = message.attributes.and_then(|attributes| {
            attributes.get(&MessageSystemAttributeName::SentTimestamp)?.parse().ok().map(Timestamp::from_millis)
        });
        let kind = Kind::of(&body);
        self.seen.insert(message_id.clone()).then_some(Held { message_id, body, sent_at, kind })
    }

    /// Deletes messages; returns how many are gone.
    pub async fn delete(&mut self, messages: &[Held]) -> u64 {
        let mut gone = 0;
        for chunk in messages.chunks(BATCH_MAX) {
            let entries = chunk.iter().enumerate().filter_map(|(index, message)| {
                let receipt = self.held.get(&message.message_id)?;
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt).build().ok()
            });
            let request = self.client.delete_message_batch().queue_url(self.url).set_entries(Some(entries.collect()));
            let Ok(answer) = request.send().await else { continue };
            for entry in answer.successful() {
                let message = entry.id().parse::<usize>().ok().and_then(|index| chunk.get(index));
                if message.is_some_and(|message| self.held.remove(&message.message_id).is_some()) {
                    gone += 1;
                }
            }
        }
        gone
    }

    /// Lets others see what is still held. Best effort: without it, it is seen again after a minute.
    pub async fn release(&mut self) {
        let receipts: Vec<String> = std::mem::take(&mut self.held).into_values().collect();
        for chunk in receipts.chunks(BATCH_MAX) {
            let entries = chunk.iter().enumerate().filter_map(|(index, receipt)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(receipt)
                    .visibility_timeout(0)
                    .build()
                    .ok()
            });
            let request = self.client.change_message_visibility_batch().queue_url(self.url);
            let request = request.set_entries(Some(entries.collect()));
            let _ = request.send().await;
        }
    }
}
