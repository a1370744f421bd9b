//! A transaction as it is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use strum::{EnumString, IntoStaticStr};

use crate::{
    AttentionReason, Disposition, Facts, FinalStatus, Note, NotificationId, OpenStatus, PaymentStatus, Source,
    Timestamp, TransactionId,
};

/// Notifications that are remembered per transaction. They are never evicted; beyond this the transaction needs attention.
pub const NOTIFICATIONS_MAX: usize = 200;
/// Changes of status that are remembered; the oldest go first.
pub const HISTORY_ENTRIES_MAX: usize = 50;
/// How far the clocks of two machines may disagree before it is counted. See [`Transaction::is_ahead_of`].
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(3600);

/// Everything known of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub id: TransactionId,
    /// Raised by one with every write; the first is 1.
    pub version: u64,
    pub facts: Facts,
    pub first_seen_at: Timestamp,
    pub lifecycle: Lifecycle,
    /// The version that the latest accepted status answer wrote (rule 7); none before the first.
    pub answered_version: Option<u64>,
    /// Queries in a row that were not answered while others were; at most 255.
    pub unanswered_in_a_row: u8,
    pub notifications: BTreeMap<NotificationId, NotificationRecord>,
    pub history: Vec<Change>,
    /// What the last write was.
    pub change: ChangeKind,
    /// What a person should look at, and since when.
    pub attention: BTreeMap<AttentionReason, Timestamp>,
    /// What a person has ended the attention of, and why.
    pub resolved: BTreeMap<AttentionReason, Resolution>,
    /// Of the latest published change: Unix milliseconds, and always higher than that of the change before. 0 before the first.
    pub sequence: u64,
    /// The latest published change.
    pub published: Option<Published>,
    pub next_check_at: Option<Timestamp>,
    /// When DynamoDB may delete the item, in whole seconds: only when it is final and not disputed, closed, or another merchant's.
    pub expires_at: Option<Timestamp>,
}

/// Where a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifecycle {
    /// Only notifications of other merchants' terminals are known: recorded, never queried.
    OtherMerchants(OpenStatus),
    /// No status answer has made it final.
    Open(Open),
    /// A status answer made it final (rule 1).
    Final(Final),
}

/// What is known while no answer has made a transaction final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub status: OpenStatus,
    pub claims: Claims,
}

/// What is known of a final state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Final {
    pub status: FinalStatus,
    pub confirmation: Confirmation,
    /// Present while other final states are claimed (rule 5).
    pub dispute: Option<Dispute>,
    /// When it is due to be queried once more (rule 5).
    pub recheck_at: Option<Timestamp>,
}

/// Final states that a source claimed and no answer has agreed with, and since when.
pub type Claims = BTreeMap<FinalStatus, Timestamp>;

/// When a status answer made the present final state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    At(Timestamp),
    /// Then, and since then the table was restored: consumers may have received something else, so the next answer is published even if
    /// it agrees.
    BeforeRestore(Timestamp),
}

/// A final state that notifications contradict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// At least one, and none of the final state itself.
    pub claims: Claims,
    /// Since when answers have confirmed the final state against the claims.
    pub agreed_since: Option<Timestamp>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr)]
pub enum ChangeKind {
    Noted,
    Opened,
    Advanced,
    NeedsAttention,
    Finalised,
    Corrected,
}

/// What a person decided about a reason for attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    pub at: Timestamp,
    /// Why. Written by a person, for people; no personal data belongs in it.
    pub note: Note,
}

/// What was published last, so that it can be republished from the item alone.
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
    /// Where more is known since: what it was published with. None while the transaction still says the same.
    pub facts: Option<PublishedFacts>,
}

/// What an event says of its transaction besides the status. One event has one content, however late it is republished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedFacts {
    pub sequence: u64,
    /// Without the status of the reference: it is not published.
    pub facts: Facts,
    pub confirmed_at: Option<Timestamp>,
}

/// What the merchant can choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When a Success is queried once more; none turns it off.
    pub recheck_success_after: Option<Duration>,
    /// How long a final transaction is kept after its last notification. SPG retries for two months.
    pub retention: Duration,
    /// The merchant's terminals; none means that all are the merchant's.
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

impl ChangeKind {
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub fn is_published(self) -> bool {
        match self {
            Self::Noted | Self::Opened | Self::Advanced => false,
            Self::NeedsAttention | Self::Finalised | Self::Corrected => true,
        }
    }
}

impl Confirmation {
    pub fn at(self) -> Timestamp {
        match self {
            Self::At(at) | Self::BeforeRestore(at) => at,
        }
    }
}

impl Lifecycle {
    pub fn status(&self) -> PaymentStatus {
        match self {
            Self::OtherMerchants(status) => PaymentStatus::Open(status.clone()),
            Self::Open(open) => PaymentStatus::Open(open.status.clone()),
            Self::Final(is) => PaymentStatus::Final(is.status),
        }
    }

    pub fn as_final(&self) -> Option<&Final> {
        match self {
            Self::OtherMerchants(_) | Self::Open(_) => None,
            Self::Final(is) => Some(is),
        }
    }

    /// None where no final state is claimed that no answer has agreed with.
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::OtherMerchants(_) => None,
            Self::Open(open) => Some(&open.claims).filter(|claims| !claims.is_empty()),
            Self::Final(is) => is.dispute.as_ref().map(|dispute| &dispute.claims),
        }
    }
}

impl Final {
    /// It is to be queried until an answer agrees: kept on the item, so that a query without an answer does not end it.
    pub(crate) fn recheck_by(&mut self, at: Timestamp) {
        self.recheck_at = Some(self.recheck_at.map_or(at, |planned| planned.min(at)));
    }

    /// For a claim of another final state.
    pub(crate) fn dispute_mut(&mut self) -> &mut Dispute {
        self.dispute.get_or_insert(Dispute { claims: Claims::new(), agreed_since: None })
    }
}

impl Transaction {
    pub fn status(&self) -> PaymentStatus {
        self.lifecycle.status()
    }

    /// When a status answer made the present final state; none while there is none.
    pub fn confirmed_at(&self) -> Option<Timestamp> {
        self.lifecycle.as_final().map(|is| is.confirmation.at())
    }

    /// A final transaction that a claim contradicts (rule 5).
    pub fn is_disputed(&self) -> bool {
        self.lifecycle.as_final().is_some_and(|is| is.dispute.is_some())
    }

    /// Only notifications of other merchants' terminals are known.
    pub fn is_other_merchants(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::OtherMerchants(_))
    }

    /// One of the merchant's own that is open, or disputed: no status answer has settled it.
    pub fn is_unsettled(&self) -> bool {
        match &self.lifecycle {
            Lifecycle::OtherMerchants(_) => false,
            Lifecycle::Open(_) => true,
            Lifecycle::Final(is) => is.dispute.is_some(),
        }
    }

    /// Unsettled, and closed by a person after its checks had ended ([`crate::resolve`]).
    pub fn is_closed(&self) -> bool {
        self.is_unsettled() && self.next_check_at.is_none() && self.attention.is_empty() && !self.resolved.is_empty()
    }

    /// Whether something was published with a clock more than [`CLOCK_TOLERANCE`] later than `now`: one of the two clocks is wrong, and
    /// what is published now has a sequence that no clock shows.
    pub fn is_ahead_of(&self, now: Timestamp) -> bool {
        Timestamp::from_millis(self.sequence) > now + CLOCK_TOLERANCE
    }

    /// Whether this reason was raised before and still says all there is to say.
    pub(crate) fn knows(&self, reason: AttentionReason) -> bool {
        self.attention.contains_key(&reason) || (self.resolved.contains_key(&reason) && !reason.is_raised_again())
    }

    /// The final states that its notifications claim, and when each came: of another merchant's they are only recorded.
    pub(crate) fn recorded_claims(&self) -> impl Iterator<Item = (FinalStatus, Timestamp)> {
        self.notifications.values().filter_map(|record| {
            let status = record.status.as_ref()?;
            let claimed = if record.reference_paid { status.clone() } else { self.facts.effective(status) };
            Some((claimed.as_final()?, record.received_at))
        })
    }

    /// What the latest outcome was published with; none before the first.
    pub fn published_facts(&self) -> Option<PublishedFacts> {
        let published = self.published.as_ref()?;
        Some(published.facts.clone().unwrap_or_else(|| PublishedFacts::of(self)))
    }

    /// Puts aside what was published, where this has moved on from `before` without publishing it.
    pub(crate) fn keep_published_facts(&mut self, before: &Self) {
        let (published_before, now) = (PublishedFacts::of(before), PublishedFacts::of(self));
        if let Some(published) = self.published.as_mut().filter(|_| published_before != now) {
            published.facts.get_or_insert(published_before);
        }
    }

    /// As the latest outcome said: Success, of a paying type, and of a paid reference if there is one (rule 10).
    pub fn paid(&self) -> bool {
        self.published.as_ref().is_some_and(|published| published.paid)
    }
}

impl PublishedFacts {
    /// What an event would say now.
    fn of(transaction: &Transaction) -> Self {
        Self {
            sequence: transaction.sequence,
            facts: Facts { reference_status: None, ..transaction.facts.clone() },
            confirmed_at: transaction.confirmed_at(),
        }
    }
}

impl Rules {
    /// A terminal that is named and is not one of the merchant's.
    pub(crate) fn is_other_merchants(&self, facts: &Facts) -> bool {
        match (&self.terminal_ids, &facts.terminal_id) {
            (Some(ours), Some(terminal)) => !ours.contains(terminal.as_str()),
            (None, _) | (_, None) => false,
        }
    }
}
