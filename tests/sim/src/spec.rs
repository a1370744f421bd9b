//! What a run is about: payments with their true lives, and what goes wrong. All of it follows from the seed.

use std::time::Duration;

use crate::lifecycles;
use crate::moment::{DAY, HOUR, MINUTE, SECOND, START};
use crate::rng::SimRng;

/// A run. The shrinker takes things out of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Of the schedule: what happens in which order, and which call is hit by a fault.
    pub seed: u64,
    pub payments: Vec<Payment>,
    pub faults: Faults,
    pub outages: Vec<Outage>,
    /// Faults stop here.
    pub calm_at: u64,
    /// A process's clock is wrong by up to this many milliseconds, either way.
    pub skew_max: u64,
    pub deploy: Option<Deploy>,
    /// SPG seals with another key from here on.
    pub rotation_at: Option<u64>,
    pub recheck_success_after: Option<Duration>,
    pub retention: Duration,
    /// Only terminal 1 is the merchant's own.
    pub own_terminals: bool,
    /// Time goes on until the table has deleted what is final.
    pub until_expiry: bool,
    /// Each write goes through the ledger's own items and back.
    pub through_items: bool,
}

/// While it goes on, old and new code run side by side, and new code writes messages of a newer schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deploy {
    pub from: u64,
    pub until: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    pub kind: Kind,
    pub id: String,
    pub terminal: &'static str,
    pub cents: u64,
    /// The Status API speaks of another amount.
    pub mismatch: bool,
    /// When the merchant's backend registers it.
    pub registered_at: Option<u64>,
    /// The Status API answers 404 before.
    pub known_from: u64,
    /// Its true life, in order.
    pub life: Vec<Moment>,
    pub forgeries: Vec<Forgery>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    MbWay,
    Card,
    Reference,
    Authorisation,
    Cancellation,
}

/// From here on this is so.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    pub at: u64,
    pub status: &'static str,
    pub payment_type: &'static str,
    /// Whether the Multibanco reference is paid, where there is one.
    pub reference_paid: Option<bool>,
    /// When the Status API begins to say so: it is eventually consistent.
    pub shown_at: u64,
    /// When SPG sends the notification of it, first and again; never if it is lost.
    pub sent_at: Vec<u64>,
    /// The last copy has other content under the same notificationID.
    pub conflicting: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Forgery {
    pub at: u64,
    pub way: ForgeryWay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeryWay {
    /// JSON, not encrypted.
    Plaintext,
    /// Sealed with a key of the forger's own.
    OtherKey,
    /// A genuine envelope, with one byte changed.
    Tampered,
}

/// How often each thing goes wrong before the calm, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// An invocation ends at one of its awaits.
    pub kill: u32,
    /// A call of the store panics: a defect of a library, a poisoned record.
    pub panic: u32,
    pub store_throttled: u32,
    /// The store takes seconds, or longer than an invocation lasts.
    pub store_slow: u32,
    /// Applied, the answer lost, and the client has sent it again: the condition fails on its own write.
    pub store_resent: u32,
    /// Applied, and the caller is told that it failed.
    pub store_answer_lost: u32,
    /// An entry of the due index shows up late.
    pub index_stale: u32,
    /// A read answers as the table was up to some seconds ago.
    pub read_stale: u32,
    pub queue_refuses: u32,
    /// On the queue, and the sender is told that it failed.
    pub queue_answer_lost: u32,
    /// Slower than the sender waits.
    pub queue_slow: u32,
    /// A message is given out again while it is being worked on.
    pub queue_twice: u32,
    /// SPG does not see the acknowledgement.
    pub acknowledgement_lost: u32,
    pub secrets_fail: u32,
    pub api_fails: u32,
    pub api_slow: u32,
    pub api_limits: u32,
    pub api_refuses: u32,
    pub api_not_found: u32,
    pub api_garbage: u32,
    pub api_stale: u32,
    pub bus_fails: u32,
    pub bus_partly: u32,
    pub bus_answer_lost: u32,
    pub stream_twice: u32,
    pub event_twice: u32,
    pub consumer_fails: u32,
    pub tick_skipped: u32,
    pub tick_twice: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    pub of: Part,
    pub from: u64,
    pub until: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Store,
    Queue,
    StatusApi,
    Bus,
    Scheduler,
}

impl Faults {
    pub fn all(&mut self) -> [(&'static str, &mut u32); 29] {
        [
            ("kill", &mut self.kill),
            ("panic", &mut self.panic),
            ("store_throttled", &mut self.store_throttled),
            ("store_slow", &mut self.store_slow),
            ("store_resent", &mut self.store_resent),
            ("store_answer_lost", &mut self.store_answer_lost),
            ("index_stale", &mut self.index_stale),
            ("read_stale", &mut self.read_stale),
            ("queue_refuses", &mut self.queue_refuses),
            ("queue_answer_lost", &mut self.queue_answer_lost),
            ("queue_slow", &mut self.queue_slow),
            ("queue_twice", &mut self.queue_twice),
            ("acknowledgement_lost", &mut self.acknowledgement_lost),
            ("secrets_fail", &mut self.secrets_fail),
            ("api_fails", &mut self.api_fails),
            ("api_slow", &mut self.api_slow),
            ("api_limits", &mut self.api_limits),
            ("api_refuses", &mut self.api_refuses),
            ("api_not_found", &mut self.api_not_found),
            ("api_garbage", &mut self.api_garbage),
            ("api_stale", &mut self.api_stale),
            ("bus_fails", &mut self.bus_fails),
            ("bus_partly", &mut self.bus_partly),
            ("bus_answer_lost", &mut self.bus_answer_lost),
            ("stream_twice", &mut self.stream_twice),
            ("event_twice", &mut self.event_twice),
            ("consumer_fails", &mut self.consumer_fails),
            ("tick_skipped", &mut self.tick_skipped),
            ("tick_twice", &mut self.tick_twice),
        ]
    }
}

impl Spec {
    /// The run of a seed.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = SimRng::new(seed);
        let calm_at = START
            + match rng.below(100) {
                0..35 => 10 * MINUTE,
                35..65 => HOUR,
                65..90 => 3 * HOUR,
                90..98 => DAY,
                _ => 3 * DAY,
            };
        let payments = match rng.below(10) {
            0..5 => 1,
            5..8 => 2,
            _ => 3,
        };
        let mut faults = Faults::default();
        if !rng.chance(100) {
            for (_, rate) in faults.all() {
                if rng.chance(400) {
                    *rate = u32::try_from(*rng.pick(&[5, 20, 60, 150, 400])).unwrap_or_default();
                }
            }
            // Long storms repeat themselves: the time is better spent on other seeds.
            if calm_at > START + 3 * HOUR {
                faults.all().into_iter().for_each(|(_, rate)| *rate = (*rate).min(60));
            }
            // Answers that come out of order.
            if rng.chance(150) {
                faults.api_slow = 400;
            }
            // Panics unwind through everything: rare, as they are.
            faults.panic = faults.panic.min(20);
        }
        let outages = (0..rng.below(3)).map(|_| outage(&mut rng, calm_at)).collect();
        let deploy = rng.chance(150).then(|| {
            let from = START + rng.below(30 * MINUTE);
            Deploy { from, until: from + rng.between(MINUTE, 30 * MINUTE) }
        });
        let recheck = *rng.pick(&[24 * HOUR, 24 * HOUR, 24 * HOUR, 6 * HOUR, 0]);
        Self {
            seed,
            payments: (0..payments).flat_map(|n| lifecycles::payment(&mut rng, n, calm_at)).collect(),
            faults,
            outages,
            calm_at,
            skew_max: *rng.pick(&[0, 500, 5 * SECOND, 30 * SECOND]),
            deploy,
            rotation_at: rng.chance(100).then(|| START + rng.below(HOUR)),
            recheck_success_after: (recheck > 0).then_some(Duration::from_millis(recheck)),
            retention: Duration::from_millis(*rng.pick(&[70 * DAY, 400 * DAY])),
            own_terminals: rng.chance(100),
            until_expiry: rng.chance(100),
            through_items: rng.chance(250),
        }
    }

    /// Nothing goes wrong, and every clock is right.
    pub fn is_quiet(&self) -> bool {
        self.faults == Faults::default() && self.outages.is_empty() && self.deploy.is_none() && self.skew_max == 0
    }
}

/// Short enough that what waits it out does not end in the dead-letter queue.
fn outage(rng: &mut SimRng, calm_at: u64) -> Outage {
    let of = *rng.pick(&[Part::Store, Part::Queue, Part::StatusApi, Part::StatusApi, Part::Bus, Part::Scheduler]);
    let from = START + rng.below((calm_at - START) / 2);
    let long = if of == Part::Store || rng.chance(900) { 40 * MINUTE } else { 6 * HOUR };
    Outage { of, from, until: (from + rng.between(SECOND, long)).min(calm_at) }
}
