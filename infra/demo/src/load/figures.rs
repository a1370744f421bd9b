//! The result of a run: for people, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use spg_simulator::TrafficSummary;

use crate::load::compare::Verdict;
use crate::load::latency::{Latency, Recovery, Sample, Times};

/// Of each list of the verdict, so many are shown.
const SHOWN_MAX: usize = 10;
/// Longer times are told in seconds.
const EXACT_BELOW_MILLISECONDS: u64 = 10_000;

/// From and to, in milliseconds since the first payment.
pub type Window = (i64, i64);

/// What was done to the system.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultFigures {
    pub kills: BTreeMap<String, u32>,
    /// Of those, how many ended an invocation that was in flight, by the emulator's log.
    pub killed_at_work: BTreeMap<String, usize>,
    pub cuts: u32,
    pub connections_cut: u64,
    /// Of those, with a request in flight, whose answer never came.
    pub answers_cut: u64,
    pub connections_refused: u64,
    pub dark_milliseconds: u64,
    pub kills_window: Window,
    pub cuts_window: Window,
    pub outage_window: Window,
    pub registrations_refused: usize,
}

/// Everything.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub seed: u64,
    /// No fault at all, not even of delivery.
    pub undisturbed: bool,
    /// What the Status API takes for an answer.
    pub status_api_milliseconds: u64,
    pub payments: usize,
    pub kinds: BTreeMap<String, usize>,
    pub endings: BTreeMap<String, usize>,
    pub arrivals_milliseconds: u64,
    pub took_milliseconds: u64,
    pub traffic: TrafficSummary,
    pub without_any_webhook: usize,
    pub faults: FaultFigures,
    pub events: usize,
    pub events_again: usize,
    pub queries: u64,
    pub queries_max: usize,
    /// By what went on when a payment ended.
    pub latency: BTreeMap<&'static str, Latency>,
    pub recovery: Recovery,
    pub verdict: Verdict,
    pub held: bool,
    pub samples: Vec<Sample>,
}

/// What is told and what is said of it.
type Line = (String, String);

impl Figures {
    /// For people.
    pub fn in_words(&self) -> String {
        let mut lines = self.traffic_lines();
        if !self.undisturbed {
            lines.extend(self.faults.lines());
        }
        lines.push(line("Status API takes", milliseconds(self.status_api_milliseconds)));
        lines.push(line("events", format!("{}, {} of them again", self.events, self.events_again)));
        lines.push(line("queries", format!("{}, at most {} about one payment", self.queries, self.queries_max)));
        lines.extend(self.latency_lines());
        lines.extend(self.verdict_lines());
        let mut text = String::new();
        for (what, said) in lines {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{what:<42} {said}");
        }
        text
    }

    fn traffic_lines(&self) -> Vec<Line> {
        let traffic = &self.traffic;
        let webhooks = format!(
            "{} notifications, {} webhooks sent, {} notifications repeated, {} lost, {} forged or tampered; {} payments \
             reordered, {} without any webhook",
            traffic.notifications,
            traffic.attempts,
            traffic.duplicated,
            traffic.lost,
            traffic.forged,
            traffic.reordered,
            self.without_any_webhook
        );
        let payments = format!("{} in {}, {:?}", self.payments, seconds(self.arrivals_milliseconds), self.kinds);
        vec![line("payments", payments), line("ended as", format!("{:?}", self.endings)), line("webhooks", webhooks)]
    }

    fn latency_lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        // Undisturbed, all are of one class.
        for (class, latency) in self.latency.iter().filter(|(class, _)| !self.undisturbed || **class == "all") {
            lines.push(line(class, String::new()));
            let rows = latency.rows().into_iter().filter(|(_, times)| times.count > 0);
            lines.extend(rows.map(|(way, times)| (format!("  {way}"), in_words(times))));
        }
        if !self.undisturbed {
            lines.push(line("stored after the outage", in_words(&self.recovery.stored)));
            lines.push(line("told after the outage", in_words(&self.recovery.told)));
        }
        lines
    }

    fn verdict_lines(&self) -> Vec<Line> {
        let Verdict { lost, wrong, duplicated } = &self.verdict;
        let mut lines = Vec::new();
        for (what, list) in [("lost", lost), ("wrong", wrong), ("twice", duplicated)] {
            lines.push(line(what, list.len().to_string()));
            lines.extend(list.iter().take(SHOWN_MAX).map(|found| line("", found.clone())));
        }
        let end = if self.held { "held" } else { "FAILED" };
        lines.push(line(end, format!("seed {}, {}", self.seed, seconds(self.took_milliseconds))));
        lines
    }
}

impl FaultFigures {
    fn lines(&self) -> [Line; 3] {
        let cuts = format!(
            "{} times: {} connections, {} with a request in flight; {} more refused in {}",
            self.cuts,
            self.connections_cut,
            self.answers_cut,
            self.connections_refused,
            seconds(self.dark_milliseconds)
        );
        let outage = u64::try_from(self.outage_window.1 - self.outage_window.0).unwrap_or_default();
        [
            line("processes killed", format!("{:?}, at work {:?}", self.kills, self.killed_at_work)),
            line("connections cut", cuts),
            line("Status API away", seconds(outage)),
        ]
    }
}

fn line(what: &str, said: String) -> Line {
    (what.to_owned(), said)
}

fn in_words(times: &Times) -> String {
    let Times { count, p50, p99, max } = times;
    format!("p50 {}, p99 {}, max {} ({count})", milliseconds(*p50), milliseconds(*p99), milliseconds(*max))
}

fn seconds(milliseconds: u64) -> String {
    crate::report::seconds(std::time::Duration::from_millis(milliseconds))
}

/// As exactly as it matters.
fn milliseconds(time: u64) -> String {
    if time < EXACT_BELOW_MILLISECONDS { format!("{time} ms") } else { seconds(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_exactly() {
        let times = Times { count: 3, p50: 120, p99: 9_999, max: 61_250 };
        assert_eq!(in_words(&times), "p50 120 ms, p99 9999 ms, max 61.2 s (3)");
    }
}
