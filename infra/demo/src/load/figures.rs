//! The result of a run: for people, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use spg_simulator::TrafficSummary;

use crate::load::compare::{Seen, Verdict};

/// Of each list of the verdict, so many are shown.
const SHOWN_MAX: usize = 10;

/// When one payment ended, and how long it took until that was stored.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Since the first payment.
    pub ended_milliseconds: i64,
    pub took_milliseconds: u64,
    /// Whether the webhook of its end was delivered.
    pub heard: bool,
}

/// Milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    pub count: usize,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl Times {
    pub fn of(mut all: Vec<u64>) -> Self {
        all.sort_unstable();
        let at = |percent: usize| all.get((all.len() * percent / 100).min(all.len().saturating_sub(1))).copied();
        let [p50, p99] = [50, 99].map(|percent| at(percent).unwrap_or_default());
        Self { count: all.len(), p50, p99, max: all.last().copied().unwrap_or_default() }
    }
}

/// From and to, in milliseconds since the first payment.
pub type Window = (i64, i64);

/// What was done to the system.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultFigures {
    pub kills: BTreeMap<String, u32>,
    /// Of those, how many ended an invocation that was under way, by the emulator's log.
    pub killed_at_work: BTreeMap<String, usize>,
    pub cuts: u32,
    pub connections_cut: u64,
    /// Of those, with a request under way, whose answer never came.
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
    pub questions: u64,
    pub questions_max: usize,
    /// From SPG's last change to the stored state.
    pub to_final: BTreeMap<&'static str, Times>,
    /// From the end of the Status API's outage to the stored state, of what had ended, and been heard of, before.
    pub recovery: Times,
    pub verdict: Verdict,
    pub held: bool,
    pub samples: Vec<Sample>,
}

/// The moments of each payment, and the times to final by what went on when it ended.
pub fn samples(all: &[Seen<'_>], began: u64, ended: impl Fn(&Seen<'_>) -> u64) -> Vec<Sample> {
    let since = |seen: &Seen<'_>| seen.item.filter(|item| item.is_final()).and_then(crate::Item::since);
    all.iter()
        .filter_map(|seen| {
            let (ended, stored) = (ended(seen), since(seen)?);
            Some(Sample {
                ended_milliseconds: ended.cast_signed() - began.cast_signed(),
                took_milliseconds: stored.saturating_sub(ended),
                heard: seen.planned.notifications.last().is_some_and(|last| !last.lost),
            })
        })
        .collect()
}

pub fn to_final(samples: &[Sample], faults: &FaultFigures) -> BTreeMap<&'static str, Times> {
    let phase = |at: i64| {
        let within = |(from, to): Window| (from..to).contains(&at);
        match () {
            () if within(faults.kills_window) => "heard, processes killed",
            () if within(faults.cuts_window) => "heard, connections cut",
            () if within(faults.outage_window) => "heard, Status API away",
            () => "heard, no fault but of delivery",
        }
    };
    let mut found: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    for sample in samples {
        let took = sample.took_milliseconds;
        found.entry("all").or_default().push(took);
        let what = if sample.heard { phase(sample.ended_milliseconds) } else { "last webhook lost" };
        found.entry(what).or_default().push(took);
        if sample.heard {
            found.entry("heard").or_default().push(took);
        }
    }
    found.into_iter().map(|(what, all)| (what, Times::of(all))).collect()
}

pub fn recovery(samples: &[Sample], outage: Window) -> Times {
    let ended = |sample: &&Sample| sample.heard && (outage.0..outage.1).contains(&sample.ended_milliseconds);
    let after = |sample: &Sample| sample.ended_milliseconds + sample.took_milliseconds.cast_signed() - outage.1;
    Times::of(samples.iter().filter(ended).filter_map(|sample| u64::try_from(after(sample)).ok()).collect())
}

impl Figures {
    /// For people.
    pub fn in_words(&self) -> String {
        let mut text = String::new();
        let mut line = |what: &str, said: String| {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{what:<42} {said}");
        };
        let traffic = &self.traffic;
        line("payments", format!("{} in {}, {:?}", self.payments, seconds(self.arrivals_milliseconds), self.kinds));
        line("ended as", format!("{:?}", self.endings));
        line(
            "webhooks",
            format!(
                "{} notifications, {} webhooks sent, {} notifications repeated, {} lost, {} forged or tampered; {} payments \
                 reordered, {} without any webhook",
                traffic.notifications,
                traffic.attempts,
                traffic.duplicated,
                traffic.lost,
                traffic.forged,
                traffic.reordered,
                self.without_any_webhook
            ),
        );
        let faults = &self.faults;
        line("processes killed", format!("{:?}, at work {:?}", faults.kills, faults.killed_at_work));
        line(
            "connections cut",
            format!(
                "{} times: {} connections, {} with a request under way; {} more refused in {}",
                faults.cuts,
                faults.connections_cut,
                faults.answers_cut,
                faults.connections_refused,
                seconds(faults.dark_milliseconds)
            ),
        );
        let outage = u64::try_from(faults.outage_window.1 - faults.outage_window.0).unwrap_or_default();
        line("Status API away", seconds(outage));
        line("events", format!("{}, {} of them again", self.events, self.events_again));
        line("questions", format!("{}, at most {} about one payment", self.questions, self.questions_max));
        for (what, times) in &self.to_final {
            line(&format!("to final: {what}"), times.in_words());
        }
        line("recovered after the outage", self.recovery.in_words());
        let lists = [("lost", &self.verdict.lost), ("wrong", &self.verdict.wrong), ("twice", &self.verdict.duplicated)];
        for (what, list) in lists {
            line(what, list.len().to_string());
            list.iter().take(SHOWN_MAX).for_each(|found| line("", found.clone()));
        }
        line(
            if self.held { "held" } else { "FAILED" },
            format!("seed {}, {}", self.seed, seconds(self.took_milliseconds)),
        );
        text
    }
}

impl Times {
    fn in_words(&self) -> String {
        let Self { count, p50, p99, max } = self;
        format!("p50 {}, p99 {}, max {} ({count})", seconds(*p50), seconds(*p99), seconds(*max))
    }
}

fn seconds(milliseconds: u64) -> String {
    crate::report::seconds(std::time::Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_and_none() {
        assert_eq!(Times::of((1..=200).rev().collect()), Times { count: 200, p50: 101, p99: 199, max: 200 });
        assert_eq!(Times::of(vec![7]), Times { count: 1, p50: 7, p99: 7, max: 7 });
        assert_eq!(Times::of(Vec::new()), Times::default());
    }

    #[test]
    fn recovery_counts_from_the_end_of_the_outage() {
        let sample =
            |ended_milliseconds, took_milliseconds, heard| Sample { ended_milliseconds, took_milliseconds, heard };
        let samples = [
            sample(1000, 9000, true),   // 2 s after
            sample(2000, 1000, true),   // before its end
            sample(3000, 90000, false), // nobody had said so
            sample(9000, 100, true),    // after it
        ];
        assert_eq!(recovery(&samples, (500, 8000)), Times { count: 1, p50: 2000, p99: 2000, max: 2000 });
    }
}
