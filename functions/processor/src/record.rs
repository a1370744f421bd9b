//! One SQS record: what it is, and what becomes of it.

use aws_lambda_events::sqs::SqsMessage;
use serde::Serialize;
use spg_domain::{Evidence, Message, MessageError, NotificationId, Payload, Timestamp, TransactionId};
use strum::IntoStaticStr;

/// A record that carries evidence about a transaction.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where it stands in the batch.
    pub index: usize,
    pub transaction_id: TransactionId,
    pub evidence: Evidence,
    pub received_at: Timestamp,
}

/// What parsing a record comes to.
#[derive(Debug)]
pub enum Parsed {
    Evidence(Box<Record>),
    /// Can never be processed: to the dead-letter queue, for people.
    PermanentError(DeadLetter),
    /// Written by a newer version: it comes back until a newer reader is deployed.
    TooNew(MessageError),
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordResult {
    Done,
    Failed,
    DeadLetter(DeadLetter),
}

/// What people need to find out what happened; never the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    pub schema_version: u32,
    pub reason: DeadLetterReason,
    #[serde(rename = "transactionID", skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    #[serde(rename = "notificationID", skip_serializing_if = "Option::is_none")]
    pub notification_id: Option<NotificationId>,
    /// Over the fields that are acted on (rule 6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
    /// Milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    /// SQS's id of the message that was given up.
    pub message_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
pub enum DeadLetterReason {
    /// Not a message of this system.
    Unreadable,
    /// An authentic notification without a usable transactionID.
    NoTransactionId,
    /// A notificationID that was counted before, with other content.
    ConflictingContent,
}

impl DeadLetterReason {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Record {
    /// The dead letter for a notification whose id was counted with other content.
    pub fn conflicting(&self, message_id: String) -> DeadLetter {
        let (notification_id, content_hash) = match &self.evidence {
            Evidence::Notification { notification, .. } => (
                Some(notification.notification_id.clone()),
                Some(notification.content_hash(Some(&self.transaction_id))),
            ),
            Evidence::Registration { .. } | Evidence::Answer { .. } | Evidence::NoAnswer(_) => (None, None),
        };
        DeadLetter {
            schema_version: 1,
            reason: DeadLetterReason::ConflictingContent,
            transaction_id: Some(self.transaction_id.clone()),
            notification_id,
            content_hash,
            received_at: Some(self.received_at),
            message_id,
        }
    }
}

/// Reads one record on its own: what is wrong with it concerns no other.
pub fn parse(index: usize, message: &SqsMessage) -> Parsed {
    let message_id = message.message_id.clone().unwrap_or_default();
    let unreadable = |message_id| DeadLetter {
        schema_version: 1,
        reason: DeadLetterReason::Unreadable,
        transaction_id: None,
        notification_id: None,
        content_hash: None,
        received_at: None,
        message_id,
    };
    let parsed = match Message::parse(message.body.as_deref().unwrap_or_default()) {
        Ok(parsed) => parsed,
        Err(error @ MessageError::NewerSchema(_)) => return Parsed::TooNew(error),
        Err(MessageError::Unreadable) => return Parsed::PermanentError(unreadable(message_id)),
    };
    let received_at = parsed.received_at;
    let Some(transaction_id) = parsed.transaction_id else {
        let mut dead_letter = DeadLetter { received_at: Some(received_at), ..unreadable(message_id) };
        if let Payload::Notification(notification) = parsed.payload {
            dead_letter.reason = DeadLetterReason::NoTransactionId;
            dead_letter.content_hash = Some(notification.content_hash(None));
            dead_letter.notification_id = Some(notification.notification_id);
        }
        return Parsed::PermanentError(dead_letter);
    };
    let evidence = match parsed.payload {
        Payload::Notification(notification) => Evidence::Notification { notification, received_at },
        Payload::Registration(registration) => Evidence::Registration { registration, received_at },
    };
    Parsed::Evidence(Box::new(Record { index, transaction_id, evidence, received_at }))
}
