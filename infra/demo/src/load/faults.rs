//! What goes wrong, and when: first function processes are killed, then connections are cut, then the Status API is away.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom as _;
use spg_local::Environment;
use spg_simulator::{Fault, FaultRule, Seed};
use tokio::time::Instant;

use crate::load::cutter::Cutter;
use crate::{Failure, Fixture};

/// Percent of the time in which payments arrive.
const KILLS_PERCENT: (u32, u32) = (5, 55);
const CUTS_PERCENT: (u32, u32) = (57, 72);
const OUTAGE_PERCENT: u32 = 75;
pub const OUTAGE: Duration = Duration::from_secs(75);
const KILLS_PER_CUT: u32 = 3;
/// Every so many cuts the functions reach nothing for a while.
const DARK_EACH: usize = 4;
const DARK: Duration = Duration::from_secs(4);
/// How long a process of the wanted function is waited for.
const VICTIM_WAIT_MAX: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How often each function is killed, of a hundred.
const VICTIMS: [(&str, u32); 4] = [("processor", 45), ("ack", 25), ("publisher", 18), ("sweeper", 12)];

/// Times are since the first payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub kills: Vec<(Duration, &'static str)>,
    pub cuts: Vec<(Duration, Duration)>,
    pub outage: Option<(Duration, Duration)>,
}

impl Plan {
    /// Nothing goes wrong.
    pub fn nothing() -> Self {
        Self { kills: Vec::new(), cuts: Vec::new(), outage: None }
    }

    pub fn draw(seed: Seed, within: Duration, kills: u32) -> Self {
        let mut rng = seed.stream("load", "faults");
        let mut moments = |number: u32, (from, to): (u32, u32)| {
            let (from, to) = (within * from / 100, within * to / 100);
            let mut drawn: Vec<Duration> = (0..number).map(|_| rng.random_range(from..=to)).collect();
            drawn.sort_unstable();
            drawn
        };
        let killed = moments(kills, KILLS_PERCENT);
        let cut = moments(kills.div_ceil(KILLS_PER_CUT), CUTS_PERCENT);
        let mut rng = seed.stream("load", "victims");
        let kills = killed.into_iter().map(|at| (at, victim(rng.random_range(0..100)))).collect();
        let dark = |number: usize| if number % DARK_EACH == DARK_EACH - 1 { DARK } else { Duration::ZERO };
        let cuts = cut.into_iter().enumerate().map(|(number, at)| (at, dark(number))).collect();
        let begins = within * OUTAGE_PERCENT / 100;
        Self { kills, cuts, outage: Some((begins, begins + OUTAGE)) }
    }
}

fn victim(mut drawn: u32) -> &'static str {
    for (function, share) in VICTIMS {
        if drawn < share {
            return function;
        }
        drawn -= share;
    }
    VICTIMS[0].0
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Processes killed, by function.
    pub kills: BTreeMap<String, u32>,
    pub cuts: u32,
    pub dark: Duration,
    /// Epoch milliseconds.
    pub outage: Option<(u64, u64)>,
}

/// A Status API that takes so long for an answer.
pub fn slow(status_api: Duration) -> Vec<FaultRule> {
    let milliseconds = u32::try_from(status_api.as_millis()).unwrap_or(u32::MAX);
    let takes = Fault::Latency { min_milliseconds: milliseconds, max_milliseconds: milliseconds };
    if status_api.is_zero() { Vec::new() } else { vec![FaultRule::from(takes)] }
}

/// Does what was planned. `well` is how the Status API is when it is well.
pub async fn play(
    fixture: &Fixture,
    dir: &Path,
    cutter: &Cutter,
    plan: &Plan,
    well: &[FaultRule],
    began: Instant,
) -> Result<Done, Failure> {
    let mut done = Done::default();
    let mut rng = fixture.spg.config().seed.stream("load", "which");
    for (at, function) in &plan.kills {
        tokio::time::sleep_until(began + *at).await;
        if kill(dir, function, &mut rng).await? {
            *done.kills.entry((*function).to_owned()).or_default() += 1;
        }
    }
    for (at, dark) in &plan.cuts {
        tokio::time::sleep_until(began + *at).await;
        cutter.refuse(!dark.is_zero());
        cutter.cut();
        tokio::time::sleep(*dark).await;
        cutter.refuse(false);
        done.cuts += 1;
        done.dark += *dark;
    }
    if let Some((begins, ends)) = plan.outage {
        tokio::time::sleep_until(began + begins).await;
        fixture.spg.set_faults(vec![FaultRule::from(Fault::Unavailable)]);
        fixture.say("Status API", "answers 503");
        let away_at = fixture.now_millis();
        tokio::time::sleep_until(began + ends).await;
        fixture.spg.set_faults(well.to_vec());
        done.outage = Some((away_at, fixture.now_millis()));
        fixture.say("Status API", "is back");
    }
    Ok(done)
}

/// Kills any process of the function; false if there is none for a while.
async fn kill(dir: &Path, function: &str, rng: &mut impl Rng) -> Result<bool, Failure> {
    let deadline = Instant::now() + VICTIM_WAIT_MAX;
    while Instant::now() < deadline {
        let mut found = Environment::all(dir)?;
        found.retain(|environment| environment.function.ends_with(function));
        if found.choose(rng).is_some_and(Environment::kill) {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_one_after_the_other_and_replay() {
        let within = Duration::from_secs(1000);
        let plan = Plan::draw(Seed(1), within, 90);
        assert_eq!(plan, Plan::draw(Seed(1), within, 90));
        assert_ne!(plan, Plan::draw(Seed(2), within, 90));
        assert_eq!((plan.kills.len(), plan.cuts.len()), (90, 30));
        assert!(plan.kills.is_sorted() && plan.cuts.is_sorted());
        assert!(plan.kills[89].0 < plan.cuts[0].0 && plan.cuts[29].0 < plan.outage.unwrap().0);
        assert_eq!(plan.cuts.iter().filter(|(_, dark)| !dark.is_zero()).count(), 7);
        for (function, _) in VICTIMS {
            assert!(plan.kills.iter().any(|(_, victim)| *victim == function), "{function}");
        }
    }

    #[test]
    fn a_status_api_takes_what_it_is_told_to() {
        assert_eq!(slow(Duration::ZERO), []);
        let takes = Fault::Latency { min_milliseconds: 50, max_milliseconds: 50 };
        assert_eq!(slow(Duration::from_millis(50)), [FaultRule::from(takes)]);
    }
}
