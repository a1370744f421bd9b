//! Evidence about one transaction, taken in piece by piece, and the one write that comes of it.

use crate::transition::{Transition, Write};
use crate::{Disposition, Evidence, Rules, Timestamp, Transaction, TransactionId};

/// What evidence does to a transaction. Apply any number of pieces, ask where [`Decision::wants_answer`], then write.
#[derive(Debug, Clone)]
pub struct Decision<'r> {
    id: TransactionId,
    rules: &'r Rules,
    /// None while nothing is known of it.
    transition: Option<Transition<'r>>,
}

impl<'r> Decision<'r> {
    /// Starts from what was read; `stored` is none where the table has nothing.
    pub fn new(id: TransactionId, stored: Option<Transaction>, rules: &'r Rules) -> Self {
        Self { id, rules, transition: stored.map(|stored| Transition::of(stored, rules)) }
    }

    /// The transaction as it would be now; none while nothing is known of it.
    pub fn transaction(&self) -> Option<&Transaction> {
        self.transition.as_ref().map(Transition::transaction)
    }

    /// A final state is claimed that no answer has settled, or an answer is stale: ask the Status API before writing.
    pub fn wants_answer(&self) -> bool {
        self.transition.as_ref().is_some_and(Transition::wants_answer)
    }

    /// Takes in one piece of evidence at `now`. Total: every state and every piece has a disposition.
    pub fn apply(&mut self, evidence: &Evidence, now: Timestamp) -> Disposition {
        let Some(to) = &mut self.transition else { return self.open(evidence, now) };
        to.wait_until(now);
        match evidence {
            Evidence::Registration { registration, .. } => registration.apply(to),
            Evidence::Notification { notification, received_at } => notification.apply(to, *received_at),
            Evidence::Answer { answer, queried_version } => answer.apply(to, *queried_version),
            Evidence::NoAnswer(no_answer) => no_answer.apply(to),
        }
    }

    /// The first thing known of the transaction.
    fn open(&mut self, evidence: &Evidence, now: Timestamp) -> Disposition {
        let (id, rules) = (&self.id, self.rules);
        let (transition, disposition) = match evidence {
            Evidence::Registration { registration, received_at } => registration.open(id, *received_at, rules, now),
            Evidence::Notification { notification, received_at } => notification.open(id, *received_at, rules, now),
            Evidence::Answer { answer, .. } => match answer.open(id, rules, now) {
                Some(opened) => opened,
                None => return Disposition::Blocked,
            },
            Evidence::NoAnswer(_) => return Disposition::Unanswered,
        };
        self.transition = Some(transition);
        disposition
    }

    /// The one write that holds all that was taken in; none if nothing changed.
    pub fn into_write(self) -> Option<Write> {
        self.transition?.into_write()
    }
}
