//! A notification: its payload is fixed when it is made, however often and whenever it is delivered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::amount::Amount;
use crate::payment::{Change, Status};

/// A notification, ready to be delivered any number of times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Counted from 1 in the order of making; two with the same notificationID still have two numbers.
    pub number: u64,
    #[serde(rename = "notificationID")]
    pub notification_id: String,
    #[serde(rename = "transactionID")]
    pub transaction_id: String,
    /// The paymentStatus that it claims.
    pub claims: Status,
    /// What its IVs and damages are drawn for: the payment's number and the notification's number in the payment.
    #[serde(skip)]
    pub(crate) drawn_for: String,
    /// The plaintext, byte for byte as it is encrypted.
    #[serde(skip)]
    pub payload: String,
}

/// How a notification differs from what the truth would make of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Overrides {
    /// A notificationID of one's own: the same as that of another notification, or an unusual one.
    pub notification_id: Option<String>,
    /// Claims this instead of the truth, which stays as it is.
    pub change: Option<Change>,
    pub terminal: Option<String>,
    /// Laid over the payload: objects field by field, null removes a field.
    pub merge: Option<Value>,
    /// The payload as it is, instead of everything else; need not be JSON.
    pub raw: Option<String>,
}

impl Overrides {
    /// With the notificationID of another notification.
    pub fn same_id_as(notification: &Notification) -> Self {
        Self { notification_id: Some(notification.notification_id.clone()), ..Self::default() }
    }

    /// Claims this instead of the truth.
    pub fn claiming(change: impl Into<Change>) -> Self {
        Self { change: Some(change.into()), ..Self::default() }
    }

    /// With another amount.
    #[must_use]
    pub fn amount(mut self, amount: Amount) -> Self {
        self.merge = Some(serde_json::json!({"amount": {"value": amount.as_json_number()}}));
        self
    }

    /// With JSON laid over the payload.
    #[must_use]
    pub fn merge(mut self, patch: Value) -> Self {
        self.merge = Some(patch);
        self
    }
}
