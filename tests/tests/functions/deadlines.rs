//! Work stops inside the deadline: what cannot be asked any more is stored, and due.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Gate, Reply, events};

use crate::support::{Stand, cost, notification, process, record, returned, says};

const NOTHING: [String; 0] = [];

#[test]
fn without_time_to_ask_the_processor_records_and_leaves_the_query_due_at_once() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.always("t1", says("t1", "Success"));
    let records = [record(&notification("t1", "n1", "Success"))];
    let answer = processor.invoke_within(events::sqs(&records), Duration::from_secs(5)).unwrap();
    assert_eq!(returned(&answer, &records), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 1)], 0));
    let item = stand.item("t1");
    assert_eq!((&item["paymentStatus"], item["notifications"].get("n1").is_some()), (&json!("Pending"), true));
    assert!(item["nextCheckAt"].as_u64().unwrap() <= events::now_ms(), "{item}");

    let sweeper = stand.start("sweeper");
    sweeper.invoke_within(events::schedule(), Duration::from_secs(12)).unwrap();
    assert_eq!(stand.item("t1")["paymentStatus"], "Success", "the next sweep asks");
}

#[test]
fn a_query_without_an_answer_ends_before_the_deadline() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    let never = Gate::new();
    stand.status_api.always("t1", Reply::status("Success").held(&never));
    let records = [record(&notification("t1", "n1", "Success"))];
    let started = Instant::now();
    let answer = processor.invoke_within(events::sqs(&records), Duration::from_millis(10_500)).unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(returned(&answer, &records), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 1)], 1));
    assert!(stand.item("t1")["nextCheckAt"].is_u64());
    never.open();
}

#[test]
fn without_time_to_ask_the_sweeper_leaves_everything_due() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.otherwise(Reply::text(503, ""));
    process(&processor, &[record(&notification("t1", "n1", "Success"))]);
    stand.make_due("t1");
    stand.reset();
    let sweeper = stand.start("sweeper");
    sweeper.invoke_within(events::schedule(), Duration::from_secs(5)).unwrap();
    assert_eq!((stand.status_api.queries().len(), stand.aws.count("dynamodb:UpdateItem")), (0, 0));
    assert!(stand.item("t1")["nextCheckAt"].as_u64().unwrap() < events::now_ms());
}
