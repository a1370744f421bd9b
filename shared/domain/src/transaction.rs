//! A transaction as it is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    AttentionReason, Disposition, Facts, FinalStatus, NotificationId, PaymentStatus, Resolution, Source, Timestamp,
    TransactionId,
};

/// Notifications that are remembered per transaction. They are never evicted; beyond this the transaction needs attention.
pub const NOTIFICATIONS_MAX: usize = 200;
/// Changes of status that are remembered; the oldest go first.
pub const HISTORY_ENTRIES_MAX: usize = 50;

/// Everything known of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub id: TransactionId,
    pub status: PaymentStatus,
    /// Raised by one with every write; the first is 1.
    pub version: u64,
    pub facts: Facts,
    pub first_seen_at: Timestamp,
    /// When a status answer made the present final state.
    pub confirmed_at: Option<Timestamp>,
    /// The version that the latest accepted status answer wrote, 0 before the first (rule 7).
    pub answered_version: u64,
    /// Final states that a source claimed and no answer has agreed with, and since when. On a final transaction: it is in doubt (rule 5).
    pub claims: BTreeMap<FinalStatus, Timestamp>,
    /// Since when answers have confirmed the stored final state against the claims.
    pub agreed_since: Option<Timestamp>,
    /// Questions in a row that were not answered while others were; at most 255.
    pub silences: u8,
    /// When a Success is due to be asked about once more (rule 5).
    pub recheck_at: Option<Timestamp>,
    /// It comes from a restored table, and consumers may have been told something else since: the next final answer is published,
    /// even if it agrees.
    pub tell_again: bool,
    /// Only notifications of other merchants' terminals are known: recorded, never asked about.
    pub foreign: bool,
    pub notifications: BTreeMap<NotificationId, NotificationRecord>,
    pub history: Vec<Change>,
    /// What the last write was.
    pub change: ChangeKind,
    /// What a person should look at, and since when.
    pub attention: BTreeMap<AttentionReason, Timestamp>,
    /// What a person has ended the attention of, and why.
    pub resolved: BTreeMap<AttentionReason, Resolution>,
    /// Counts the published changes, from 1; 0 before the first.
    pub outcome: u64,
    /// The latest published change.
    pub published: Option<Published>,
    pub next_check_at: Option<Timestamp>,
    /// When DynamoDB may delete the item: only when final and not in doubt, or not ours.
    pub expires_at: Option<Timestamp>,
}

/// One counted notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationRecord {
    pub received_at: Timestamp,
    /// The status that it claims, as it came.
    pub status: Option<PaymentStatus>,
    /// See [`crate::Notification::content_hash`].
    pub hash: String,
    pub disposition: Disposition,
    /// It reports a Multibanco reference as paid.
    pub reference_paid: bool,
}

/// One change of status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub version: u64,
    /// None for the first.
    pub from: Option<PaymentStatus>,
    pub to: PaymentStatus,
    pub source: Source,
    pub at: Timestamp,
}

/// What a write was. The last three are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ChangeKind {
    Noted,
    Opened,
    Advanced,
    NeedsAttention,
    Finalised,
    Corrected,
}

impl ChangeKind {
    pub fn is_published(self) -> bool {
        match self {
            Self::Noted | Self::Opened | Self::Advanced => false,
            Self::NeedsAttention | Self::Finalised | Self::Corrected => true,
        }
    }
}

/// What was told to the merchant last, so that it can be told again from the item alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub change: ChangeKind,
    pub version: u64,
    pub status: PaymentStatus,
    pub previous: Option<PaymentStatus>,
    pub paid: bool,
    /// Codes joined by `, `; none for a plain outcome.
    pub reason: Option<String>,
    pub at: Timestamp,
    /// Where more is known since: what it was told with. None while the transaction still says the same.
    pub told: Option<Told>,
}

/// What an outcome tells of its transaction besides the status. One event has one content, however late it is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub outcome: u64,
    /// Without the status of the reference: it is not told.
    pub facts: Facts,
    pub confirmed_at: Option<Timestamp>,
}

/// What the merchant can choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When a Success is asked about once more; none turns it off.
    pub recheck_success_after: Option<Duration>,
    /// How long a final transaction is kept after its last notification. SPG retries for two months.
    pub retention: Duration,
    /// The merchant's terminals; none means that all are ours.
    pub terminal_ids: Option<BTreeSet<String>>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            recheck_success_after: Some(Duration::from_secs(24 * 3600)),
            retention: Duration::from_secs(400 * 24 * 3600),
            terminal_ids: None,
        }
    }
}

impl Transaction {
    /// A final transaction that a claim contradicts (rule 5).
    pub fn in_doubt(&self) -> bool {
        self.status.as_final().is_some() && !self.claims.is_empty()
    }

    /// Open, or in doubt: no status answer has settled it.
    pub fn is_unsettled(&self) -> bool {
        self.status.as_final().is_none() || !self.claims.is_empty()
    }

    /// Unsettled, and closed by a person after its checks had ended ([`crate::resolve`]).
    pub fn is_closed(&self) -> bool {
        self.is_unsettled() && self.next_check_at.is_none() && self.attention.is_empty() && !self.resolved.is_empty()
    }

    /// Whether this reason was raised before and still says all there is to say.
    pub(crate) fn knows(&self, reason: AttentionReason) -> bool {
        self.attention.contains_key(&reason) || (self.resolved.contains_key(&reason) && !reason.is_raised_again())
    }

    /// A final transaction is to be asked about until an answer agrees: kept on the item, so that silence does not end it.
    pub(crate) fn ask_once_more(&mut self, now: Timestamp) {
        if self.status.as_final().is_some() {
            self.recheck_at = Some(self.recheck_at.map_or(now, |at| at.min(now)));
        }
    }

    /// What the latest outcome was told with; none before the first.
    pub fn told(&self) -> Option<Told> {
        let published = self.published.as_ref()?;
        Some(published.told.clone().unwrap_or_else(|| Told::now(self)))
    }

    /// Puts aside what was told, where this has moved on from `before` without telling it.
    pub(crate) fn keep_told(&mut self, before: &Self) {
        let (told, now) = (Told::now(before), Told::now(self));
        if let Some(published) = self.published.as_mut().filter(|_| told != now) {
            published.told.get_or_insert(told);
        }
    }

    /// As the latest outcome said: Success, of a paying type, and of a paid reference if there is one (rule 10).
    pub fn paid(&self) -> bool {
        self.published.as_ref().is_some_and(|published| published.paid)
    }
}

impl Told {
    /// What an outcome would be told with now.
    fn now(transaction: &Transaction) -> Self {
        Self {
            outcome: transaction.outcome,
            facts: Facts { reference_status: None, ..transaction.facts.clone() },
            confirmed_at: transaction.confirmed_at,
        }
    }
}

impl Rules {
    /// A terminal that is named and is not one of the merchant's.
    pub(crate) fn is_foreign(&self, facts: &Facts) -> bool {
        match (&self.terminal_ids, &facts.terminal_id) {
            (Some(ours), Some(terminal)) => !ours.contains(terminal.as_str()),
            (None, _) | (_, None) => false,
        }
    }
}
