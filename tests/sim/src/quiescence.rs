//! What must hold when nothing happens any more.
//!
//! The system cannot know of a payment that was never registered and whose every webhook was lost. It cannot know either of a
//! change after its last query whose notification was lost: of a Success there is one more query after
//! `RecheckSuccessAfter`, of the other final states there is none. Both are left out here, by SPG's truth and not by what the
//! system believes.

use spg_domain::{AttentionReason, FinalStatus, NotificationId, Transaction, TransactionId};

use crate::invariant::Invariant;
use crate::moment::{DAY, MINUTE, SECOND, START};
use crate::spec::{Payment, Spec};
use crate::spg::notification_id;
use crate::world::State;

/// After the last thing that happens outside and the calm: SPG's next retry (a day), a dispute (a day, and six hours to its last
/// query), an open check (a day), a recheck (a day and what it takes), the rest for jitter and the minutes of the sweeper.
const REST_WITHIN: u64 = 6 * DAY;
/// What SPG never makes final is queried for 60 days, daily at the slowest.
const ENDLESS_WITHIN: u64 = 64 * DAY;
/// With everything healthy.
const CONFIRMED_WITHIN: u64 = 10 * SECOND;

/// When everything must be quiescent.
pub(crate) fn bound(spec: &Spec) -> u64 {
    let moments = spec.payments.iter().flat_map(|p| &p.life);
    let outside = moments.flat_map(|m| m.sent_at.iter().copied().chain([m.at, m.shown_at])).max().unwrap_or(START);
    let known = spec.payments.iter().map(|p| p.known_from).filter(|at| *at < START + 30 * DAY).max().unwrap_or(START);
    let within = if spec.payments.iter().all(|p| p.ends()) { REST_WITHIN } else { ENDLESS_WITHIN };
    let deployed = spec.deploy.map_or(START, |deploy| deploy.until);
    outside.max(known).max(spec.calm_at).max(deployed) + within
}

impl Payment {
    /// Whether the Status API will ever give it a final state that can be accepted.
    fn ends(&self) -> bool {
        let last = &self.life[self.life.len() - 1];
        let blocked = self.mismatch && self.life.iter().any(|m| m.meaning() == Some(FinalStatus::Success));
        last.meaning().is_some() && !blocked && self.known_from < START + 30 * DAY
    }
}

impl State {
    pub fn at_rest(&mut self) {
        let spec = self.spec.clone();
        let unclean = !self.queue.is_empty() || !self.stream.is_empty() || self.table.soonest().is_some();
        if unclean {
            self.violation(Invariant::BecomesQuiescent, || "nothing happens any more, and something is due".to_owned());
        }
        self.accepted_is_kept();
        for index in 0..spec.payments.len() {
            self.payment_at_rest(&spec, index);
        }
        let items: Vec<Transaction> = self.table.items.values().cloned().collect();
        for item in items {
            self.no_personal_data(&format!("{item:?}"));
        }
    }

    fn accepted_is_kept(&mut self) {
        let given_up = self.queue.given_up.len();
        if given_up > 0 {
            self.violation(Invariant::AcceptedIsKept, || format!("{given_up} messages were given up by the queue"));
        }
        let accepted: Vec<(NotificationId, TransactionId)> =
            self.oracle.accepted.iter().map(|(id, (transaction, _))| (id.clone(), transaction.clone())).collect();
        for (id, transaction) in accepted {
            let stored = self.table.items.get(&transaction).or_else(|| self.oracle.deleted.get(&transaction));
            if !stored.is_some_and(|t| t.notifications.contains_key(&id)) {
                self.violation(Invariant::AcceptedIsKept, || format!("{id} was acknowledged and is nowhere"));
            }
        }
        let lost = |id: &&TransactionId| !self.table.items.contains_key(*id) && !self.oracle.deleted.contains_key(*id);
        if let Some(id) = self.oracle.registered.iter().find(lost).cloned() {
            self.violation(Invariant::AcceptedIsKept, || format!("{id} was registered and is nowhere"));
        }
    }

    fn payment_at_rest(&mut self, spec: &Spec, index: usize) {
        let payment = &spec.payments[index];
        let Ok(id) = TransactionId::new(payment.id.as_str()) else { return };
        let Some(item) = self.table.items.get(&id).or_else(|| self.oracle.deleted.get(&id)).cloned() else { return };
        self.events_at_rest(&item);
        if item.is_other_merchants() {
            return;
        }
        let truth = &payment.life[payment.life.len() - 1];
        let truth_known = payment.ends() && self.could_know(payment, &item);
        let (stored, paid) = (item.status().as_final(), item.paid());
        if truth_known && stored != truth.meaning() {
            self.violation(Invariant::FinalStateIsSpgs, || {
                format!("{id} is {} at SPG and stored as {}", truth.status, item.status())
            });
        }
        let pays = truth.pays() && !payment.mismatch;
        if truth_known && paid != pays {
            self.violation(Invariant::PaidMeansPaid, || format!("{id}: paid is {pays} at SPG and stored as {paid}"));
        }
        let blocked = payment.mismatch && self.oracle.answered_final(&id, Some(FinalStatus::Success));
        if blocked && !item.attention.contains_key(&AttentionReason::AmountMismatch) {
            self.violation(Invariant::MismatchesAreRaised, || format!("{id}: the other amount is not marked"));
        }
        if !payment.ends() && stored.is_none() && item.attention.is_empty() {
            self.violation(Invariant::NothingIsForgotten, || format!("{id} is open for ever without a mark"));
        }
        self.confirmed_in_time(spec, payment, &id);
    }

    /// Whether the last change could reach the system at all.
    fn could_know(&self, payment: &Payment, item: &Transaction) -> bool {
        let last = payment.life.len() - 1;
        let told =
            NotificationId::new(notification_id(payment, last)).is_ok_and(|id| item.notifications.contains_key(&id));
        let shown_at = payment.life[last].shown_at;
        let skew = 2 * self.spec.skew_max;
        let open = item.lifecycle.as_final().is_none();
        let answered = self.oracle.answered_final(&item.id, payment.life[last].meaning());
        let recheck = self.spec.recheck_success_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(0));
        let rechecked = item.status() == spg_domain::PaymentStatus::SUCCESS
            && item.confirmed_at().zip(recheck).is_some_and(|(at, after)| at.millis() + after > shown_at + skew);
        told || open || answered || rechecked
    }

    fn events_at_rest(&mut self, item: &Transaction) {
        let id = &item.id;
        let mut of_it = self.oracle.published.keys().filter(|(of, _)| of == id);
        if let Some((_, sequence)) = of_it.find(|key| !self.oracle.events.contains(key)).cloned() {
            self.violation(Invariant::NoMissingEvent, || format!("{id}#{sequence} was never published"));
        }
        let Some(published) = &item.published else { return };
        let known = self.bus.consumer.get(id.as_str());
        let same = known.is_some_and(|known| {
            (known.sequence, known.status.as_str(), known.paid)
                == (item.sequence, published.status.as_str(), published.paid)
        });
        if !same {
            self.violation(Invariant::ConsumerEndsWithTruth, || {
                format!("{id}: the consumer does not hold {} ({})", item.sequence, published.status)
            });
        }
    }

    fn confirmed_in_time(&mut self, spec: &Spec, payment: &Payment, id: &TransactionId) {
        if !spec.is_quiet() || self.crash.is_set() {
            return;
        }
        let claims = payment.life.iter().enumerate().find(|(_, m)| m.meaning().is_some());
        let Some((number, moment)) = claims else { return };
        let Ok(notification) = NotificationId::new(notification_id(payment, number)) else { return };
        let Some((_, accepted_at)) = self.oracle.accepted.get(&notification) else { return };
        let ready = payment.known_from <= *accepted_at && moment.shown_at <= *accepted_at;
        let final_at = self.oracle.finalised_at.get(id).copied();
        let later_changes = payment.life.len() > number + 1;
        if ready && !later_changes && payment.ends() && final_at.is_none_or(|at| at > accepted_at + CONFIRMED_WITHIN) {
            let late = final_at.map_or(0, |at| at - accepted_at) / MINUTE;
            self.violation(Invariant::ConfirmedInTime, || format!("{id} was confirmed after {late} minutes"));
        }
    }
}
