//! The seed replays a run: the same payments, payloads, bytes on the wire and faults.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Received, queried_status, start};
use spg_simulator::{Config, Fault, FaultRule, Seed, Tamper, TrafficSpec, TrafficSummary};

fn busy() -> TrafficSpec {
    TrafficSpec {
        payments: 60,
        duplicates: 30,
        reorder: 30,
        lose: 20,
        tamper: 10,
        delay: 20,
        spread: Duration::from_millis(300),
        retries: false,
    }
}

/// Everything that a run shows to the outside, without its order in time.
async fn run(seed: u64) -> (TrafficSummary, Vec<Received>, BTreeMap<String, Vec<String>>) {
    let (spg, merchant) = start(Config { seed: Seed(seed), ..Config::default() }).await;
    spg.set_faults(vec![FaultRule::percent(Fault::Unavailable, 40), FaultRule::percent(Fault::Garbage, 40)]);
    let burst = spg.plan_burst(&busy()).unwrap();
    let ids: Vec<_> = burst.payments.iter().map(|payment| payment.transaction_id.clone()).collect();
    let summary = spg.play_burst(burst).await;
    let mut answers = BTreeMap::new();
    for id in ids {
        for _query in 0..2 {
            queried_status(&spg, &id).await;
        }
        let answered = spg.queries(&id).into_iter().map(|query| query.answered).collect();
        answers.insert(id, answered);
    }
    let mut received = merchant.received();
    received.sort_by(|one, other| one.envelope.iv.cmp(&other.envelope.iv));
    (summary, received, answers)
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_faults() {
    let (summary, received, answers) = run(7).await;
    assert_eq!(summary.not_as_expected, 0, "{:?}", summary.complaints);
    assert_eq!(summary.attempts, received.len());
    let (summary_again, received_again, answers_again) = run(7).await;
    assert_eq!((&summary, &answers), (&summary_again, &answers_again));
    assert_eq!(received, received_again);
    let (_, received_other, answers_other) = run(8).await;
    assert_ne!(received, received_other);
    assert_ne!(answers, answers_other);
}

#[tokio::test]
async fn a_burst_has_the_shares_that_were_asked_for() {
    let (spg, merchant) = start(Config::default()).await;
    let spec = TrafficSpec { payments: 300, delay: 0, ..busy() };
    let burst = spg.plan_burst(&spec).unwrap();
    let notifications: Vec<_> = burst.payments.iter().flat_map(|payment| payment.notifications.clone()).collect();
    let percent = |count: usize, of: usize| count * 100 / of;
    let lost = percent(notifications.iter().filter(|one| one.lost).count(), notifications.len());
    let duplicated = percent(notifications.iter().filter(|one| one.copies > 1).count(), notifications.len());
    let forged = percent(notifications.iter().filter(|one| one.forgery != Tamper::None).count(), notifications.len());
    assert!(
        (15..=25).contains(&lost) && (25..=35).contains(&duplicated) && (6..=14).contains(&forged),
        "{lost} {duplicated} {forged}"
    );
    let orderable: Vec<_> = burst.payments.iter().filter(|payment| payment.notifications.len() > 1).collect();
    let reordered = percent(orderable.iter().filter(|payment| payment.reordered).count(), orderable.len());
    assert!((22..=38).contains(&reordered), "{reordered}");
    assert!(
        burst.payments.iter().any(spg_simulator::traffic::PlannedPayment::is_lost),
        "some can only be found by asking"
    );

    let endings: BTreeMap<_, _> =
        burst.payments.iter().map(|payment| (payment.transaction_id.clone(), payment.ending.status())).collect();
    let summary = spg.play_burst(burst).await;
    assert_eq!((summary.payments, summary.not_as_expected), (300, 0));
    assert_eq!(merchant.received().len(), summary.attempts);
    for (id, ending) in endings {
        assert_eq!(spg.payment(&id).unwrap().truth().status, ending);
    }
    assert!(spg.report().is_as_expected());
    assert!(spg.report().table().contains("300 payments whose webhooks went as expected are not shown"));
}
