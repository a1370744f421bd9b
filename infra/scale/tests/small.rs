//! The measurements in small, with what must hold of them.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

use std::time::Duration;

use scale::outage::{ApiTraits, OutageFigures, OutageSpec};
use scale::rate::RateSpec;
use scale::steady::SteadySpec;
use scale::sweep::{SweepFigures, SweepSpec, measure};
use scale::{outage, rate, steady};
use spg_domain::Rules;

const DUE: u64 = 1_000;
/// Read units per transaction that is due.
const READS_PER_DUE_MAX: f64 = 0.6;

fn sweep(stored: u64) -> SweepFigures {
    let spec = SweepSpec { stored, due: DUE, crowded_percent: 50, latency: Duration::ZERO };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(spec, |_| {})).unwrap()
}

#[test]
fn a_sweep_reads_what_is_due_and_nothing_of_what_is_stored() {
    let (few, many) = (sweep(2_000), sweep(20_000));
    for it in [&few, &many] {
        assert_eq!((it.confirmed, it.status_queries, it.updates), (1_000, 1_000, 1_000), "{it:?}");
        assert!(it.read_units_per_due <= READS_PER_DUE_MAX, "{it:?}");
    }
    // A page more or less: what is in flight while a shard is read again is on its next page, too.
    assert!(few.index_queries.abs_diff(many.index_queries) <= 6, "{few:?} {many:?}");
    assert!((few.read_units - many.read_units).abs() <= 10.0, "{few:?} {many:?}");
}

const MINUTE: Duration = Duration::from_secs(60);
const STORE: Duration = Duration::from_millis(8);
const INDEX_LAG: Duration = Duration::from_millis(50);

fn api(latency_millis: u64) -> ApiTraits {
    let slow_latency = Duration::from_secs(20);
    ApiTraits {
        latency: Duration::from_millis(latency_millis),
        slow_per_mille: 0,
        slow_latency,
        limit_per_second: None,
    }
}

/// Five minutes of 60 notifications a second: 18,000 are open when the Status API comes back.
fn outage_with(api: ApiTraits) -> OutageFigures {
    let spec = OutageSpec {
        per_second: 60,
        outage: 5 * MINUTE,
        give_up_after: 60 * MINUTE,
        api,
        store_latency: STORE,
        index_lag: INDEX_LAG,
        queries_concurrent: None,
        rules: Rules::default(),
    };
    outage::play(&spec, |_| {})
}

#[test]
fn sixteen_queries_at_once_work_off_an_outage() {
    let figures = outage_with(api(100));
    assert!(figures.open_at_return > 17_500, "{}", figures.open_at_return);
    // 160 a second for 48 of 60 seconds: 7,680 a minute.
    assert!(figures.took_seconds <= 180, "{} s, {} left", figures.took_seconds, figures.left);
    // The processor reads what comes meanwhile.
    let meanwhile = 60 * 60 * figures.minutes.len() as u64;
    assert!(figures.costs.items_read < 18_900 + meanwhile, "{:?}", figures.costs);
}

#[test]
fn queries_that_are_never_answered_hold_up_no_other() {
    let figures = outage_with(ApiTraits { slow_per_mille: 10, ..api(100) });
    // One query in a hundred takes its place for 20 s: 53 a second are left of 160.
    assert_eq!(figures.left, 0);
    assert!(figures.took_seconds <= 10 * 60, "{} s", figures.took_seconds);
}

#[test]
fn a_rate_limit_is_used_and_does_not_end_the_sweeps() {
    let figures = outage_with(ApiTraits { limit_per_second: Some(200), ..api(50) });
    assert_eq!(figures.left, 0);
    assert!(
        figures.queried.limited > 0 && figures.took_seconds <= 12 * 60,
        "{} s, {:?}",
        figures.took_seconds,
        figures.queried
    );
}

#[test]
fn what_falls_due_one_after_the_other_is_not_looked_for_each_time() {
    let spec = |per_second| SteadySpec {
        per_second,
        lasts: 5 * MINUTE,
        api: api(100),
        store_latency: STORE,
        index_lag: INDEX_LAG,
        queries_concurrent: None,
        rules: Rules::default(),
    };
    for (per_second, most) in [(1, 0.9), (10, 0.6), (100, 0.6)] {
        let figures = steady::play(&spec(per_second));
        assert!(figures.lateness.count as u64 >= figures.fell_due * 9 / 10, "{figures:?}");
        assert!(figures.read_units_per_due <= most, "{per_second} a second: {figures:?}");
    }
}

#[test]
fn processors_at_work_are_as_many_as_littles_law_says() {
    let spec = RateSpec {
        per_second: 1_000,
        batch: 10,
        lasts: Duration::from_secs(10),
        api: api(500),
        store_latency: STORE,
        rules: Rules::default(),
    };
    let figures = rate::play(&spec);
    let (processors, expected) = (figures.processors as u64, figures.expected);
    assert!(processors.abs_diff(expected) <= 1 + expected / 20, "{figures:?}");
}

#[test]
fn no_shard_has_much_more_than_its_share() {
    for figures in rate::shards() {
        let share = figures.transactions / u64::from(figures.shards);
        assert!(figures.most <= share * 21 / 20, "{figures:?}");
    }
}
