//! Every known-bad receiver is caught, by name.
#![allow(clippy::print_stdout, reason = "a table for people")]

use spg_sim::{Defect, Options, Spec, run, shrink};

/// Seeds within which each must be caught.
const SEEDS_MAX: u64 = 5000;

fn options(defect: Defect) -> Options {
    Options { defect: Some(defect), ..Options::default() }
}

#[test]
fn each_known_bad_receiver_is_caught() {
    let mut missed = Vec::new();
    for defect in Defect::ALL {
        match (0..SEEDS_MAX).find_map(|seed| run(&Spec::drawn(seed), &options(defect)).violation.map(|v| (seed, v))) {
            Some((seed, v)) => {
                println!("{:<28} {:<26} after {:>5} seeds", defect.name(), v.invariant.to_string(), seed + 1)
            }
            None => missed.push(defect.name()),
        }
    }
    assert!(missed.is_empty(), "not caught within {SEEDS_MAX} seeds: {missed:?}");
}

#[test]
fn a_failing_run_is_made_short() {
    let defect = Defect::ForgetsDoubts;
    let failing = (0..SEEDS_MAX).find_map(|seed| {
        let spec = Spec::drawn(seed);
        run(&spec, &options(defect)).violation.filter(|_| spec.payments.len() > 1).map(|v| (spec, v))
    });
    let (spec, violation) = failing.expect("a run of several payments fails");
    let short = shrink(&spec, violation.invariant, &options(defect));
    assert_eq!(short.payments.len(), 1, "{short:#?}");
    let again = run(&short, &options(defect)).violation.expect("the short run fails too");
    assert_eq!(again.invariant, violation.invariant);
    assert_eq!(run(&short, &Options::default()).violation, None, "the good receiver survives it");
}
