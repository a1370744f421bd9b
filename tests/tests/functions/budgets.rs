//! What a batch of notifications costs the processor: reads, queries and writes, counted exactly.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Fault, Gate, Reply, deployed, events};

use crate::support::{PATIENCE, Stand, cost, notification, process, record, registration, returned, says};

const NOTHING: [String; 0] = [];
const READ_AND_WRITE: [(&str, usize); 2] = [("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 1)];

#[test]
fn a_new_outcome_is_one_read_one_query_and_one_write_and_a_duplicate_one_read() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.always("t1", says("t1", "Success"));
    let claim = notification("t1", "n1", "Success");
    assert_eq!(process(&processor, &[record(&claim)]), NOTHING);
    assert_eq!(stand.cost(), cost(READ_AND_WRITE, 1));
    let item = stand.item("t1");
    assert_eq!(
        (&item["paymentStatus"], &item["version"], &item["published"]["v"]),
        (&json!("Success"), &json!(1), &json!(1))
    );
    let query = &stand.status_api.queries()[0];
    assert_eq!((query.path.as_str(), query.accept.as_str()), ("/api/v2/payments/t1/status", "application/json"));

    stand.reset_calls();
    assert_eq!(process(&processor, &[record(&claim).received(2)]), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1)], 1), "a repeated notification is read and no more");
    assert_eq!(stand.item("t1"), item);
}

#[test]
fn ten_notifications_of_one_transaction_cost_as_much_as_one() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.always("t1", says("t1", "Success"));
    let statuses = ["Pending", "Success", "InProcessing", "Success", "Pending"];
    let records: Vec<_> =
        (0..10).map(|n| record(&notification("t1", &format!("n{n}"), statuses[n % statuses.len()]))).collect();
    assert_eq!(process(&processor, &records), NOTHING);
    assert_eq!(stand.cost(), cost(READ_AND_WRITE, 1));
    let item = stand.item("t1");
    assert_eq!((&item["paymentStatus"], &item["version"]), (&json!("Success"), &json!(1)));
    assert_eq!(item["notifications"].as_object().unwrap().len(), 10);
}

#[test]
fn ten_transactions_are_read_at_once_and_queried_at_the_same_time() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    let gate = Gate::new();
    let ids: Vec<String> = (0..10).map(|n| format!("t{n}")).collect();
    for id in &ids {
        stand.status_api.always(id, says(id, "Declined").held(&gate));
    }
    let records: Vec<_> = ids.iter().map(|id| record(&notification(id, "n1", "Declined"))).collect();
    let invocation = processor.begin(events::sqs(&records));
    assert!(gate.wait_for_arrivals(10, PATIENCE), "no query waits for another");
    gate.open();
    assert_eq!(returned(&invocation.wait().unwrap(), &records), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 10)], 10));
    assert!(ids.iter().all(|id| stand.item(id)["paymentStatus"] == "Declined" && stand.status_api.queried(id) == 1));
}

#[test]
fn what_claims_nothing_final_asks_nothing() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    assert_eq!(process(&processor, &[record(&notification("t1", "n1", "Pending"))]), NOTHING);
    assert_eq!(stand.cost(), cost(READ_AND_WRITE, 0));
    stand.reset();
    assert_eq!(process(&processor, &[record(&notification("t1", "n2", "Partial"))]), NOTHING);
    assert_eq!(stand.cost(), cost(READ_AND_WRITE, 0));
    stand.reset();
    assert_eq!(process(&processor, &[record(&registration("t2"))]), NOTHING);
    assert_eq!(stand.cost(), cost(READ_AND_WRITE, 0));
    for (id, version) in [("t1", 2), ("t2", 1)] {
        let item = stand.item(id);
        assert_eq!((&item["paymentStatus"], &item["version"]), (&json!("Pending"), &json!(version)));
        assert!(item["nextCheckAt"].as_u64().unwrap() > events::now_ms(), "{item}");
    }
}

#[test]
fn a_registration_of_what_is_known_writes_nothing() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    process(&processor, &[record(&registration("t1"))]);
    stand.reset();
    assert_eq!(process(&processor, &[record(&registration("t1"))]), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1)], 0));
}

#[test]
fn a_lagging_answer_is_asked_for_three_times_within_four_seconds_and_written_once() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.script("caught-up", [says("caught-up", "Pending"), says("caught-up", "InProcessing")]);
    stand.status_api.always("caught-up", says("caught-up", "Success"));
    stand.status_api.always("behind", says("behind", "Pending"));
    let records = ["caught-up", "behind"].map(|id| record(&notification(id, "n1", "Success")));
    assert_eq!(process(&processor, &records), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 2)], 6));
    for id in ["caught-up", "behind"] {
        let queries: Vec<_> =
            stand.status_api.queries().into_iter().filter(|query| query.transaction_id == id).collect();
        assert_eq!(queries.len(), 3, "{id}");
        assert!(queries[2].arrived.duration_since(queries[0].arrived) <= Duration::from_secs(4), "{id}");
    }
    assert_eq!(stand.item("caught-up")["paymentStatus"], "Success");
    let behind = stand.item("behind");
    assert_eq!((&behind["paymentStatus"], &behind["version"]), (&json!("Pending"), &json!(1)));
    assert_due_within(&behind, 30);
}

#[test]
fn a_status_api_that_is_down_leaves_it_recorded_and_due() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    let failures = [
        ("down", Reply::text(503, "<html>down</html>")),
        ("garbage", Reply::text(200, "<html>welcome</html>")),
        ("hung-up", Reply::dropped()),
        ("limited", Reply::text(429, "").header("Retry-After", "5")),
    ];
    for (id, reply) in failures {
        stand.reset();
        stand.status_api.always(id, reply);
        assert_eq!(process(&processor, &[record(&notification(id, "n1", "Success"))]), NOTHING, "{id}");
        assert_eq!(stand.aws.counts(), cost(READ_AND_WRITE, 0).0, "{id}");
        // A connection from the pool may have died there: the query is then sent once more.
        let queries = if id == "hung-up" { 1..=2 } else { 1..=1 };
        assert!(queries.contains(&stand.status_api.queried(id)), "{id}: {}", stand.status_api.queried(id));
        let item = stand.item(id);
        assert_eq!((&item["paymentStatus"], item["notifications"].get("n1").is_some()), (&json!("Pending"), true));
        assert_due_within(&item, 60);
        assert!(stand.aws.dead_letters().is_empty());
    }
}

#[test]
fn after_a_run_of_failures_it_only_records_for_a_while() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.otherwise(Reply::text(500, ""));
    for n in 0..8 {
        let id = format!("t{n}");
        assert_eq!(process(&processor, &[record(&notification(&id, "n1", "Success"))]), NOTHING);
        assert_due_within(&stand.item(&id), 60);
    }
    let expected = cost([("dynamodb:BatchGetItem", 8), ("dynamodb:UpdateItem", 8)], 5);
    assert_eq!(stand.cost(), expected, "five failures in a row are enough");
}

#[test]
fn another_merchants_terminal_is_recorded_and_never_queried() {
    let stand = Stand::new();
    let processor = stand.launch("processor").env("TERMINAL_IDS", "1, 2").start().unwrap();
    assert_eq!(process(&processor, &[record(&notification("t1", "n1", "Success"))]), NOTHING);
    assert_eq!(stand.cost(), cost(READ_AND_WRITE, 0));
    let item = stand.item("t1");
    assert_eq!((&item["paymentStatus"], item.get("nextCheckAt")), (&json!("Pending"), None));
}

#[test]
fn rotated_credentials_are_found_by_reading_the_secret_again_once() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.refuse(tests::StatusApi::TOKEN);
    stand.status_api.accept("rotated-token", "rotated-client-id");
    deployed::set_status_credentials(&stand.aws, "rotated-token", "rotated-client-id");
    stand.status_api.otherwise(Reply::status("Declined"));
    let expected = [("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 1), ("secretsmanager:GetSecretValue", 1)];
    assert_eq!(process(&processor, &[record(&notification("t1", "n1", "Declined"))]), NOTHING);
    assert_eq!(stand.cost(), cost(expected, 2));
    assert_eq!(stand.item("t1")["paymentStatus"], "Declined");

    // Refused again: within the minute nothing is read, and the transaction stays due.
    stand.status_api.refuse("rotated-token");
    stand.reset_calls();
    assert_eq!(process(&processor, &[record(&notification("t2", "n1", "Declined"))]), NOTHING);
    assert_eq!(stand.cost(), cost(READ_AND_WRITE, 3));
    assert_due_within(&stand.item("t2"), 60);
}

#[test]
fn a_terminal_is_queried_with_its_own_credentials() {
    let stand = Stand::new();
    let launch = stand.launch("processor");
    let secret = json!({
        "default": {"token": tests::StatusApi::TOKEN, "clientId": tests::StatusApi::CLIENT_ID},
        "terminals": {"50994": {"token": "terminal-token", "clientId": "terminal-client-id"}},
    });
    stand.aws.set_secret(deployed::STATUS_API_SECRET, &secret);
    stand.status_api.accept("terminal-token", "terminal-client-id");
    stand.status_api.otherwise(Reply::status("Declined"));
    let processor = launch.start().unwrap();
    let mut other = notification("t2", "n1", "Declined");
    other["terminalId"] = json!("1");
    process(&processor, &[record(&notification("t1", "n1", "Declined")), record(&other)]);
    let mut queried: Vec<_> = stand.status_api.queries().into_iter().map(|q| (q.transaction_id, q.token)).collect();
    queried.sort();
    let expected = [("t1", "terminal-token"), ("t2", tests::StatusApi::TOKEN)];
    assert_eq!(queried, expected.map(|(id, token)| (id.to_owned(), token.to_owned())));
}

#[test]
fn any_transaction_id_is_queried_safely() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    let ids = ["a/b", "../../x", "a b", "a?b#c", "é日本", "%2F", "..", "{}\"'"];
    stand.status_api.otherwise(Reply::status("Declined"));
    let records: Vec<_> = ids.iter().map(|id| record(&notification(id, "n1", "Declined"))).collect();
    assert_eq!(process(&processor, &records), NOTHING);
    let mut queried: Vec<_> = stand.status_api.queries().into_iter().map(|query| query.transaction_id).collect();
    queried.sort();
    // A path of two dots goes up whatever is done: such a transaction cannot be queried.
    let mut expected: Vec<_> = ids.into_iter().filter(|id| *id != "..").map(str::to_owned).collect();
    expected.sort();
    assert_eq!(queried, expected);
    assert!(ids.iter().filter(|id| **id != "..").all(|id| stand.item(id)["paymentStatus"] == "Declined"));
    assert_eq!(stand.item("..")["paymentStatus"], "Pending");
    assert_eq!(stand.status_api.other_requests(), NOTHING);
}

#[test]
fn a_slow_status_api_holds_nobody_up_for_long() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    let gate = Gate::new();
    stand.status_api.always("slow", says("slow", "Success").held(&gate));
    stand.status_api.always("fast", says("fast", "Success"));
    let written = stand.aws.inject(
        Fault::on("dynamodb:UpdateItem")
            .when(|body| body["Key"]["transactionID"]["S"] == "fast")
            .delayed(Duration::ZERO),
    );
    let records = ["slow", "fast"].map(|id| record(&notification(id, "n1", "Success")));
    let invocation = processor.begin(events::sqs(&records));
    assert!(tests::until(PATIENCE, || written.hits() == 1), "the fast one does not wait for the slow one");
    assert!(stand.aws.table().item("slow").is_none());
    gate.open();
    assert_eq!(returned(&invocation.wait().unwrap(), &records), NOTHING);
}

fn assert_due_within(item: &Value, seconds: u64) {
    let next = item["nextCheckAt"].as_u64().unwrap_or_else(|| panic!("not due: {item}"));
    assert!(item["dueShard"].is_u64(), "{item}");
    let (from, to) = (events::now_ms().saturating_sub(10_000), events::now_ms() + seconds * 1000);
    assert!((from..=to).contains(&next), "{next} is not in {from}..={to}");
}
