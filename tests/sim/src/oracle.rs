//! Watches every step with its own eyes: it knows SPG's truth, and what was said to whom.

use std::collections::{BTreeMap, BTreeSet};

use processor::{DeadLetter, DeadLetterReason};
use spg_domain::{
    Amount, CHECKS_END_AFTER, ChangeKind, Claims, DISPUTE_ENDS_AFTER, FinalStatus, Message, NotificationId,
    OutcomeEvent, Payload, Source, Transaction, TransactionId, Write,
};

use crate::invariant::{Invariant, Violation};
use crate::moment::{DAY, SECOND};
use crate::spg::{CUSTOMER, PHONE};
use crate::world::{ProcessId, State};

/// SPG tries for two months; what knows of a notification must live longer.
const RETRIES_LAST: u64 = 62 * DAY;
/// No invocation lasts longer.
const INVOCATION_MAX: u64 = 60 * SECOND;
/// Queries about one transaction in one invocation: a claim, two more where the answer lags, one more after a stale answer.
const QUERIES_MAX: u32 = 4;

/// What an answer said, and when it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub queried: u64,
    pub is: Option<FinalStatus>,
    pub pays: bool,
    pub amount: Option<Amount>,
}

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Counts queries and answers that were accepted: an order that no clock changes.
    clock: u64,
    answers: BTreeMap<TransactionId, Vec<Said>>,
    /// When the last accepted answer was stored.
    answered: BTreeMap<TransactionId, u64>,
    /// Since when answers have confirmed a disputed state.
    agreed_since: BTreeMap<TransactionId, u64>,
    enqueued: BTreeSet<NotificationId>,
    pub accepted: BTreeMap<NotificationId, (TransactionId, u64)>,
    pub registered: BTreeSet<TransactionId>,
    /// What each published change says, by its sequence.
    pub published: BTreeMap<(TransactionId, u64), OutcomeEvent>,
    pub events: BTreeSet<(TransactionId, u64)>,
    counted: BTreeSet<(TransactionId, NotificationId)>,
    pub deleted: BTreeMap<TransactionId, Transaction>,
    pub finalised_at: BTreeMap<TransactionId, u64>,
    pub violation: Option<Violation>,
}

impl Oracle {
    pub fn now(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub fn answered(&mut self, id: &TransactionId, said: Said) {
        self.answers.entry(id.clone()).or_default().push(said);
    }

    pub fn deleted(&mut self, old: Transaction) {
        self.deleted.insert(old.id.clone(), old);
    }

    pub fn answered_final(&self, id: &TransactionId, status: Option<FinalStatus>) -> bool {
        status.is_some() && self.said(id).any(|said| said.is == status)
    }

    fn said(&self, id: &TransactionId) -> impl Iterator<Item = &Said> {
        self.answers.get(id).into_iter().flatten()
    }
}

impl State {
    pub fn violation(&mut self, invariant: Invariant, text: impl FnOnce() -> String) {
        if self.oracle.violation.is_none() {
            let violation = Violation { invariant, at: self.now, text: text() };
            self.say("ORACLE", || format!("{invariant}: {}", violation.text));
            self.oracle.violation = Some(violation);
        }
    }

    fn expect(&mut self, holds: bool, invariant: Invariant, text: impl FnOnce() -> String) {
        if !holds {
            self.violation(invariant, text);
        }
    }

    pub fn oracle_enqueue(&mut self, body: &str) {
        self.no_personal_data(body);
        let present = body.replace("\"schemaVersion\":2", "\"schemaVersion\":1");
        if let Ok(message) = Message::parse(&present)
            && let Payload::Notification(notification) = message.payload
        {
            let id = notification.notification_id;
            self.expect(!id.as_str().ends_with("/forged"), Invariant::ForgeriesAreRefused, || {
                format!("{id} is queued")
            });
            self.oracle.enqueued.insert(id);
        }
    }

    pub fn no_personal_data(&mut self, text: &str) {
        let found = text.contains(PHONE) || text.contains(CUSTOMER);
        self.expect(!found, Invariant::NoPersonalData, || "a phone or a name outside of the webhook".to_owned());
    }

    /// Ack has answered 200 to this notification.
    pub fn oracle_acknowledged(&mut self, id: &NotificationId, transaction: &TransactionId) {
        let queued = self.oracle.enqueued.contains(id);
        self.expect(queued, Invariant::QueuedBeforeAcknowledged, || format!("{id} is acknowledged and not queued"));
        let now = self.now;
        self.oracle.accepted.entry(id.clone()).or_insert((transaction.clone(), now));
    }

    pub fn oracle_write(&mut self, _: ProcessId, old: Option<&Transaction>, write: &Write, new: &Transaction) {
        let answered = new.answered_version == Some(new.version);
        self.versions(old, new);
        self.decisions(old, new);
        self.counts(old, write, new);
        self.disputes(old, write, new, answered);
        self.next_checks(old, new);
        self.payments(new);
        if answered {
            let clock = self.oracle.now();
            self.oracle.answered.insert(new.id.clone(), clock);
        }
        if old.and_then(final_status).is_none() && final_status(new).is_some() {
            let now = self.now;
            self.oracle.finalised_at.entry(new.id.clone()).or_insert(now);
        }
    }

    fn versions(&mut self, old: Option<&Transaction>, new: &Transaction) {
        let id = &new.id;
        let reborn = old.is_none() && self.oracle.deleted.contains_key(id);
        self.expect(!reborn, Invariant::OutlivesRetries, || format!("{id} was forgotten and opens again"));
        let (version, sequence) = old.map_or((0, 0), |old| (old.version, old.sequence));
        self.expect(new.version == version + 1, Invariant::VersionsAreConsecutive, || {
            format!("{id}: version {} after {version}", new.version)
        });
        // Also where the transaction was forgotten since.
        let known = self.oracle.published.range((id.clone(), 0)..=(id.clone(), u64::MAX)).next_back();
        let highest = known.map_or(0, |((_, sequence), _)| *sequence).max(sequence);
        let rises = if new.change.is_published() { new.sequence > highest } else { new.sequence == sequence };
        self.expect(rises, Invariant::SequenceRises, || {
            format!("{id}: {:?} has sequence {} after {highest}", new.change, new.sequence)
        });
        let Some(event) = OutcomeEvent::latest(new) else { return };
        if new.change.is_published() {
            self.oracle.published.insert((id.clone(), new.sequence), event);
        } else {
            let told = self.oracle.published.get(&(id.clone(), event.detail.sequence));
            let same = told.is_none_or(|told| *told == event);
            self.expect(same, Invariant::RepublishedAlike, || format!("{id}: {event:?} is not what was published"));
        }
    }

    fn counts(&mut self, old: Option<&Transaction>, write: &Write, new: &Transaction) {
        let id = &new.id;
        let kept = old.is_none_or(|old| old.notifications.keys().all(|n| new.notifications.contains_key(n)));
        self.expect(kept, Invariant::CountedOnce, || format!("{id} forgets a notification"));
        for notification in &write.recorded {
            let first = self.oracle.counted.insert((id.clone(), notification.clone()));
            self.expect(first, Invariant::CountedOnce, || format!("{notification} is counted twice"));
        }
        if let Some(expires) = new.expires_at {
            let open = !new.is_other_merchants() && (final_status(new).is_none() || !claims(new).is_empty());
            self.expect(!open, Invariant::OutlivesRetries, || format!("{id} expires although it is open"));
            let lasts = write.recorded.is_empty() || expires.millis() >= self.now + RETRIES_LAST;
            self.expect(lasts, Invariant::OutlivesRetries, || format!("{id} expires before SPG's last retry"));
        }
    }

    fn decisions(&mut self, old: Option<&Transaction>, new: &Transaction) {
        let id = &new.id;
        let (before, after) = (old.and_then(final_status), final_status(new));
        self.expect(before.is_none() || after.is_some(), Invariant::FinalStaysFinal, || {
            format!("{id}: {before:?} becomes {}", new.status())
        });
        let Some(decided) = after.filter(|_| after != before) else { return };
        let answered = self.oracle.said(id).any(|said| said.is == Some(decided));
        let by_answer = new.history.last().is_some_and(|change| change.source == Source::StatusApi);
        self.expect(answered && by_answer, Invariant::OnlyAnswersDecide, || {
            format!("{id} is made {decided}, which no answer said")
        });
        let last = self.oracle.answered.get(id).copied().unwrap_or_default();
        let later = self.oracle.said(id).any(|said| said.is == Some(decided) && said.queried > last);
        self.expect(later, Invariant::LaterAnswersWin, || {
            format!("{id} is made {decided} by an answer to a query older than what is stored")
        });
    }

    fn disputes(&mut self, old: Option<&Transaction>, write: &Write, new: &Transaction, answered: bool) {
        let (id, now) = (&new.id, self.now);
        let final_now = final_status(new);
        for notification in &write.recorded {
            let claim = self.claim_of(notification).filter(|_| !new.is_other_merchants());
            let (Some(claim), Some(stored)) = (claim, final_now) else { continue };
            let held = claim == stored || answered || claims(new).contains_key(&claim);
            self.expect(held, Invariant::DisputesAreSettled, || {
                format!("{id}: {notification} claims {claim}, not queried")
            });
            if claim != stored {
                self.oracle.agreed_since.remove(id);
            }
        }
        // The answer that makes it final is the first that speaks against the other claims.
        let decides = old.is_none_or(|old| old.status() != new.status());
        if answered && decides {
            self.oracle.agreed_since.insert(id.clone(), now);
        } else if answered && final_now.is_some() {
            self.oracle.agreed_since.entry(id.clone()).or_insert(now);
        }
        let Some(old) = old.filter(|old| old.is_disputed()) else { return };
        let is = claims(new);
        let dropped = claims(old).keys().any(|claim| Some(*claim) != final_now && !is.contains_key(claim));
        if dropped && old.status() == new.status() {
            let since = self.oracle.agreed_since.get(id).copied();
            // The product counts from when it was answered, this from when it was stored.
            let window = millis(DISPUTE_ENDS_AFTER) - 2 * self.spec.skew_max - INVOCATION_MAX;
            let settled = answered && since.is_some_and(|since| now - since >= window);
            self.expect(settled, Invariant::DisputesAreSettled, || format!("{id}: a dispute is dropped unsettled"));
        }
        if is.is_empty() {
            self.oracle.agreed_since.remove(id);
        }
    }

    /// The final state that a notification of SPG's speaks of, where it does.
    pub fn claim_of(&self, notification: &NotificationId) -> Option<FinalStatus> {
        let (payment, moment) = notification.as_str().split_once("/n")?;
        let payment = self.spec.payments.iter().find(|p| p.id == payment)?;
        payment.life.get(moment.parse::<usize>().ok()?)?.meaning()
    }

    fn next_checks(&mut self, old: Option<&Transaction>, new: &Transaction) {
        let (id, now) = (&new.id, self.now);
        if new.is_other_merchants() || new.next_check_at.is_some() {
            return;
        }
        let claims = claims(new);
        let open = final_status(new).is_none() || !claims.is_empty();
        let since = claims.values().max().map_or(new.first_seen_at, |at| (*at).max(new.first_seen_at));
        let over = now + 2 * self.spec.skew_max >= since.millis() + millis(CHECKS_END_AFTER);
        let marked = !new.attention.is_empty() && over;
        self.expect(!open || marked, Invariant::NothingIsForgotten, || {
            format!("{id} is {} and never due", new.status())
        });
        let recheck = self.spec.recheck_success_after.is_some() && final_status(new) == Some(FinalStatus::Success);
        let finalised = old.is_none_or(|old| old.status() != new.status());
        self.expect(!(recheck && finalised), Invariant::NothingIsForgotten, || format!("{id} is not rechecked"));
    }

    fn payments(&mut self, new: &Transaction) {
        let Some(published) = new.published.as_ref().filter(|p| p.version == new.version) else { return };
        if !published.paid || published.change == ChangeKind::NeedsAttention {
            return;
        }
        let id = &new.id;
        let agreed = self
            .spec
            .payments
            .iter()
            .find(|p| p.id == id.as_str())
            .and_then(|p| Amount::parse(&p.amount(false), "EUR").ok());
        let paid = self.oracle.said(id).any(|said| said.pays && said.amount == agreed);
        self.expect(paid, Invariant::PaidMeansPaid, || format!("{id} is called paid, which no answer said"));
    }

    pub fn oracle_event(&mut self, event: &OutcomeEvent) {
        let detail = &event.detail;
        self.no_personal_data(&format!("{detail:?}"));
        let key = (detail.transaction_id.clone(), detail.sequence);
        let (known, same) = match self.oracle.published.get(&key) {
            Some(stored) => (true, stored == event),
            None => (false, true),
        };
        let id = &detail.event_id;
        self.expect(known, Invariant::NoEventWithoutOutcome, || format!("{id} is published and not stored"));
        self.expect(same, Invariant::OneEventPerOutcome, || format!("{id} is another event than its outcome's"));
        self.oracle.events.insert(key);
    }

    pub fn oracle_dead_letter(&mut self, dead_letter: &DeadLetter) {
        self.no_personal_data(&format!("{dead_letter:?}"));
        let conflicts = dead_letter.notification_id.as_ref().is_some_and(|id| self.conflicts(id));
        let permanent = dead_letter.reason == DeadLetterReason::ConflictingContent && conflicts;
        self.expect(permanent, Invariant::OnlyPermanentErrorsAreDeadLetters, || format!("{dead_letter:?}"));
    }

    /// Whether SPG sent it with two contents.
    pub fn conflicts(&self, notification: &NotificationId) -> bool {
        self.spec.payments.iter().any(|p| {
            let own = |(n, m): (usize, &crate::spec::Moment)| {
                m.conflicting && crate::spg::notification_id(p, n) == notification.as_str()
            };
            p.life.iter().enumerate().any(own)
        })
    }

    /// An invocation of the processor has ended by itself.
    pub fn oracle_batch(&mut self, process: ProcessId, batch: &crate::queue::Batch, failed: &[String]) {
        let Some(calls) = self.calls(process).map(std::mem::take) else { return };
        let queried = calls.queries.values().max().copied().unwrap_or_default();
        let written = calls.writes.values().max().copied().unwrap_or_default();
        let records = u32::try_from(batch.0.len()).unwrap_or(u32::MAX);
        // After a panic each record is tried alone.
        let (reads_max, writes_max) = if calls.panicked { (1 + records, records) } else { (1, 1) };
        self.expect(calls.reads <= reads_max && written <= writes_max, Invariant::BudgetHolds, || {
            format!("{} reads, {written} writes of one transaction", calls.reads)
        });
        self.expect(queried <= QUERIES_MAX * writes_max, Invariant::BudgetHolds, || {
            format!("{queried} queries about one transaction")
        });
        if calls.failed || calls.panicked {
            return;
        }
        for given in batch.0.iter().filter(|given| failed.contains(&given.message_id())) {
            let done = match Message::parse(&given.body) {
                Ok(message) => self.is_counted(&message),
                Err(_) => false,
            };
            self.expect(!done, Invariant::DoneStaysDone, || format!("{} is done and given back", given.message_id()));
        }
    }

    fn is_counted(&self, message: &Message) -> bool {
        let Payload::Notification(notification) = &message.payload else { return false };
        let id = &notification.notification_id;
        let stored = message.transaction_id.as_ref().and_then(|t| self.table.items.get(t));
        !self.conflicts(id) && stored.is_some_and(|t| t.notifications.contains_key(id))
    }
}

impl crate::spec::Moment {
    /// The final state that this is, if it is one: a reference that is called a Success before it is paid is not.
    pub fn meaning(&self) -> Option<FinalStatus> {
        let status = FinalStatus::ALL.iter().copied().find(|s| s.as_str() == self.status)?;
        let waits = status == FinalStatus::Success
            && self.reference_paid == Some(false)
            && matches!(self.payment_type, "PURS" | "PREF");
        (!waits).then_some(status)
    }

    /// Whether money has moved.
    pub fn pays(&self) -> bool {
        self.meaning() == Some(FinalStatus::Success) && matches!(self.payment_type, "PURS" | "PREF")
    }
}

fn final_status(transaction: &Transaction) -> Option<FinalStatus> {
    transaction.status().as_final()
}

fn claims(transaction: &Transaction) -> Claims {
    transaction.lifecycle.claims().cloned().unwrap_or_default()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
