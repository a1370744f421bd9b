//! How long it takes: from SPG's change, and from its webhook, to what is stored and to what the merchant hears.

use std::collections::BTreeMap;

use serde::Serialize;
use spg_simulator::report::NotificationReport;
use spg_simulator::{DeliveryResult, Tamper};

use crate::load::compare::Seen;
use crate::load::figures::{FaultFigures, Window};

/// When one payment ended, and how long it took until that was stored and told.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Since the first payment.
    pub ended_milliseconds: i64,
    /// From SPG's change to the status answer that the stored state comes from.
    pub took_milliseconds: u64,
    /// From SPG's change until a consumer has received the event; absent: it never has.
    pub told_milliseconds: Option<u64>,
    /// Absent where the state was stored before the webhook of it was sent, or no such webhook was.
    pub webhook: Option<FromWebhook>,
    /// Whether the webhook of its end was delivered.
    pub heard: bool,
}

/// Milliseconds since SPG first sent the webhook of a payment's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FromWebhook {
    pub acknowledged: u64,
    pub stored: u64,
    pub told: u64,
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

/// The times of many payments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    pub change_to_stored: Times,
    pub change_to_event: Times,
    pub webhook_to_acknowledged: Times,
    pub webhook_to_stored: Times,
    pub webhook_to_event: Times,
}

impl Latency {
    fn of(samples: &[&Sample]) -> Self {
        let webhook = |part: fn(&FromWebhook) -> u64| {
            Times::of(samples.iter().filter_map(|sample| sample.webhook.as_ref().map(part)).collect())
        };
        Self {
            change_to_stored: Times::of(samples.iter().map(|sample| sample.took_milliseconds).collect()),
            change_to_event: Times::of(samples.iter().filter_map(|sample| sample.told_milliseconds).collect()),
            webhook_to_acknowledged: webhook(|it| it.acknowledged),
            webhook_to_stored: webhook(|it| it.stored),
            webhook_to_event: webhook(|it| it.told),
        }
    }

    /// Each with its name.
    pub fn rows(&self) -> [(&'static str, &Times); 5] {
        [
            ("change to stored", &self.change_to_stored),
            ("change to event", &self.change_to_event),
            ("webhook to acknowledged", &self.webhook_to_acknowledged),
            ("webhook to stored", &self.webhook_to_stored),
            ("webhook to event", &self.webhook_to_event),
        ]
    }
}

/// When SPG did something, in epoch milliseconds.
pub trait Moments {
    /// SPG's last change.
    fn ended(&self, seen: &Seen<'_>) -> u64;
    /// A webhook was sent.
    fn sent(&self, webhook: &DeliveryResult) -> u64;
}

/// The moments of each payment that is stored as final. `began` is the first payment's, in epoch milliseconds.
pub fn samples(all: &[Seen<'_>], began: u64, moments: &impl Moments) -> Vec<Sample> {
    all.iter().filter_map(|seen| sample(seen, began, moments)).collect()
}

fn sample(seen: &Seen<'_>, began: u64, moments: &impl Moments) -> Option<Sample> {
    let stored = seen.item.filter(|item| item.is_final()).and_then(crate::Item::since)?;
    let ended = moments.ended(seen);
    Some(Sample {
        ended_milliseconds: ended.cast_signed() - began.cast_signed(),
        took_milliseconds: stored.saturating_sub(ended),
        told_milliseconds: seen.told_at.map(|told| told.saturating_sub(ended)),
        webhook: from_webhook(seen, stored, moments),
        heard: seen.planned.notifications.last().is_some_and(|last| !last.lost),
    })
}

/// From the first genuine webhook of the last state; its retries, if any, are part of the time.
fn from_webhook(seen: &Seen<'_>, stored: u64, moments: &impl Moments) -> Option<FromWebhook> {
    let status = &seen.truth.truth().status;
    let notification = seen.report?.notifications.iter().rev().find(|made| made.claims == *status)?;
    let genuine = || genuine(notification);
    let sent = genuine().map(|attempt| moments.sent(attempt)).min()?;
    let taken = genuine().filter(|attempt| attempt.verdict.is_delivered());
    let acknowledged = taken.map(|attempt| moments.sent(attempt) + attempt.took_milliseconds).min()?;
    let told = seen.told_at?;
    // What was stored before was found by a query that no webhook had asked for.
    (stored >= sent).then(|| FromWebhook {
        acknowledged: acknowledged - sent,
        stored: stored - sent,
        told: told.saturating_sub(sent),
    })
}

fn genuine(notification: &NotificationReport) -> impl Iterator<Item = &DeliveryResult> {
    notification.attempts.iter().filter(|attempt| attempt.tamper == Tamper::None && !attempt.is_lost())
}

/// The times of all payments, and of each class of them, by what went on when they ended.
pub fn by_class(samples: &[Sample], faults: &FaultFigures) -> BTreeMap<&'static str, Latency> {
    let phase = |at: i64| {
        let within = |(from, to): Window| (from..to).contains(&at);
        match () {
            () if within(faults.kills_window) => "heard, processes killed",
            () if within(faults.cuts_window) => "heard, connections cut",
            () if within(faults.outage_window) => "heard, Status API away",
            () => "heard, no fault but of delivery",
        }
    };
    let mut found: BTreeMap<&'static str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        found.entry("all").or_default().push(sample);
        let what = if sample.heard { phase(sample.ended_milliseconds) } else { "last webhook lost" };
        found.entry(what).or_default().push(sample);
        if sample.heard {
            found.entry("heard").or_default().push(sample);
        }
    }
    found.into_iter().map(|(what, samples)| (what, Latency::of(&samples))).collect()
}

/// From the end of the Status API's outage, of what had ended, and was notified, before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recovery {
    pub stored: Times,
    pub told: Times,
}

pub fn recovery(samples: &[Sample], outage: Window) -> Recovery {
    let ended = |sample: &&Sample| sample.heard && (outage.0..outage.1).contains(&sample.ended_milliseconds);
    let after = |took: fn(&Sample) -> Option<u64>| {
        let since = |sample: &Sample| Some(sample.ended_milliseconds + took(sample)?.cast_signed() - outage.1);
        let found = samples.iter().filter(ended).filter_map(since);
        Times::of(found.filter_map(|after| u64::try_from(after).ok()).collect())
    };
    Recovery { stored: after(|sample| Some(sample.took_milliseconds)), told: after(|sample| sample.told_milliseconds) }
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

    fn sample(ended_milliseconds: i64, took_milliseconds: u64, heard: bool) -> Sample {
        let told_milliseconds = Some(took_milliseconds + 50);
        Sample { ended_milliseconds, took_milliseconds, told_milliseconds, webhook: None, heard }
    }

    fn once(value: u64) -> Times {
        Times { count: 1, p50: value, p99: value, max: value }
    }

    #[test]
    fn recovery_counts_from_the_end_of_the_outage() {
        let samples = [
            sample(1000, 9000, true),   // 2 s after
            sample(2000, 1000, true),   // before its end
            sample(3000, 90000, false), // nobody had said so
            sample(9000, 100, true),    // after it
        ];
        assert_eq!(recovery(&samples, (500, 8000)), Recovery { stored: once(2000), told: once(2050) });
    }

    #[test]
    fn each_class_has_its_own_times_and_nothing_is_told_that_was_not_received() {
        let faults = FaultFigures {
            kills_window: (0, 1000),
            cuts_window: (1000, 2000),
            outage_window: (2000, 3000),
            ..FaultFigures::default()
        };
        let webhook = Some(FromWebhook { acknowledged: 3, stored: 40, told: 90 });
        let samples = [
            Sample { webhook, ..sample(10, 100, true) },
            sample(1010, 200, true),
            sample(2010, 300, true),
            Sample { told_milliseconds: None, ..sample(3010, 400, true) },
            sample(20, 500, false),
        ];
        let found = by_class(&samples, &faults);
        let killed = Latency {
            change_to_stored: once(100),
            change_to_event: once(150),
            webhook_to_acknowledged: once(3),
            webhook_to_stored: once(40),
            webhook_to_event: once(90),
        };
        assert_eq!(found["heard, processes killed"], killed);
        assert_eq!(found["heard, connections cut"].change_to_event, once(250));
        assert_eq!(found["heard, Status API away"].change_to_event, once(350));
        let undisturbed = &found["heard, no fault but of delivery"];
        assert_eq!((&undisturbed.change_to_stored, undisturbed.change_to_event.count), (&once(400), 0));
        assert_eq!(found["last webhook lost"].change_to_event, once(550));
        assert_eq!((found["heard"].change_to_event.count, found["all"].change_to_event.count), (3, 4));
        assert_eq!(found["all"].webhook_to_event, once(90));
    }
}
