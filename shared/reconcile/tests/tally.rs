//! What a settlement and a sweep are counted as: alarms and the dashboard read nothing else.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use spg_domain::{CLOCK_TOLERANCE, NoAnswerKind};
use spg_reconcile::{Settlement, SweepReport, Tally};
use support::{Meanwhile, Said, StoppedClock, TestReconciler, notify, reconciler, settle};

/// All that is counted under this name.
fn named(tallies: &[Tally], name: &str) -> Vec<Tally> {
    let is_it = |tally: &&Tally| match tally {
        Tally::Count(n) | Tally::Counts(n, _) | Tally::CountBy(n, _) | Tally::Duration(n, _) => *n == name,
    };
    tallies.iter().filter(is_it).cloned().collect()
}

/// A notification claims this status of `t`, and the Status API answers so.
async fn tallies(reconciler: &TestReconciler, claim: &'static str, said: Said) -> Vec<Tally> {
    reconciler.status_api.script("t", [said]);
    settle(reconciler, "t", &[notify(claim, claim)]).await.unwrap().tallies()
}

#[derive(Debug)]
struct Slow(StoppedClock, Duration);

impl Meanwhile for Slow {
    fn happen(&self) {
        self.0.advance(self.1);
    }
}

#[tokio::test]
async fn a_final_answer_tells_its_latency_and_the_time_since_the_transaction_was_seen() {
    let reconciler = reconciler();
    let opened = tallies(&reconciler, "Pending", Said::Status("Pending")).await;
    assert_eq!(opened, [], "nothing is queried, nothing changes that is counted");
    reconciler.clock.advance(Duration::from_secs(60));
    let slow = Slow(reconciler.clock.clone(), Duration::from_millis(300));
    let tallies = tallies(&reconciler, "Success", Said::Meanwhile(Arc::new(slow), "Success")).await;
    let latency = Tally::Duration("StatusApiLatency", Duration::from_millis(300));
    assert_eq!(named(&tallies, "StatusApiLatency"), [latency]);
    assert_eq!(named(&tallies, "Finalised"), [Tally::Count("Finalised")]);
    let time = Tally::Duration("TimeToFinal", Duration::from_millis(60_300));
    assert_eq!(named(&tallies, "TimeToFinal"), [time]);
    for of_none in ["StatusApiFailures", "StatusApiCredentialsRefused"] {
        assert_eq!(named(&tallies, of_none), [Tally::Counts(of_none, 0)]);
    }
    for absent in ["UnusualAnswers", "StatusApiNotFound", "Corrected", "NeedsAttention", "AttentionPaged"] {
        assert_eq!(named(&tallies, absent), []);
    }
}

/// A Status API that takes back a final state is not believed, and not passed over either.
#[tokio::test]
async fn an_answer_that_is_refused_is_counted_as_unusual() {
    let reconciler = reconciler();
    tallies(&reconciler, "Success", Said::Status("Success")).await;
    let tallies = tallies(&reconciler, "Declined", Said::Status("Pending")).await;
    assert_eq!(named(&tallies, "UnusualAnswers"), [Tally::CountBy("UnusualAnswers", "Refused")]);
}

#[tokio::test]
async fn each_way_of_not_answering_is_counted_as_what_it_is() {
    for (kind, failures, refusals, not_found) in
        [(NoAnswerKind::Unavailable, 1, 0, 0), (NoAnswerKind::Unauthorised, 0, 1, 0), (NoAnswerKind::NotFound, 0, 0, 1)]
    {
        let tallies = tallies(&reconciler(), "Success", Said::Silent(kind)).await;
        assert_eq!(named(&tallies, "StatusApiFailures"), [Tally::Counts("StatusApiFailures", failures)], "{kind:?}");
        let refused = Tally::Counts("StatusApiCredentialsRefused", refusals);
        assert_eq!(named(&tallies, "StatusApiCredentialsRefused"), [refused], "{kind:?}");
        assert_eq!(named(&tallies, "StatusApiNotFound").len(), not_found, "{kind:?}");
        assert_eq!(named(&tallies, "Finalised"), [], "{kind:?}");
    }
}

#[tokio::test]
async fn a_correction_is_expected_after_success_alone_and_otherwise_calls_somebody() {
    for (first, then, kind, reasons, paged) in [
        ("Success", "Declined", "Expected", vec![], 0),
        ("Declined", "Success", "Unexpected", vec![Tally::CountBy("NeedsAttention", "UnexpectedCorrection")], 1),
    ] {
        let reconciler = reconciler();
        tallies(&reconciler, first, Said::Status(first)).await;
        let tallies = tallies(&reconciler, then, Said::Status(then)).await;
        assert_eq!(named(&tallies, "Corrected"), [Tally::CountBy("Corrected", kind)], "{first} to {then}");
        assert_eq!(named(&tallies, "NeedsAttention"), reasons, "{first} to {then}");
        assert_eq!(named(&tallies, "AttentionPaged").len(), paged, "{first} to {then}");
        assert_eq!(named(&tallies, "Finalised"), [], "it was final before");
    }
}

/// Something was published with a clock that is more than an hour later.
#[tokio::test]
async fn clocks_that_disagree_by_more_than_an_hour_are_counted() {
    let reconciler = reconciler();
    reconciler.status_api.script("t", [Said::Status("Success")]);
    let settlement = settle(&reconciler, "t", &[notify("n", "Success")]).await.unwrap();
    for (behind, counted) in [(CLOCK_TOLERANCE, 0), (CLOCK_TOLERANCE + Duration::from_millis(1), 1)] {
        let decided_at = settlement.decided_at - behind;
        let tallies = Settlement { decided_at, ..settlement.clone() }.tallies();
        assert_eq!(named(&tallies, "ClockSkew").len(), counted, "{behind:?}");
    }
}

#[tokio::test]
async fn a_sweep_tells_how_it_kept_up_and_what_became_of_each_query() {
    let reconciler = reconciler();
    reconciler.status_api.script("t", [Said::Status("Success")]);
    let settlement = settle(&reconciler, "t", &[notify("n", "Success")]).await.unwrap();
    let hours = |n: u64| Duration::from_secs(n * 3600);
    let report = SweepReport {
        settlements: vec![settlement.clone(), settlement],
        due: 3,
        lateness_max: Duration::from_secs(70),
        open_ages: vec![hours(2), hours(200)],
        outage: true,
        unfinished: true,
        store_failures: 2,
    };
    let tallies = report.tallies();
    assert_eq!(named(&tallies, "Finalised").len(), 2);
    let expected = [
        Tally::Count("Sweeps"),
        Tally::Counts("Due", 3),
        Tally::Duration("DueLateness", Duration::from_secs(70)),
        Tally::CountBy("StillOpen", "UnderADay"),
        Tally::CountBy("StillOpen", "AWeekOrMore"),
        Tally::Count("SweepsStoppedByOutage"),
        Tally::Count("SweepsUnfinished"),
        Tally::Counts("StoreFailures", 2),
    ];
    assert!(expected.iter().all(|tally| tallies.contains(tally)), "{tallies:?}");

    let idle = SweepReport::default().tallies();
    let zero = Tally::Duration("DueLateness", Duration::ZERO);
    assert_eq!(idle, [Tally::Count("Sweeps"), Tally::Counts("Due", 0), zero, Tally::Counts("StoreFailures", 0)]);
}
