//! Each record of a batch has its own result, whatever the others have.

use std::collections::BTreeSet;
use std::slice;

use serde_json::{Value, json};
use tests::events::SqsRecord;
use tests::{Fault, Function};

use crate::support::{Stand, cost, notification, process, record, says};

const NOTHING: [String; 0] = [];

/// A batch of ten claims, of the transactions `t0` to `t9`, which the Status API confirms.
fn ten(stand: &Stand) -> Vec<SqsRecord> {
    let ids: Vec<String> = (0..10).map(|n| format!("t{n}")).collect();
    ids.iter().for_each(|id| stand.status_api.always(id, says(id, "Success")));
    ids.iter().map(|id| record(&notification(id, "n1", "Success"))).collect()
}

fn start() -> (Stand, Function) {
    let stand = Stand::new();
    let processor = stand.start("processor");
    (stand, processor)
}

fn ids(records: &[SqsRecord]) -> Vec<String> {
    let mut ids: Vec<_> = records.iter().map(|record| record.message_id.clone()).collect();
    ids.sort();
    ids
}

fn stored(stand: &Stand) -> usize {
    stand.aws.table().raw_items().len()
}

fn dead_letters(stand: &Stand) -> Vec<Value> {
    stand.aws.dead_letters().iter().map(|dead_letter| serde_json::from_str(&dead_letter.body).unwrap()).collect()
}

/// The entries of all changes of visibility, sorted by receipt handle.
fn postponed(stand: &Stand) -> Vec<(String, u64)> {
    let calls = stand.aws.calls().into_iter().filter(|call| call.operation == "sqs:ChangeMessageVisibilityBatch");
    let mut entries: Vec<_> = calls
        .flat_map(|call| call.body["Entries"].as_array().cloned().unwrap())
        .map(|entry| {
            let handle = entry["ReceiptHandle"].as_str().unwrap().to_owned();
            (handle, entry["VisibilityTimeout"].as_u64().unwrap())
        })
        .collect();
    entries.sort();
    entries
}

#[test]
fn what_can_never_be_read_goes_to_the_dead_letter_queue_without_its_content() {
    let (stand, processor) = start();
    let mut records = ten(&stand);
    let bad = ["canary", "{\"canary\":1}", "", "{\"schemaVersion\":1,\"kind\":\"canary\"}"];
    records.truncate(10 - bad.len());
    records.extend(bad.map(SqsRecord::new));
    assert_eq!(process(&processor, &records), NOTHING, "nothing comes back");
    let expected = [("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 6), ("sqs:SendMessage", 4)];
    assert_eq!(stand.cost(), cost(expected, 6));
    for (dead_letter, record) in dead_letters(&stand).into_iter().zip(&records[6..]) {
        let expected = json!({"schemaVersion": 1, "reason": "Unreadable", "messageId": record.message_id});
        assert_eq!(dead_letter, expected);
    }
    assert!(!processor.logs().contains("canary"), "{}", processor.logs().text());
}

#[test]
fn a_batch_without_one_readable_record_touches_no_table() {
    let (stand, processor) = start();
    assert_eq!(process(&processor, &[SqsRecord::new("canary")]), NOTHING);
    assert_eq!(stand.cost(), cost([("sqs:SendMessage", 1)], 0));
    stand.reset();
    assert_eq!(process(&processor, &[]), NOTHING);
    assert_eq!(stand.cost(), cost([], 0));
}

#[test]
fn without_a_transaction_id_and_with_other_content_it_is_kept_for_people() {
    let (stand, processor) = start();
    process(&processor, &[record(&notification("t1", "n1", "Pending"))]);
    stand.reset();
    let mut homeless = notification("t1", "n2", "Success");
    homeless.as_object_mut().unwrap().remove("transactionID");
    let records = [record(&homeless), record(&notification("t1", "n1", "Declined"))];
    assert_eq!(process(&processor, &records), NOTHING);
    assert_eq!(
        stand.cost(),
        cost([("dynamodb:BatchGetItem", 1), ("sqs:SendMessage", 2)], 0),
        "neither changes anything"
    );
    let [first, second] = dead_letters(&stand).try_into().unwrap();
    assert_eq!((&first["reason"], &first["notificationID"]), (&json!("NoTransactionId"), &json!("n2")));
    assert_eq!((&second["reason"], &second["notificationID"]), (&json!("ConflictingContent"), &json!("n1")));
    assert_eq!(second["transactionID"], "t1");
    for dead_letter in [first, second] {
        assert_eq!(dead_letter["contentHash"].as_str().map(str::len), Some(16), "{dead_letter}");
        assert!(dead_letter["receivedAt"].is_u64() && dead_letter["messageId"].is_string(), "{dead_letter}");
        let known =
            ["schemaVersion", "reason", "transactionID", "notificationID", "contentHash", "receivedAt", "messageId"];
        assert!(dead_letter.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{dead_letter}");
    }
    // 15.9 and 15.90 are the same content, and so is the same notification delivered to ack at another time.
    stand.reset();
    let mut same = notification("t1", "n1", "Pending");
    same["amount"]["value"] = json!("15.90");
    same["receivedAt"] = json!(1);
    assert_eq!(process(&processor, &[record(&same)]), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1)], 0));
}

#[test]
fn a_newer_schema_waits_for_a_newer_reader() {
    let (stand, processor) = start();
    let mut records = ten(&stand);
    let mut newer = notification("t9", "n1", "Success");
    newer["schemaVersion"] = json!(2);
    newer["paymentStatus"] = json!({"is": "another shape"});
    records[9] = record(&newer);
    assert_eq!(process(&processor, &records), ids(&records[9..]));
    assert!(dead_letters(&stand).is_empty(), "it is not given up");
    assert_eq!(stored(&stand), 9);
    assert_eq!(postponed(&stand).len(), 1);
}

#[test]
fn one_failed_write_among_ten_comes_back_alone() {
    let (stand, processor) = start();
    let records = ten(&stand);
    let t3 = |body: &Value| body["Key"]["transactionID"]["S"] == "t3";
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").when(t3).error(400, "AccessDeniedException"));
    assert_eq!(process(&processor, &records), ids(&records[3..4]));
    let expected = [("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 10), ("sqs:ChangeMessageVisibilityBatch", 1)];
    assert_eq!(stand.cost(), cost(expected, 10));
    assert_eq!(stored(&stand), 9);
    let handle = records[3].receipt_handle();
    assert_eq!(postponed(&stand).into_iter().map(|(handle, _)| handle).collect::<Vec<_>>(), [handle]);

    stand.reset();
    stand.status_api.always("t3", says("t3", "Success"));
    let again = [records[3].clone().received(2)];
    assert_eq!(process(&processor, &again), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 1)], 1));
    assert_eq!(stored(&stand), 10);
}

#[test]
fn a_hiccup_of_the_store_is_bridged() {
    let (stand, processor) = start();
    let records = ten(&stand);
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").first(1).error(500, "InternalServerError"));
    assert_eq!(process(&processor, &records), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 11)], 10));
}

#[test]
fn a_write_whose_answer_was_lost_counts_once() {
    let (stand, processor) = start();
    stand.status_api.always("t1", says("t1", "Success"));
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").first(1).applied_but_dropped());
    assert_eq!(process(&processor, &[record(&notification("t1", "n1", "Success"))]), NOTHING);
    assert_eq!(stand.aws.count("dynamodb:UpdateItem"), 2, "the client sends it again, and the condition fails");
    assert_eq!(stand.status_api.queried("t1"), 1);
    let item = stand.item("t1");
    assert_eq!((&item["version"], &item["published"]["v"]), (&json!(1), &json!(1)));

    // Lost for good: it comes back, and is known by then.
    stand.reset();
    stand.status_api.always("t2", says("t2", "Success"));
    let claim = record(&notification("t2", "n1", "Success"));
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").applied_but_dropped());
    let back = process(&processor, slice::from_ref(&claim));
    stand.aws.clear_faults();
    assert_eq!(back, slice::from_ref(&claim.message_id));
    assert_eq!(process(&processor, &[claim.received(2)]), NOTHING);
    assert_eq!((&stand.item("t2")["version"], stand.status_api.queried("t2")), (&json!(1), 1));
}

#[test]
fn a_read_that_fails_sends_everything_back_and_one_that_is_incomplete_goes_on() {
    let (stand, processor) = start();
    let mut records = ten(&stand);
    records[0] = SqsRecord::new("canary");
    stand.aws.inject(Fault::on("dynamodb:BatchGetItem").error(400, "ProvisionedThroughputExceededException"));
    assert_eq!(process(&processor, &records), ids(&records[1..]), "but for what needs no table");
    assert_eq!(stand.aws.count("dynamodb:UpdateItem"), 0);
    assert!(stand.status_api.queries().is_empty());
    assert_eq!((dead_letters(&stand).len(), postponed(&stand).len()), (1, 9));

    stand.reset_calls();
    stand.aws.inject(Fault::on("dynamodb:BatchGetItem").nth(1).unprocessed(4));
    stand.aws.inject(Fault::on("dynamodb:BatchGetItem").nth(2).unprocessed(2));
    assert_eq!(process(&processor, &records[1..]), NOTHING);
    assert_eq!(stand.cost(), cost([("dynamodb:BatchGetItem", 3), ("dynamodb:UpdateItem", 9)], 9));
}

#[test]
fn what_the_dead_letter_queue_does_not_take_comes_back() {
    let (stand, processor) = start();
    let mut records = ten(&stand);
    records[7] = SqsRecord::new("canary");
    stand.aws.inject(Fault::on("sqs:SendMessage").error(403, "AccessDeniedException"));
    assert_eq!(process(&processor, &records), ids(&records[7..8]));
    assert_eq!((stored(&stand), dead_letters(&stand).len()), (9, 0));
}

#[test]
fn failed_messages_come_back_later_each_time_and_not_together() {
    let (stand, processor) = start();
    stand.aws.inject(Fault::on("dynamodb:BatchGetItem").error(400, "AccessDeniedException"));
    let fresh = ten(&stand);
    let waits = |times: u32| {
        stand.reset_calls();
        stand.aws.inject(Fault::on("dynamodb:BatchGetItem").error(400, "AccessDeniedException"));
        let records: Vec<_> = fresh.iter().map(|record| record.clone().received(times)).collect();
        assert_eq!(process(&processor, &records), ids(&records));
        assert_eq!(stand.aws.count("sqs:ChangeMessageVisibilityBatch"), 1);
        let mut handles: Vec<_> = records.iter().map(SqsRecord::receipt_handle).collect();
        handles.sort();
        let (postponed, seconds): (Vec<_>, Vec<_>) = postponed(&stand).into_iter().unzip();
        assert_eq!(postponed, handles);
        seconds
    };
    for (times, bounds) in [(1, 5..10), (2, 10..20), (3, 20..40), (100, 450..900)] {
        let seconds = waits(times);
        assert!(seconds.iter().all(|wait| bounds.contains(wait)), "{times}: {seconds:?}");
        assert!(seconds.iter().collect::<BTreeSet<_>>().len() > 1, "{times}: {seconds:?}");
    }
    // Best effort: without it they come back when their visibility ends.
    stand.aws.inject(Fault::on("sqs:ChangeMessageVisibilityBatch").error(403, "AccessDeniedException"));
    assert_eq!(process(&processor, &fresh), ids(&fresh));
}
