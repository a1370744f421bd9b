//! Makes a failing run short: takes things out for as long as the same invariant still breaks.

use crate::invariant::Invariant;
use crate::run::{Options, run};
use crate::spec::Spec;

/// Runs that a shrinking may take.
const RUNS_MAX: u32 = 3000;
/// Schedules that are tried for each smaller spec: without what was taken out, the same seed means another order.
const SCHEDULES: u64 = 8;

/// The smallest spec found that still breaks `invariant`.
pub fn shrink(spec: &Spec, invariant: Invariant, options: &Options) -> Spec {
    let mut best = spec.clone();
    let mut runs = 0;
    loop {
        let smaller =
            candidates(&best).into_iter().find_map(|candidate| still_fails(candidate, invariant, options, &mut runs));
        match smaller {
            Some(smaller) if runs < RUNS_MAX => best = smaller,
            Some(smaller) => return smaller,
            None => return best,
        }
    }
}

fn still_fails(mut candidate: Spec, invariant: Invariant, options: &Options, runs: &mut u32) -> Option<Spec> {
    let first = candidate.seed;
    for schedule in 0..SCHEDULES {
        if *runs >= RUNS_MAX {
            return None;
        }
        *runs += 1;
        candidate.seed = first.wrapping_add(schedule.wrapping_mul(1_000_003));
        let violation = run(&candidate, &Options { story: false, ..options.clone() }).violation;
        if violation.is_some_and(|violation| violation.invariant == invariant) {
            return Some(candidate);
        }
    }
    None
}

/// Everything that is smaller by one thing; the largest things first.
fn candidates(spec: &Spec) -> Vec<Spec> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Spec)| {
        let mut smaller = spec.clone();
        change(&mut smaller);
        if smaller != *spec {
            all.push(smaller);
        }
    };
    for index in 0..spec.payments.len() {
        if spec.payments.len() > 1 {
            with(&|s| drop(s.payments.remove(index)));
        }
    }
    for index in 0..spec.outages.len() {
        with(&|s| {
            s.outages.remove(index);
        });
    }
    for fault in 0..spec.faults.clone().all().len() {
        with(&|s| *s.faults.all()[fault].1 = 0);
    }
    with(&|s| s.deploy = None);
    with(&|s| s.rotation_at = None);
    with(&|s| s.skew_max = 0);
    with(&|s| s.own_terminals = false);
    with(&|s| s.until_expiry = false);
    with(&|s| s.through_items = false);
    for (p, payment) in spec.payments.iter().enumerate() {
        with(&|s| s.payments[p].forgeries.clear());
        with(&|s| s.payments[p].mismatch = false);
        with(&|s| s.payments[p].registered_at = None);
        for (m, moment) in payment.life.iter().enumerate() {
            if payment.life.len() > 1 {
                with(&|s| drop(s.payments[p].life.remove(m)));
            }
            with(&|s| s.payments[p].life[m].conflicting = false);
            with(&|s| s.payments[p].life[m].shown_at = moment.at);
            for copy in 0..moment.sent_at.len() {
                with(&|s| {
                    s.payments[p].life[m].sent_at.remove(copy);
                });
            }
        }
    }
    all
}
