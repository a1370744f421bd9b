//! What ack puts on the queue: evidence that is still to be applied. Nothing personal is in it.

use serde::{Deserialize, Serialize};

use crate::{Notification, Registration, Timestamp, TransactionId};

/// The version that is written. A reader takes this and every older one.
pub const SCHEMA_VERSION: u32 = 1;

/// A queue message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    schema_version: u32,
    pub received_at: Timestamp,
    /// Absent where an authentic notification carries none that can be used: kept for people.
    #[serde(rename = "transactionID", default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    #[serde(flatten)]
    pub payload: Payload,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Payload {
    Notification(Notification),
    Registration(Registration),
}

#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Written by a newer version than this: transient, a newer reader will come.
    #[error("the message has schemaVersion {0}, this version reads up to {SCHEMA_VERSION}")]
    NewerSchema(u32),
    /// Can never be read. The deserialiser's own words may repeat what it read, so they are not kept.
    #[error("the message cannot be read")]
    Unreadable,
}

impl Message {
    pub fn new(transaction_id: Option<TransactionId>, payload: Payload, received_at: Timestamp) -> Self {
        Self { schema_version: SCHEMA_VERSION, received_at, transaction_id, payload }
    }

    /// # Errors
    /// [`MessageError`] when the text is of a newer schema, or not a message at all.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Versioned {
            schema_version: u32,
        }
        let Versioned { schema_version } = serde_json::from_str(text).map_err(|_| MessageError::Unreadable)?;
        if schema_version > SCHEMA_VERSION {
            return Err(MessageError::NewerSchema(schema_version));
        }
        serde_json::from_str(text).map_err(|_| MessageError::Unreadable)
    }

    /// The message as JSON, at most a few kilobytes: every field of it is bounded.
    ///
    /// # Errors
    /// None that can occur in practice: every field is text or a number.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
