//! Weighs evidence on a copy of a transaction and concludes in at most one write.

use crate::answer;
use crate::notice;
use crate::schedule::{self, Asked};
use crate::transaction::HISTORY_ENTRIES_MAX;
use crate::{
    AttentionReason, Change, ChangeKind, Disposition, Evidence, Facts, NotificationId, PaymentStatus, Published, Rules,
    Source, Timestamp, Transaction, TransactionId,
};

/// A transaction with the evidence of one write. Weigh any number of pieces, ask where [`Draft::wants_answer`], then conclude.
#[derive(Debug, Clone)]
pub struct Draft<'r> {
    pub(crate) rules: &'r Rules,
    pub(crate) now: Timestamp,
    id: TransactionId,
    stored: Option<Transaction>,
    transaction: Option<Transaction>,
    kind: ChangeKind,
    reasons: Vec<String>,
    raised: Vec<AttentionReason>,
    recorded: Vec<NotificationId>,
    pub(crate) asked: Asked,
    pub(crate) wants_answer: bool,
    pub(crate) due_now: bool,
}

/// One conditional write: `attribute_not_exists` of each new notificationID and the version as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The version that must still be stored; none: the item must not exist.
    pub expected_version: Option<u64>,
    /// NotificationIDs that must not be stored yet.
    pub recorded: Vec<NotificationId>,
    /// Reasons for attention that this write raises; an unexpected correction each time it happens.
    pub raised: Vec<AttentionReason>,
    /// The transaction as it is to be stored.
    pub transaction: Transaction,
}

impl<'r> Draft<'r> {
    /// Starts from what was read; `stored` is none where the table has nothing.
    pub fn new(id: TransactionId, stored: Option<Transaction>, rules: &'r Rules) -> Self {
        Self {
            rules,
            now: Timestamp::default(),
            id,
            transaction: stored.clone(),
            stored,
            kind: ChangeKind::Noted,
            reasons: Vec::new(),
            raised: Vec::new(),
            recorded: Vec::new(),
            asked: Asked::No,
            wants_answer: false,
            due_now: false,
        }
    }

    /// The version that was read, 0 for none: what a question asked now speaks for.
    pub fn stored_version(&self) -> u64 {
        self.stored.as_ref().map_or(0, |t| t.version)
    }

    /// The transaction as it would be now.
    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// A final state is claimed that no answer has settled, or an answer was overtaken: ask the Status API before concluding.
    pub fn wants_answer(&self) -> bool {
        self.wants_answer
    }

    /// Takes in one piece of evidence at `now`. Total: every state and every piece has an outcome.
    pub fn weigh(&mut self, evidence: &Evidence, now: Timestamp) -> Disposition {
        self.now = self.now.max(now);
        match evidence {
            Evidence::Registration { registration, received_at } => {
                notice::registration(self, registration, *received_at)
            }
            Evidence::Notification { notification, received_at } => {
                notice::notification(self, notification, *received_at)
            }
            Evidence::Answer { answer, asked_version } => answer::answer(self, answer, *asked_version),
            Evidence::Silence(silence) => answer::silence(self, silence),
        }
    }

    /// The one write that holds all that was weighed; none if nothing changed.
    pub fn conclude(mut self) -> Option<Write> {
        let mut transaction = self.transaction.take()?;
        let version = self.stored_version() + 1;
        if let Some(reason) = schedule::lapse(&mut transaction, self.asked, self.now) {
            self.announce_attention(ChangeKind::NeedsAttention, reason);
        }
        transaction.next_check_at = schedule::next_check(&transaction, self.asked, self.due_now, self.now);
        if let Some(reason) = schedule::ended(&mut transaction, self.asked, self.now) {
            self.announce_attention(ChangeKind::NeedsAttention, reason);
        }
        if self.stored.as_ref() == Some(&transaction) {
            return None;
        }
        if transaction.answered_version == ANSWERED_NOW {
            transaction.answered_version = version;
        }
        // What is another merchant's is never asked about: it would stay open, and stored, for ever.
        if transaction.is_unsettled() && !transaction.is_closed() && !transaction.foreign {
            transaction.expires_at = None;
        } else if self.kind.is_published() || !self.recorded.is_empty() || transaction.expires_at.is_none() {
            transaction.expires_at = transaction.expires_at.max(Some(self.now + self.rules.retention));
        }
        transaction.version = version;
        transaction.change = self.kind;
        if self.kind.is_published() {
            self.publish(&mut transaction);
        } else if let Some(stored) = &self.stored {
            transaction.keep_told(stored);
        }
        let expected_version = self.stored.as_ref().map(|t| t.version);
        Some(Write { expected_version, recorded: self.recorded, raised: self.raised, transaction })
    }

    fn publish(&self, transaction: &mut Transaction) {
        let changed = transaction.history.last().filter(|change| change.version == transaction.version);
        let previous = match changed {
            Some(change) => change.from.clone(),
            None => Some(transaction.status.clone()),
        };
        // Only an answer decides whether it is paid: what a notification adds to the facts waits for one.
        let paid = match self.kind {
            ChangeKind::Finalised | ChangeKind::Corrected => transaction.facts.paid(&transaction.status),
            ChangeKind::NeedsAttention | ChangeKind::Noted | ChangeKind::Opened | ChangeKind::Advanced => {
                transaction.paid()
            }
        };
        transaction.outcome += 1;
        transaction.published = Some(Published {
            change: self.kind,
            version: transaction.version,
            status: transaction.status.clone(),
            previous,
            paid,
            reason: (!self.reasons.is_empty()).then(|| self.reasons.join(", ")),
            at: self.now,
            told: None,
        });
    }

    /// Opens a transaction that is not known yet.
    pub(crate) fn open(
        &mut self,
        status: PaymentStatus,
        source: Source,
        facts: &Facts,
        seen_at: Timestamp,
    ) -> &mut Transaction {
        self.kind = self.kind.max(ChangeKind::Opened);
        let change = Change { version: 1, from: None, to: status.clone(), source, at: self.now };
        self.transaction.insert(Transaction {
            id: self.id.clone(),
            status,
            version: 0,
            facts: facts.clone(),
            // A clock that runs ahead must not make a transaction younger than now.
            first_seen_at: seen_at.min(self.now),
            confirmed_at: None,
            answered_version: 0,
            claims: std::collections::BTreeMap::new(),
            agreed_since: None,
            silences: 0,
            recheck_at: None,
            tell_again: false,
            foreign: false,
            notifications: std::collections::BTreeMap::new(),
            history: vec![change],
            change: ChangeKind::Opened,
            attention: std::collections::BTreeMap::new(),
            resolved: std::collections::BTreeMap::new(),
            outcome: 0,
            published: None,
            next_check_at: None,
            expires_at: None,
        })
    }

    pub(crate) fn id(&self) -> &TransactionId {
        &self.id
    }

    pub(crate) fn transaction_mut(&mut self) -> Option<&mut Transaction> {
        self.transaction.as_mut()
    }

    /// Moves to another status and remembers it.
    pub(crate) fn change_status(&mut self, to: PaymentStatus, source: Source, kind: ChangeKind) {
        let version = self.stored_version() + 1;
        let at = self.now;
        self.kind = self.kind.max(kind);
        let Some(transaction) = self.transaction.as_mut() else { return };
        let from = Some(std::mem::replace(&mut transaction.status, to.clone()));
        transaction.history.push(Change { version, from, to, source, at });
        if transaction.history.len() > HISTORY_ENTRIES_MAX {
            transaction.history.remove(0);
        }
    }

    /// Something to publish that is not a change of status.
    pub(crate) fn announce(&mut self, kind: ChangeKind, reason: &str) {
        self.kind = self.kind.max(kind);
        self.reasons.push(reason.to_owned());
    }

    /// Raises a reason for attention, once (rule 9).
    pub(crate) fn raise(&mut self, reason: AttentionReason) {
        let now = self.now;
        let Some(transaction) = self.transaction.as_mut() else { return };
        if transaction.knows(reason) {
            return;
        }
        transaction.attention.insert(reason, now);
        self.announce_attention(ChangeKind::NeedsAttention, reason);
    }

    /// Publishes a reason for attention with a change of `kind`.
    pub(crate) fn announce_attention(&mut self, kind: ChangeKind, reason: AttentionReason) {
        self.raised.push(reason);
        self.announce(kind, reason.as_str());
    }

    /// Marks that a status answer was accepted; the version is known when the write is.
    pub(crate) fn accept_answer(&mut self) {
        if let Some(transaction) = self.transaction.as_mut() {
            transaction.answered_version = ANSWERED_NOW;
        }
    }

    pub(crate) fn record(&mut self, id: &NotificationId, record: crate::NotificationRecord) {
        if let Some(transaction) = self.transaction.as_mut() {
            transaction.notifications.insert(id.clone(), record);
            self.recorded.push(id.clone());
        }
    }
}

/// Stands for the version of the write in hand until that is concluded. No stored version comes near it.
pub(crate) const ANSWERED_NOW: u64 = u64::MAX;
