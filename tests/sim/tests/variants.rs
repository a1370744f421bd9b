//! Every known-bad receiver is caught, by name.

use spg_sim::{Defect, Options, Spec, run, shrink};

/// Seeds within which each must be caught.
const SEEDS_MAX: u64 = 5000;

fn options(defect: Defect) -> Options {
    Options { defect: Some(defect), ..Options::default() }
}

/// The page of results, whose table says which invariant catches what, and after how many seeds.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence/reliability.md");

/// A run is its seed's alone, so that the table holds to the digit.
#[test]
fn each_known_bad_receiver_is_caught_as_the_page_says() {
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let mut others = Vec::new();
    for defect in Defect::ALL {
        let caught = (0..SEEDS_MAX).find_map(|seed| Some((seed, run(&Spec::drawn(seed), &options(defect)).violation?)));
        let by =
            caught.map_or_else(|| "NOT CAUGHT | ".to_owned(), |(seed, v)| format!("{} | {}", v.invariant, seed + 1));
        let row = format!("| {} | {} | {by} |", defect.name(), defect.about());
        if !page.lines().any(|line| line == row) {
            others.push(row);
        }
    }
    assert!(others.is_empty(), "docs/evidence/reliability.md does not say:\n{}", others.join("\n"));
}

#[test]
fn a_failing_run_is_made_short() {
    let defect = Defect::ForgetsDisputes;
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
