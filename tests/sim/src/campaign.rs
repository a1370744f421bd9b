//! Many seeds, on some threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::defects::Defect;
use crate::invariant::Violation;
use crate::run::{Options, run};
use crate::spec::Spec;

/// What many seeds came to.
#[derive(Debug, Default)]
pub struct Campaign {
    pub seeds: u64,
    pub events: u64,
    pub invocations: u64,
    pub effects: u64,
    /// Virtual milliseconds.
    pub lasted: u64,
    /// By seed, lowest first.
    pub failures: Vec<(u64, Violation)>,
}

/// Runs `seeds` seeds from `from` on. The result does not depend on the number of threads.
pub fn campaign(from: u64, seeds: u64, jobs: usize, defect: Option<Defect>) -> Campaign {
    let next = AtomicU64::new(from);
    let total = Mutex::new(Campaign::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                let own = work(&next, from.saturating_add(seeds), defect);
                let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                total.add(own);
            });
        }
    });
    let mut total = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    total.failures.sort_by_key(|(seed, _)| *seed);
    total
}

fn work(next: &AtomicU64, end: u64, defect: Option<Defect>) -> Campaign {
    let mut own = Campaign::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return own;
        }
        let report = run(&Spec::drawn(seed), &Options { defect, ..Options::default() });
        own.seeds += 1;
        own.events += report.events;
        own.invocations += report.invocations;
        own.effects += report.effects.len() as u64;
        own.lasted += report.lasted;
        own.failures.extend(report.violation.map(|violation| (seed, violation)));
    }
}

impl Campaign {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.invocations += other.invocations;
        self.effects += other.effects;
        self.lasted += other.lasted;
        self.failures.extend(other.failures);
    }
}
