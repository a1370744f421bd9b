//! What a sweep costs: it grows with what is due, not with what is stored.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Fault, Reply, events};

use crate::support::{Stand, cost, notification, process, record, says};

/// The due index has so many shards.
const SHARDS: usize = 8;
/// Queries that a sweep asks at the same time, at most, unless it is told otherwise.
const QUERIES_CONCURRENT_DEFAULT: usize = 16;
/// No more is asked before one of the first is answered.
const PROBES: usize = 5;

/// Opens transactions whose claim nobody has confirmed yet.
fn open(stand: &Stand, ids: &[String]) {
    let processor = stand.start("processor");
    stand.status_api.otherwise(Reply::text(503, ""));
    for some in ids.chunks(10) {
        let records: Vec<_> = some.iter().map(|id| record(&notification(id, "n1", "Success"))).collect();
        process(&processor, &records);
    }
    stand.reset();
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t{n}")).collect()
}

fn shards(stand: &Stand, ids: &[String]) -> usize {
    ids.iter().map(|id| stand.item(id)["dueShard"].to_string()).collect::<BTreeSet<_>>().len()
}

#[test]
fn a_sweep_with_nothing_due_queries_each_shard_and_does_nothing_else() {
    let stand = Stand::new();
    let sweeper = stand.start("sweeper");
    for event in [events::schedule(), json!({"anything": "else"}), Value::Null] {
        stand.reset();
        sweeper.invoke(event).unwrap();
        assert_eq!(stand.cost(), cost([("dynamodb:Query", SHARDS)], 0));
    }
    // What is stored and not due costs nothing either.
    let processor = stand.start("processor");
    stand.status_api.otherwise(Reply::status("Declined"));
    let records: Vec<_> = ids(10).iter().map(|id| record(&notification(id, "n1", "Declined"))).collect();
    process(&processor, &records);
    stand.reset();
    sweeper.invoke(events::schedule()).unwrap();
    assert_eq!(stand.cost(), cost([("dynamodb:Query", SHARDS)], 0));
}

#[test]
fn what_is_due_is_read_once_queried_once_and_written_once() {
    let stand = Stand::new();
    let ids = ids(40);
    open(&stand, &ids);
    let (due, rest) = ids.split_at(30);
    due.iter().for_each(|id| stand.make_due(id));
    assert!(shards(&stand, due) > 1, "what is due in several shards is read at once");
    due.iter().for_each(|id| stand.status_api.always(id, says(id, "Success")));
    // So late that nothing else falls due while it runs.
    let sweeper = stand.start("sweeper");
    sweeper.invoke_within(events::schedule(), Duration::from_secs(12)).unwrap();
    let expected = [("dynamodb:BatchGetItem", 1), ("dynamodb:Query", SHARDS), ("dynamodb:UpdateItem", due.len())];
    assert_eq!(stand.cost(), cost(expected, due.len()));
    assert!(due.iter().all(|id| stand.item(id)["paymentStatus"] == "Success" && stand.item(id)["version"] == 2));
    assert!(rest.iter().all(|id| stand.item(id)["paymentStatus"] == "Pending" && stand.status_api.queried(id) == 0));
}

#[test]
fn queries_are_asked_at_the_same_time_but_not_too_many() {
    let stand = Stand::new();
    let ids = ids(30);
    open(&stand, &ids);
    for id in &ids {
        stand.make_due(id);
        // All in one shard, which is read and queried as one.
        let mut item = stand.aws.table().raw_item(id).unwrap();
        item["dueShard"] = json!({"N": "3"});
        stand.aws.table().put_raw(&item);
        stand.status_api.always(id, says(id, "Success").after(Duration::from_millis(50)));
    }
    let sweeper = stand.start("sweeper");
    sweeper.invoke_within(events::schedule(), Duration::from_secs(12)).unwrap();
    let expected = [("dynamodb:BatchGetItem", 1), ("dynamodb:Query", SHARDS), ("dynamodb:UpdateItem", ids.len())];
    assert_eq!(stand.cost(), cost(expected, ids.len()));
    let at_once = stand.status_api.in_flight_max();
    assert!((6..=QUERIES_CONCURRENT_DEFAULT).contains(&at_once), "{at_once}");
}

#[test]
fn the_merchant_says_how_many_queries_are_asked_at_the_same_time() {
    for at_once in [1, 24] {
        let stand = Stand::new();
        let ids = ids(PROBES + 30);
        open(&stand, &ids);
        ids.iter().for_each(|id| stand.make_due(id));
        // The oldest are queried first, and answered; of the others none is before so many are asked.
        let (oldest, others) = ids.split_at(PROBES);
        for id in oldest {
            let mut item = stand.aws.table().raw_item(id).unwrap();
            item["nextCheckAt"] = json!({"N": (events::now_ms() - 3_600_000).to_string()});
            stand.aws.table().put_raw(&item);
            stand.status_api.always(id, says(id, "Success"));
        }
        let gate = tests::Gate::new();
        others.iter().for_each(|id| stand.status_api.always(id, says(id, "Success").held(&gate)));
        let sweeper = stand.launch("sweeper").env("STATUS_API_CONCURRENCY", at_once.to_string()).start().unwrap();
        let sweep = sweeper.begin_within(events::schedule(), Duration::from_secs(12));
        assert!(gate.wait_for_arrivals(at_once, crate::support::PATIENCE), "{at_once}");
        gate.open();
        sweep.wait().unwrap();
        assert_eq!(stand.status_api.in_flight_max(), at_once);
        assert!(ids.iter().all(|id| stand.item(id)["paymentStatus"] == "Success"));
    }
}

#[test]
fn an_outage_ends_the_sweep_after_a_few_queries_and_leaves_everything_due() {
    let stand = Stand::new();
    let ids = ids(30);
    open(&stand, &ids);
    ids.iter().for_each(|id| stand.make_due(id));
    stand.status_api.otherwise(Reply::text(503, ""));
    let sweeper = stand.start("sweeper");
    sweeper.invoke(events::schedule()).unwrap();
    assert_eq!(stand.status_api.queries().len(), PROBES);
    assert_eq!(stand.aws.count("dynamodb:UpdateItem"), PROBES, "those are due a little later");
    assert!(stand.aws.count("dynamodb:Query") <= SHARDS);
    assert!(ids.iter().all(|id| stand.item(id)["nextCheckAt"].is_u64()));
}

#[test]
fn two_sweeps_at_once_do_no_harm() {
    let stand = Stand::new();
    let ids = ids(10);
    open(&stand, &ids);
    ids.iter().for_each(|id| stand.make_due(id));
    ids.iter().for_each(|id| stand.status_api.always(id, says(id, "Success")));
    let sweepers = [stand.start("sweeper"), stand.start("sweeper")];
    let gate = tests::Gate::new();
    stand.aws.inject(Fault::on("dynamodb:BatchGetItem").held(&gate));
    let time = Duration::from_secs(12);
    let invocations = sweepers.each_ref().map(|sweeper| sweeper.begin_within(events::schedule(), time));
    assert!(gate.wait_for_arrivals(2, crate::support::PATIENCE), "both have seen the same as due");
    gate.open();
    invocations.into_iter().for_each(|invocation| assert_eq!(invocation.wait().unwrap(), Value::Null));
    for id in &ids {
        let item = stand.item(id);
        assert_eq!((&item["paymentStatus"], &item["published"]["v"]), (&json!("Success"), &json!(2)), "{item}");
        assert_eq!(item["history"].as_array().unwrap().len(), 2, "{item}");
    }
}

#[test]
fn what_falls_due_within_the_run_is_waited_for() {
    let stand = Stand::new();
    let ids = ids(1);
    open(&stand, &ids);
    let mut item = stand.aws.table().raw_item("t0").unwrap();
    let due_at = events::now_ms() + 1_500;
    item["nextCheckAt"] = json!({"N": due_at.to_string()});
    stand.aws.table().put_raw(&item);
    stand.status_api.always("t0", says("t0", "Success"));
    let sweeper = stand.start("sweeper");
    sweeper.invoke(events::schedule()).unwrap();
    assert!(events::now_ms() >= due_at);
    assert_eq!((&stand.item("t0")["paymentStatus"], stand.status_api.queried("t0")), (&json!("Success"), 1));
}

#[test]
fn an_answer_that_cannot_be_stored_fails_the_sweep_and_the_transaction_stays_due() {
    let stand = Stand::new();
    let ids = ids(3);
    open(&stand, &ids);
    ids.iter().for_each(|id| stand.make_due(id));
    ids.iter().for_each(|id| stand.status_api.always(id, says(id, "Success")));
    let t1 = |body: &Value| body["Key"]["transactionID"]["S"] == "t1";
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").when(t1).error(400, "AccessDeniedException"));
    let sweeper = stand.start("sweeper");
    sweeper.invoke(events::schedule()).unwrap_err();
    assert_eq!(stand.item("t1")["paymentStatus"], "Pending");
    assert!(stand.item("t1")["nextCheckAt"].as_u64().unwrap() < events::now_ms(), "due as before");
    assert!(["t0", "t2"].iter().all(|id| stand.item(id)["paymentStatus"] == "Success"));
    stand.aws.clear_faults();
    sweeper.invoke_within(events::schedule(), Duration::from_secs(12)).unwrap();
    assert_eq!(stand.item("t1")["paymentStatus"], "Success");
}
