//! What is said about a transaction, by whom, and what became of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{Display, EnumString, IntoStaticStr};

use crate::{Facts, NotificationId, PaymentStatus, Timestamp, TransactionId};

/// `returnStatus.statusCode` where nothing is wrong with the call (SPG, C.3). It says nothing of the payment.
pub const RETURN_CODE_SUCCESS: &str = "000";

/// A webhook of SPG's, authenticated and normalised: a reason to ask, never the truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    #[serde(rename = "notificationID")]
    pub notification_id: NotificationId,
    /// Absent where SPG sent none or one that cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_status: Option<PaymentStatus>,
    #[serde(flatten)]
    pub facts: Facts,
    /// `returnStatus.statusCode`, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_code: Option<crate::ShortText>,
}

/// The merchant's own initial response: it opens a transaction or fills what is absent, and never changes a status.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_status: Option<PaymentStatus>,
    #[serde(flatten)]
    pub facts: Facts,
}

/// What the Status API answered: the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusAnswer {
    pub payment_status: PaymentStatus,
    /// The transaction that the answer says it is about, where it says so.
    pub transaction_id: Option<TransactionId>,
    pub facts: Facts,
}

/// The Status API was queried and said nothing that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer {
    pub kind: NoAnswerKind,
    /// The Retry-After of the Status API.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswerKind {
    /// It does not know the transaction, or refuses the query.
    NotFound,
    /// It refuses our credentials: the configuration is wrong, the transaction is not.
    Unauthorised,
    /// It is up, and has refused this query for being one too many.
    RateLimited,
    /// It is slow, failing or not to be understood, about this transaction at least.
    Unavailable,
    /// Nothing at all is being answered, not only about this transaction.
    Outage,
}

impl NoAnswer {
    /// How many queries in a row were not answered while others were, with this one. An outage is not held against a transaction.
    pub(crate) fn in_a_row_after(self, unanswered_in_a_row: u8) -> u8 {
        match self.kind {
            NoAnswerKind::NotFound => 0,
            NoAnswerKind::Unavailable => unanswered_in_a_row.saturating_add(1),
            NoAnswerKind::Unauthorised | NoAnswerKind::RateLimited | NoAnswerKind::Outage => unanswered_in_a_row,
        }
    }
}

/// What came back from a query to the Status API, with what the log needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub result: Result<StatusAnswer, NoAnswerKind>,
    pub retry_after: Option<Duration>,
    /// The protocol's own status where it is not the usual one, for the log.
    pub http_status: Option<u16>,
    /// `returnStatus.statusCode`.
    pub return_code: Option<crate::ShortText>,
    /// Why there is no usable answer, in a few fixed words: `timed out`, `not JSON`.
    pub problem: Option<&'static str>,
}

impl Reply {
    /// Nothing came back that any protocol names.
    pub fn none(kind: NoAnswerKind, problem: &'static str) -> Self {
        Self { result: Err(kind), retry_after: None, http_status: None, return_code: None, problem: Some(problem) }
    }
}

/// One piece of evidence. `queried_version` is the version that was read before the query: an answer is stale once a later one is stored (rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    Registration { registration: Registration, received_at: Timestamp },
    Notification { notification: Notification, received_at: Timestamp },
    Answer { answer: StatusAnswer, queried_version: u64 },
    NoAnswer(NoAnswer),
}

/// Who caused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
pub enum Source {
    Registration,
    Notification,
    StatusApi,
}

/// What became of a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr)]
pub enum Disposition {
    /// The first thing known of the transaction.
    Opened,
    /// Moved to a higher rank, not final.
    Advanced,
    /// Claims a final state that no answer has confirmed yet.
    Claimed,
    /// Claims another final state than the stored one: disputed (rule 5).
    Disputed,
    /// Agrees with the stored state.
    Agreed,
    /// Recorded, changes nothing.
    Noted,
    /// Of another merchant's terminal: recorded, never queried.
    OtherMerchants,
    /// A notificationID that was counted before (rule 6).
    Duplicate,
    /// A notificationID that was counted before, now with other content (rule 6).
    Conflicting,
    /// Beyond the notifications that are kept: acted on, not recorded.
    Unrecorded,
    /// A registration that filled absent fields.
    Filled,
    /// The Status API made it final.
    Finalised,
    /// The Status API replaced a final state (rule 4).
    Corrected,
    /// A status answer that would have left a final state (rule 3).
    Refused,
    /// A stale status answer: a later one was stored while it was in flight (rule 7).
    Stale,
    /// A Success that does not match what was registered or notified (rule 8).
    Blocked,
    /// No usable answer.
    Unanswered,
}

impl Notification {
    /// Eight bytes over the fields that are acted on, in hexadecimal: 15.9 and 15.90 are the same (rule 6).
    pub fn content_hash(&self, transaction_id: Option<&TransactionId>) -> String {
        let facts = &self.facts;
        let amount = facts.amount.as_ref().map(crate::Amount::canonical);
        let fields = [
            transaction_id.map(TransactionId::as_str),
            self.payment_status.as_ref().map(PaymentStatus::as_str),
            facts.merchant_transaction_id.as_ref().map(crate::ShortText::as_str),
            facts.terminal_id.as_ref().map(crate::ShortText::as_str),
            facts.payment_method.as_ref().map(crate::ShortText::as_str),
            facts.payment_type.as_ref().map(crate::ShortText::as_str),
            amount.as_deref(),
            facts.reference_status.map(crate::ReferenceStatus::as_str),
        ];
        let mut hasher = Sha256::new();
        for field in fields {
            // The length keeps neighbours apart; absent is not the same as empty.
            hasher.update(field.map_or(u64::MAX, |f| f.len() as u64).to_be_bytes());
            hasher.update(field.unwrap_or_default());
        }
        hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Disposition {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Source {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
