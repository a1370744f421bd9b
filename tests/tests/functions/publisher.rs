//! What the publisher puts on the bus: each published change once per batch, and none is lost.

use serde_json::{Value, json};
use tests::{Fault, Function, FunctionError, Reply, deployed, events};

use crate::support::{Stand, cost, notification, process, record, registration, says};

/// Final transactions, made by the processor, as images of the stream.
fn outcomes(stand: &Stand, count: usize) -> Vec<Value> {
    let processor = stand.start("processor");
    let ids: Vec<String> = (0..count).map(|n| format!("t{n:02}")).collect();
    ids.iter().for_each(|id| stand.status_api.always(id, says(id, "Success")));
    for some in ids.chunks(10) {
        let records: Vec<_> = some.iter().map(|id| record(&notification(id, "n1", "Success"))).collect();
        process(&processor, &records);
    }
    stand.reset();
    ids.iter().map(|id| stand.aws.table().raw_item(id).unwrap()).collect()
}

fn publish(publisher: &Function, images: &[Value]) {
    assert_eq!(publisher.invoke(events::dynamodb_stream(images)).unwrap(), Value::Null);
}

fn event_ids(stand: &Stand) -> Vec<String> {
    stand.aws.events().iter().map(|event| event.detail["eventId"].as_str().unwrap().to_owned()).collect()
}

fn expected_ids(stand: &Stand, range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("t{n:02}#{}", stand.item(&format!("t{n:02}"))["sequence"])).collect()
}

#[test]
fn ten_changes_are_one_call_and_each_event_is_the_contracts() {
    let stand = Stand::new();
    let images = outcomes(&stand, 10);
    let publisher = stand.start("publisher");
    publish(&publisher, &images);
    assert_eq!(stand.cost(), cost([("events:PutEvents", 1)], 0));
    assert_eq!(event_ids(&stand), expected_ids(&stand, 0..10));
    for (n, event) in stand.aws.events().into_iter().enumerate() {
        let item = stand.item(&format!("t{n:02}"));
        assert_eq!((event.bus.as_str(), event.source.as_str()), (deployed::EVENT_BUS, "spg.transactions"));
        assert_eq!(event.detail_type, "Transaction Finalised");
        let confirmed_at = event.detail["confirmedAt"].clone();
        let expected = json!({
            "schemaVersion": 1,
            "eventId": format!("t{n:02}#{}", item["sequence"]),
            "transactionID": format!("t{n:02}"),
            "sequence": item["sequence"],
            "version": item["version"],
            "paymentStatus": "Success",
            "previousStatus": "Pending",
            "paid": true,
            "retryEligible": false,
            "merchantTransactionId": format!("order-t{n:02}"),
            "terminalId": "50994",
            "paymentMethod": "MBWAY",
            "paymentType": "PURS",
            "amount": {"value": "15.90", "currency": "EUR"},
            "occurredAt": confirmed_at,
            "confirmedAt": confirmed_at,
            "reason": null,
        });
        assert_eq!(event.detail, expected);
    }
    assert!(expected_ids(&stand, 0..10).iter().all(|id| publisher.logs().contains(id)), "one line for each");
}

#[test]
fn more_than_ten_are_sent_ten_by_ten() {
    let stand = Stand::new();
    let images = outcomes(&stand, 23);
    let publisher = stand.start("publisher");
    publish(&publisher, &images);
    assert_eq!(stand.cost(), cost([("events:PutEvents", 3)], 0));
    assert_eq!(event_ids(&stand), expected_ids(&stand, 0..23));
}

#[test]
fn one_failed_entry_of_ten_fails_the_invocation_and_all_are_sent_again() {
    let stand = Stand::new();
    let images = outcomes(&stand, 10);
    let publisher = stand.start("publisher");
    stand.aws.inject(Fault::on("events:PutEvents").nth(1).entries(&[3], "ThrottlingException"));
    let error = publisher.invoke(events::dynamodb_stream(&images)).unwrap_err();
    let FunctionError::Handler { message, .. } = error else { panic!("{error}") };
    assert!(message.contains("1 of 10") && message.contains("ThrottlingException"), "{message}");
    let first = stand.aws.events();
    assert_eq!(first.len(), 9);
    let failures: u64 = publisher.logs().metrics().iter().filter_map(|line| line["PublishFailures"].as_u64()).sum();
    assert_eq!(failures, 1, "it is alarmed");

    publish(&publisher, &images);
    let all = stand.aws.events();
    assert_eq!(all.len(), 19);
    assert!(first.iter().all(|event| all[9..].contains(event)), "what is sent again is the same");
    assert_eq!(event_ids(&stand)[9..], expected_ids(&stand, 0..10));
}

#[test]
fn a_call_that_fails_fails_the_invocation() {
    let stand = Stand::new();
    let images = outcomes(&stand, 12);
    let publisher = stand.start("publisher");
    stand.aws.inject(Fault::on("events:PutEvents").nth(2).error(403, "AccessDeniedException"));
    publisher.invoke(events::dynamodb_stream(&images)).unwrap_err();
    publish(&publisher, &images);
    let mut ids = event_ids(&stand);
    ids.dedup();
    ids.sort();
    ids.dedup();
    assert_eq!(ids, expected_ids(&stand, 0..12), "nothing is lost");

    stand.reset();
    stand.aws.inject(Fault::on("events:PutEvents").first(1).error(500, "InternalFailure"));
    publish(&publisher, &images[..10]);
    assert_eq!(stand.cost(), cost([("events:PutEvents", 2)], 0), "a hiccup is bridged");
}

#[test]
fn changes_that_are_not_published_and_deletions_are_passed_over() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    process(&processor, &[record(&registration("t1")), record(&notification("t2", "n1", "InProcessing"))]);
    let mut images = ["t1", "t2"].map(|id| stand.aws.table().raw_item(id).unwrap()).to_vec();
    // A change that is not published, of a transaction that was published before.
    stand.status_api.otherwise(Reply::status("Declined"));
    process(&processor, &[record(&notification("t3", "n1", "Declined"))]);
    process(&processor, &[record(&notification("t3", "n2", "Pending"))]);
    images.push(stand.aws.table().raw_item("t3").unwrap());
    assert_eq!(images[2]["change"], json!({"S": "Noted"}));
    let publisher = stand.start("publisher");
    stand.reset_calls();
    let mut event = events::dynamodb_stream(&images);
    let mut deletion = event["Records"][0].clone();
    deletion["eventName"] = json!("REMOVE");
    deletion["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    event["Records"].as_array_mut().unwrap().push(deletion);
    publisher.invoke(event).unwrap();
    publish(&publisher, &[]);
    assert_eq!(stand.aws.counts(), cost([], 0).0);
}

#[test]
fn an_image_that_cannot_be_read_holds_nobody_up() {
    let stand = Stand::new();
    let mut images = outcomes(&stand, 4);
    images[1]["version"] = json!({"S": "canary"});
    images[2] = json!({"transactionID": {"S": "t02"}, "change": {"S": "Finalised"}, "canary": {"unknown": "canary"}});
    let publisher = stand.start("publisher");
    publish(&publisher, &images);
    let ids = event_ids(&stand);
    assert_eq!(ids, [expected_ids(&stand, 0..1), expected_ids(&stand, 3..4)].concat());
    let lines: Vec<_> = publisher.logs().json().into_iter().filter(|line| line["level"] == "ERROR").collect();
    let told: Vec<_> = lines.iter().map(|line| line["transactionID"].clone()).collect();
    assert_eq!(told, ["t01", "t02"], "they can be published again from the table");
    assert!(lines.iter().all(|line| line["sequenceNumber"].is_string()), "{lines:?}");
    let counted: u64 = publisher.logs().metrics().iter().filter_map(|line| line["UnreadableImages"].as_u64()).sum();
    assert_eq!(counted, 2);
    assert!(!publisher.logs().contains("canary"), "{}", publisher.logs().text());
}
