//! Every transaction and every event against what SPG knows.

use std::collections::{BTreeMap, BTreeSet};

use spg_simulator::report::{Outcome, PaymentReport};
use spg_simulator::traffic::PlannedPayment;
use spg_simulator::{Ending, Payment, Report};

use crate::outcomes::{self, is_paid};
use crate::{Event, Item};

/// What must not be; each in words, with its transactionID.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// Accepted and forgotten: no final state, no event, or an acknowledged notification that is not recorded.
    pub lost: Vec<String>,
    /// Another state, another answer to whether it is paid, or another story than SPG's.
    pub wrong: Vec<String>,
    /// An eventId with two contents, a later sequence that tells of an earlier version, or a payment finalised twice.
    pub duplicated: Vec<String>,
}

impl Verdict {
    pub fn held(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty() && self.duplicated.is_empty()
    }
}

/// Everything about one payment.
pub struct Seen<'a> {
    pub planned: &'a PlannedPayment,
    pub truth: &'a Payment,
    pub report: Option<&'a PaymentReport>,
    pub item: Option<&'a Item>,
    /// In the order in which they came, repeated ones too.
    pub events: &'a [Event],
    /// When the consumer first had the event that it keeps, in epoch milliseconds.
    pub told_at: Option<u64>,
}

/// Compares all; what the run as a whole left behind is added by who knows it.
pub fn compare(all: &[Seen<'_>]) -> Verdict {
    let mut verdict = Verdict::default();
    for seen in all {
        state(seen, &mut verdict);
        notifications(seen, &mut verdict);
        events(seen, &mut verdict);
    }
    verdict
}

/// What the simulator and the queues say about the whole run.
pub fn whole(verdict: &mut Verdict, report: &Report, waiting: u64, dead_letters: usize, panics: usize) {
    let add = |list: &mut Vec<String>, number: usize, what: &str| {
        if number > 0 {
            list.push(format!("{number} {what}"));
        }
    };
    add(&mut verdict.lost, usize::try_from(waiting).unwrap_or(usize::MAX), "messages left on the queue");
    add(&mut verdict.lost, dead_letters, "dead letters");
    add(&mut verdict.wrong, report.summary.forgeries_acknowledged, "forgeries acknowledged");
    add(&mut verdict.wrong, report.other_queries.len(), "queries about what does not exist");
    add(&mut verdict.wrong, panics, "panics");
}

fn state(seen: &Seen<'_>, verdict: &mut Verdict) {
    let id = &seen.planned.transaction_id;
    let status = seen.truth.truth().status.as_str();
    let Some(item) = seen.item else {
        verdict.lost.push(format!("{id}: nothing is stored"));
        return;
    };
    if !item.is_final() {
        verdict.lost.push(format!("{id}: is {}, never became {status}", item.status));
    } else if item.status != status {
        verdict.wrong.push(format!("{id}: is {}, not {status}", item.status));
    } else if item.history.last().is_none_or(|step| step.source != "StatusApi") {
        verdict.wrong.push(format!("{id}: is {status} without a status answer"));
    }
    if !item.attention.is_empty() {
        verdict.wrong.push(format!("{id}: needs attention: {:?}", item.attention));
    }
}

/// What was acknowledged is recorded, and nothing is that was never sent.
fn notifications(seen: &Seen<'_>, verdict: &mut Verdict) {
    let id = &seen.planned.transaction_id;
    let recorded: BTreeSet<&String> = seen.item.iter().flat_map(|item| item.notifications.keys()).collect();
    let made = || seen.report.iter().flat_map(|report| &report.notifications);
    for notification in made() {
        let known = recorded.contains(&notification.notification_id);
        let number = notification.number;
        match notification.outcome {
            Outcome::Delivered if !known => {
                verdict.lost.push(format!("{id}: notification {number} was acknowledged and is not recorded"));
            }
            Outcome::NotSent | Outcome::Lost | Outcome::OnlyTampered if known => {
                verdict.wrong.push(format!("{id}: notification {number} was never sent and is recorded"));
            }
            Outcome::Failed => verdict.lost.push(format!("{id}: notification {number} was never acknowledged")),
            Outcome::Delivered | Outcome::NotSent | Outcome::Lost | Outcome::OnlyTampered => {}
        }
    }
    if made().count() < recorded.len() {
        verdict.wrong.push(format!("{id}: more notifications are recorded than SPG has made"));
    }
}

fn events(seen: &Seen<'_>, verdict: &mut Verdict) {
    let id = &seen.planned.transaction_id;
    let mut by_sequence: BTreeMap<u64, &Event> = BTreeMap::new();
    for event in seen.events {
        let first = by_sequence.entry(event.sequence()).or_insert(event);
        if *first != event {
            verdict.duplicated.push(format!("{id}#{}: came again with other content", event.sequence()));
        }
        verdict.wrong.extend(event.complaints());
    }
    let stored = seen.item.map_or(0, |item| item.sequence);
    let highest = by_sequence.keys().next_back().copied().unwrap_or_default();
    let told: Vec<Event> = by_sequence.into_values().cloned().collect();
    let words = outcomes::in_words(&told);
    if !told.is_sorted_by(|one, next| one.version() < next.version()) {
        verdict.duplicated.push(format!("{id}: a later sequence tells of an earlier version: {words}"));
    }
    if highest < stored {
        verdict.lost.push(format!("{id}: {stored} is stored as published, {highest} was told last: {words}"));
    } else if highest > stored {
        verdict.duplicated.push(format!("{id}: {stored} is stored as published, {highest} was told: {words}"));
    }
    let decided = seen.item.map_or(0, |item| item.decisions());
    if decided > told.len() {
        verdict.lost.push(format!("{id}: {decided} final states are stored, {} were told: {words}", told.len()));
    }
    let count = |is: fn(&Event) -> bool| told.iter().filter(|event| is(event)).count();
    let (finalised, corrected) = (count(Event::is_finalised), count(Event::is_corrected));
    let Some(last) = told.last() else {
        verdict.lost.push(format!("{id}: no event"));
        return;
    };
    if finalised > 1 {
        verdict.duplicated.push(format!("{id}: finalised {finalised} times: {words}"));
    }
    if last.status() != seen.truth.truth().status.as_str() || last.paid() != is_paid(seen.truth) {
        verdict.wrong.push(format!("{id}: the merchant believes: {words}"));
    }
    let corrections_max = usize::from(seen.planned.ending == Ending::DeclinedAfterwards);
    if finalised == 0 || corrected > corrections_max || told.len() != finalised + corrected {
        verdict.wrong.push(format!("{id}: the story is: {words}"));
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
