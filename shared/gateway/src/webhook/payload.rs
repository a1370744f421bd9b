//! The decrypted payload (E.1.1).

use spg_domain::{Notification, NotificationId, TransactionId};

use crate::facts::{facts, payment_status, return_code};
use crate::json::{Block, Lenient};

/// An authentic notification, normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    pub notification: Notification,
    /// None where the payload has none that can be used: acknowledged all the same, and kept for people.
    pub transaction_id: Option<TransactionId>,
    /// Names of fields that were present and could not be read.
    pub dropped: Vec<&'static str>,
}

/// An authentic payload that cannot be acknowledged (422).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("the payload is not a JSON object")]
    NotJson,
    /// With the transactionID, where there is one, so that people can find the payment.
    #[error("the payload has no notificationID of 1 to 256 bytes")]
    NotificationId { transaction_id: Option<TransactionId> },
}

/// Reads the payload of a webhook. Only the notificationID must be there.
///
/// Identifiers are opaque: they are not trimmed, and one written as a JSON number counts by its digits.
///
/// # Errors
/// [`PayloadError`]
pub fn parse_notification(plaintext: &[u8]) -> Result<Parsed, PayloadError> {
    let payload = Block::parse(plaintext).ok_or(PayloadError::NotJson)?;
    let mut lenient = Lenient::default();
    let transaction_id =
        lenient.field(&payload, "transactionID", "transactionID", |text| TransactionId::new(text).ok());
    let notification_id =
        lenient.field(&payload, "notificationID", "notificationID", |text| NotificationId::new(text).ok());
    let Some(notification_id) = notification_id else {
        return Err(PayloadError::NotificationId { transaction_id });
    };
    let notification = Notification {
        notification_id,
        payment_status: payment_status(&payload, &mut lenient),
        facts: facts(&payload, &mut lenient),
        return_code: return_code(&payload, &mut lenient),
    };
    Ok(Parsed { notification, transaction_id, dropped: lenient.dropped })
}
