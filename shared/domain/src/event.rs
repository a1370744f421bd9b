//! The published events: a pure function of the stored transaction, so that each can be republished.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::{
    Amount, ChangeKind, FinalStatus, PaymentStatus, PublishedFacts, ShortText, Timestamp, Transaction, TransactionId,
};

/// The `source` of every event.
pub const EVENT_SOURCE: &str = "spg.transactions";

const DETAIL_SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum DetailType {
    #[strum(serialize = "Transaction Finalised")]
    Finalised,
    #[strum(serialize = "Transaction Corrected")]
    Corrected,
    #[strum(serialize = "Transaction Needs Attention")]
    NeedsAttention,
}

/// An event as it goes to the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeEvent {
    pub detail_type: DetailType,
    pub detail: OutcomeDetail,
    /// When the change was made.
    pub at: Timestamp,
}

/// The `detail` of an event; `infra/events` has its JSON Schema. Absent facts are null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeDetail {
    pub schema_version: u32,
    /// `transactionID#sequence`: the same event keeps its id however often it is sent.
    pub event_id: String,
    #[serde(rename = "transactionID")]
    pub transaction_id: TransactionId,
    /// Rises with each event of this transaction, in Unix milliseconds, below 2^53: keep the highest, ignore the rest.
    pub sequence: u64,
    pub version: u64,
    pub payment_status: PaymentStatus,
    pub previous_status: Option<PaymentStatus>,
    pub paid: bool,
    /// Timeout is not a refusal: the payer may try again (C.4).
    pub retry_eligible: bool,
    pub merchant_transaction_id: Option<ShortText>,
    pub terminal_id: Option<ShortText>,
    pub payment_method: Option<ShortText>,
    pub payment_type: Option<ShortText>,
    pub amount: Option<Amount>,
    /// SPG's transactionDateTime where it is known, else when the change was made. RFC 3339.
    pub occurred_at: String,
    /// When the Status API confirmed the final state. RFC 3339; null while there is none.
    pub confirmed_at: Option<String>,
    /// Codes joined by `, `; null for a plain outcome.
    pub reason: Option<String>,
}

impl DetailType {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl OutcomeEvent {
    /// The latest published change; none before the first.
    pub fn latest(transaction: &Transaction) -> Option<Self> {
        let published = transaction.published.as_ref()?;
        let detail_type = match published.change {
            ChangeKind::Finalised => DetailType::Finalised,
            ChangeKind::Corrected => DetailType::Corrected,
            ChangeKind::NeedsAttention => DetailType::NeedsAttention,
            ChangeKind::Noted | ChangeKind::Opened | ChangeKind::Advanced => return None,
        };
        let PublishedFacts { sequence, facts, confirmed_at } = transaction.published_facts()?;
        let occurred_at: Timestamp = facts.transaction_date_time.unwrap_or(published.at);
        let detail = OutcomeDetail {
            schema_version: DETAIL_SCHEMA_VERSION,
            event_id: format!("{}#{sequence}", transaction.id),
            transaction_id: transaction.id.clone(),
            sequence,
            version: published.version,
            payment_status: published.status.clone(),
            previous_status: published.previous.clone(),
            paid: published.paid,
            retry_eligible: published.status == PaymentStatus::Final(FinalStatus::Timeout),
            merchant_transaction_id: facts.merchant_transaction_id,
            terminal_id: facts.terminal_id,
            payment_method: facts.payment_method,
            payment_type: facts.payment_type,
            amount: facts.amount,
            occurred_at: occurred_at.to_string(),
            confirmed_at: confirmed_at.map(|at| at.to_string()),
            reason: published.reason.clone(),
        };
        Some(Self { detail_type, detail, at: published.at })
    }
}
