//! The only way to change a status, to mark attention and to announce an event.

use std::collections::BTreeMap;

use crate::schedule::{self, CORRECTION_RECHECK_AFTER, NextQuery, Query};
use crate::transaction::HISTORY_ENTRIES_MAX;
use crate::{
    AttentionReason, Change, ChangeKind, Confirmation, Disposition, Dispute, Facts, Final, FinalStatus, Lifecycle,
    Note, NotificationId, NotificationRecord, Open, OpenStatus, PaymentStatus, Published, Resolution, Rules, Source,
    Timestamp, Transaction, TransactionId,
};

/// One conditional write: of a new item, that there is none; else the version as it was read, and none of the new notificationIDs.
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

/// A transaction between what is stored and the next write.
#[derive(Debug, Clone)]
pub(crate) struct Transition<'r> {
    rules: &'r Rules,
    now: Timestamp,
    /// As it was read; none where it is opened here.
    stored: Option<Transaction>,
    transaction: Transaction,
    change: ChangeKind,
    reasons: Vec<&'static str>,
    raised: Vec<AttentionReason>,
    recorded: Vec<NotificationId>,
    query: Query,
    next_query: NextQuery,
}

impl<'r> Transition<'r> {
    /// Starts from what is stored.
    pub fn of(stored: Transaction, rules: &'r Rules) -> Self {
        Self::new(stored.clone(), Some(stored), ChangeKind::Noted, rules, Timestamp::default())
    }

    /// Opens a transaction that is not stored yet.
    pub fn open(
        id: &TransactionId,
        lifecycle: Lifecycle,
        facts: &Facts,
        source: Source,
        seen_at: Timestamp,
        rules: &'r Rules,
        now: Timestamp,
    ) -> Self {
        let opened = Change { version: 1, from: None, to: lifecycle.status(), source, at: now };
        let transaction = Transaction {
            id: id.clone(),
            version: 0,
            facts: facts.clone(),
            // A clock that runs ahead must not make a transaction younger than now.
            first_seen_at: seen_at.min(now),
            lifecycle,
            answered_version: None,
            unanswered_in_a_row: 0,
            notifications: BTreeMap::new(),
            history: vec![opened],
            change: ChangeKind::Opened,
            attention: BTreeMap::new(),
            resolved: BTreeMap::new(),
            sequence: 0,
            published: None,
            next_check_at: None,
            expires_at: None,
        };
        Self::new(transaction, None, ChangeKind::Opened, rules, now)
    }

    fn new(
        transaction: Transaction,
        stored: Option<Transaction>,
        change: ChangeKind,
        rules: &'r Rules,
        now: Timestamp,
    ) -> Self {
        Self {
            rules,
            now,
            stored,
            transaction,
            change,
            reasons: Vec::new(),
            raised: Vec::new(),
            recorded: Vec::new(),
            query: Query::NotMade,
            next_query: NextQuery::AsScheduled,
        }
    }

    /// The transaction as it would be now.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    pub fn rules(&self) -> &'r Rules {
        self.rules
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What follows happens at `now`, or when the last did if that was later.
    pub fn wait_until(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    pub fn wants_answer(&self) -> bool {
        self.next_query.is_wanted()
    }

    /// The Status API is queried before this write, if there is time for it; else it is due at once.
    pub fn want_answer(&mut self) {
        self.next_query = NextQuery::Now;
    }

    /// The final state may be wrong: it is queried at once, and again until an answer agrees.
    pub fn recheck_now(&mut self) {
        let now = self.now;
        if let Some(is) = self.final_mut() {
            is.recheck_by(now);
        }
        self.want_answer();
    }

    /// Due at once: the sweeper's matter.
    pub fn make_due(&mut self) {
        self.next_query = self.next_query.max(NextQuery::Due);
    }

    /// An answer came, which settles what was wanted unless the answer itself leaves something open.
    pub fn answered(&mut self) {
        (self.query, self.next_query) = (Query::Answered, NextQuery::AsScheduled);
    }

    /// The answer may only lag behind a claim (C.7).
    pub fn want_answer_while_claimed(&mut self) {
        if self.transaction.lifecycle.claims().is_some() {
            self.next_query = NextQuery::Again;
        }
    }

    /// No answer came. It counts `unanswered_in_a_row` if it was due or wanted.
    pub fn unanswered(&mut self, no_answer: crate::NoAnswer) {
        if self.wants_answer() || self.transaction.next_check_at.is_some() {
            self.transaction.unanswered_in_a_row = no_answer.in_a_row_after(self.transaction.unanswered_in_a_row);
        }
        (self.query, self.next_query) = (Query::Unanswered(no_answer), NextQuery::AsScheduled);
    }

    /// Whether someone stored a later answer while this one was in flight (rule 7).
    pub fn is_stale(&self, queried_version: u64) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.answered_version > Some(queried_version))
    }

    /// An answer was accepted: older ones are stale from now on.
    pub fn accept_answer(&mut self) {
        self.transaction.answered_version = Some(self.version());
    }

    pub fn clear_unanswered(&mut self) {
        self.transaction.unanswered_in_a_row = 0;
    }

    pub fn record(&mut self, id: &NotificationId, record: NotificationRecord) {
        self.transaction.notifications.insert(id.clone(), record);
        self.recorded.push(id.clone());
    }

    /// Takes in what a source states beside the status; what is known stays.
    pub fn learn(&mut self, facts: &Facts) {
        let known = self.transaction.facts.reference_status;
        self.transaction.facts.fill_from(facts);
        if self.transaction.lifecycle.as_final().is_some() {
            // The Status API has spoken: the late notification of a reference's generation does not make it unpaid.
            self.transaction.facts.reference_status = known;
        }
    }

    pub fn replace_facts(&mut self, facts: Facts) {
        self.transaction.facts = facts;
    }

    /// A non-final status moves up, or is noted (rules 2 and 3).
    pub fn advance(&mut self, to: OpenStatus, source: Source) -> Disposition {
        let status = match &mut self.transaction.lifecycle {
            Lifecycle::OtherMerchants(status) => status,
            Lifecycle::Open(open) => &mut open.status,
            Lifecycle::Final(_) => return Disposition::Noted,
        };
        if to.rank() <= status.rank() {
            return Disposition::Noted;
        }
        let from = std::mem::replace(status, to);
        self.changed(PaymentStatus::Open(from), source, ChangeKind::Advanced);
        Disposition::Advanced
    }

    /// A source claims a final state: a reason to ask (rule 1), and against another final state a dispute (rule 5).
    pub fn claim(&mut self, claim: FinalStatus) -> Disposition {
        let disposition = match &mut self.transaction.lifecycle {
            Lifecycle::OtherMerchants(_) => return Disposition::OtherMerchants,
            Lifecycle::Open(open) => {
                open.claims.insert(claim, self.now);
                Disposition::Claimed
            }
            Lifecycle::Final(is) if is.status == claim => return Disposition::Agreed,
            Lifecycle::Final(is) => {
                let dispute = is.dispute_mut();
                dispute.claims.insert(claim, self.now);
                dispute.agreed_since = None;
                Disposition::Disputed
            }
        };
        self.want_answer();
        disposition
    }

    /// An answer's own Success that may not be believed (rule 8): it stays a claim, so that it is queried again.
    pub fn keep_as_claim(&mut self, claim: FinalStatus) {
        let claims = match &mut self.transaction.lifecycle {
            Lifecycle::OtherMerchants(_) => return,
            Lifecycle::Open(open) => &mut open.claims,
            Lifecycle::Final(is) => &mut is.dispute_mut().claims,
        };
        claims.entry(claim).or_insert(self.now);
    }

    /// What only other merchants' terminals were known of turns out to be the merchant's own, and is queried.
    pub fn adopt(&mut self) {
        if self.transaction.is_other_merchants() {
            self.own();
            self.make_due();
            if self.transaction.lifecycle.claims().is_some() {
                self.want_answer();
            }
        }
    }

    /// What only other merchants' terminals were known of is the merchant's own: what was only recorded counts now.
    fn own(&mut self) {
        let Lifecycle::OtherMerchants(status) = &self.transaction.lifecycle else { return };
        let claims = self.transaction.recorded_claims().map(|(claim, _)| (claim, self.now)).collect();
        self.transaction.lifecycle = Lifecycle::Open(Open { status: status.clone(), claims });
    }

    /// A status answer makes it final, or replaces a final state: what other sources claim is disputed from now on. Returns the final
    /// state that was replaced.
    ///
    /// A correction is looked at again whatever the rules are: two answers have disagreed, and the later one may have lagged.
    pub fn settle(&mut self, status: FinalStatus) -> Option<FinalStatus> {
        // Whoever queried: what contradicts a final state counts.
        self.own();
        let from = self.transaction.status();
        let replaced = from.as_final();
        let success = self.rules.recheck_success_after.filter(|_| status == FinalStatus::Success);
        let correction = replaced.map(|_| CORRECTION_RECHECK_AFTER);
        let recheck_at = success.into_iter().chain(correction).min().map(|after| self.now + after);
        let mut claims = self.transaction.lifecycle.claims().cloned().unwrap_or_default();
        claims.remove(&status);
        let dispute = (!claims.is_empty()).then_some(Dispute { claims, agreed_since: Some(self.now) });
        let confirmation = Confirmation::At(self.now);
        self.transaction.lifecycle = Lifecycle::Final(Final { status, confirmation, dispute, recheck_at });
        let kind = if replaced.is_some() { ChangeKind::Corrected } else { ChangeKind::Finalised };
        self.changed(from, Source::StatusApi, kind);
        replaced
    }

    /// The final state, for what does not change its status.
    pub fn final_mut(&mut self) -> Option<&mut Final> {
        match &mut self.transaction.lifecycle {
            Lifecycle::OtherMerchants(_) | Lifecycle::Open(_) => None,
            Lifecycle::Final(is) => Some(is),
        }
    }

    /// What the write is; the weightiest change counts.
    pub fn change_to(&mut self, kind: ChangeKind) {
        self.change = self.change.max(kind);
    }

    /// Publishes a change with its reason.
    pub fn announce(&mut self, kind: ChangeKind, reason: &'static str) {
        self.change_to(kind);
        self.reasons.push(reason);
    }

    /// Raises a reason for attention, once (rule 9).
    pub fn raise(&mut self, reason: AttentionReason) {
        if !self.transaction.knows(reason) {
            self.mark(reason);
        }
    }

    /// Marks it for people and publishes that, also where it was marked before.
    pub fn mark(&mut self, reason: AttentionReason) {
        self.transaction.attention.entry(reason).or_insert(self.now);
        self.raised.push(reason);
        self.announce(ChangeKind::NeedsAttention, reason.as_str());
    }

    /// A person has looked at it: ends the attention of these reasons and publishes nothing.
    pub fn resolve(&mut self, reasons: &[AttentionReason], note: &Note) {
        for reason in reasons {
            self.transaction.attention.remove(reason);
            self.transaction.resolved.insert(*reason, Resolution { at: self.now, note: note.clone() });
        }
    }

    /// The one write that holds all that was taken in; none if nothing changed.
    pub fn into_write(mut self) -> Option<Write> {
        if schedule::has_lapsed(&self.transaction, self.query, self.now)
            && !self.transaction.knows(AttentionReason::Unknown)
        {
            self.raise(AttentionReason::Lapsed);
        }
        let next_check_at = schedule::next_check(&self.transaction, self.query, self.next_query, self.now);
        // What is opened is queried at least once, even if its first evidence says that it is too old for that.
        let at_once = (self.stored.is_none() && self.query == Query::NotMade && !self.transaction.is_other_merchants())
            .then_some(self.now);
        self.transaction.next_check_at = next_check_at.or(at_once);
        if schedule::has_ended(&self.transaction, self.query) {
            // Also where a person has ended an earlier mark (rule 9).
            self.mark(AttentionReason::Lapsed);
        }
        if self.stored.as_ref() == Some(&self.transaction) {
            return None;
        }
        self.transaction.version = self.version();
        self.transaction.change = self.change;
        self.transaction.expires_at = self.expires_at();
        if self.change.is_published() {
            self.publish();
        } else if let Some(stored) = &self.stored {
            self.transaction.keep_published_facts(stored);
        }
        let expected_version = self.stored.map(|stored| stored.version);
        Some(Write { expected_version, recorded: self.recorded, raised: self.raised, transaction: self.transaction })
    }

    /// Of the write in hand.
    fn version(&self) -> u64 {
        self.stored.as_ref().map_or(0, |stored| stored.version) + 1
    }

    fn changed(&mut self, from: PaymentStatus, source: Source, kind: ChangeKind) {
        self.change_to(kind);
        let to = self.transaction.status();
        let change = Change { version: self.version(), from: Some(from), to, source, at: self.now };
        self.transaction.history.push(change);
        if self.transaction.history.len() > HISTORY_ENTRIES_MAX {
            self.transaction.history.remove(0);
        }
    }

    /// What is another merchant's is never queried: without an expiry it would stay stored for ever.
    fn expires_at(&self) -> Option<Timestamp> {
        let (is, before) = (&self.transaction, self.transaction.expires_at);
        if is.is_unsettled() && !is.is_closed() {
            return None;
        }
        let prolonged = self.change.is_published() || !self.recorded.is_empty() || before.is_none();
        let expiry = (self.now + self.rules.retention).floor_to_second();
        if prolonged { before.max(Some(expiry)) } else { before }
    }

    fn publish(&mut self) {
        let is = &self.transaction;
        let changed = is.history.last().filter(|change| change.version == is.version);
        let previous = changed.map_or_else(|| Some(is.status()), |change| change.from.clone());
        // Only an answer decides whether it is paid: what a notification adds to the facts waits for one.
        let paid = match self.change {
            ChangeKind::Finalised | ChangeKind::Corrected => is.facts.paid(&is.status()),
            ChangeKind::NeedsAttention | ChangeKind::Noted | ChangeKind::Opened | ChangeKind::Advanced => is.paid(),
        };
        let published = Published {
            change: self.change,
            version: is.version,
            status: is.status(),
            previous,
            paid,
            reason: (!self.reasons.is_empty()).then(|| self.reasons.join(", ")),
            at: self.now,
            facts: None,
        };
        // A clock that never runs back, so that consumers who keep the highest end with the latest (docs/adr/0015).
        self.transaction.sequence = self.transaction.sequence.saturating_add(1).max(self.now.millis());
        self.transaction.published = Some(published);
    }
}
