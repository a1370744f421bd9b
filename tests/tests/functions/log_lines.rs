//! What is logged of a request and of a record: one line, with all that is not usual (docs/operate/monitoring.md, *Logs*).

use serde_json::{Value, json};
use tests::{Function, Reply, webhook};

use crate::support::{Stand, deliver, notification, payload, post, process, record, register, registration, says};

/// The lines that this did, without what differs from run to run.
fn logged(function: &Function, work: impl FnOnce()) -> Vec<Value> {
    let mark = function.logs().mark();
    work();
    let mut lines = function.logs().json_since(mark);
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        if line.contains_key("_aws") {
            line.retain(|name, _| name == "_aws");
            line["_aws"] = json!({});
            continue;
        }
        assert!(
            line.remove("timestamp").is_some() && line.remove("span").is_some_and(|it| it["requestId"].is_string())
        );
        for number in ["durationMs", "queryMs", "sequence"] {
            line.entry(number).and_modify(|value| {
                assert!(value.is_u64());
                *value = json!("ms");
            });
        }
    }
    lines
}

fn metrics() -> Value {
    json!({"_aws": {}})
}

#[test]
fn of_an_accepted_webhook_ack_logs_who_it_was_and_prints_no_metric() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let expected = json!({
        "level": "INFO", "message": "accepted", "notificationID": "n1", "transactionID": "t1", "paymentStatus": "Success",
        "durationMs": "ms",
    });
    assert_eq!(logged(&ack, || assert_eq!(deliver(&ack, &payload("t1", "n1", "Success")).status, 200)), [expected]);

    let mut declined = payload("t1", "n2", "Declined");
    declined["returnStatus"]["statusCode"] = json!("113");
    let lines = logged(&ack, || assert_eq!(deliver(&ack, &declined).status, 200));
    assert_eq!((lines.len(), &lines[0]["returnStatusCode"]), (1, &json!("113")));

    let lines = logged(&ack, || assert!(register(&ack, &registration("t1")).status < 300));
    assert_eq!(
        (lines.len(), &lines[0]["route"], &lines[0]["message"]),
        (1, &json!("registration"), &json!("accepted"))
    );
}

#[test]
fn of_a_rejected_webhook_ack_logs_why_and_counts_it() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let (headers, body) = webhook::encrypt(b"spg-webhooks somebody else's key", &payload("t1", "n1", "Success"));
    let mut lines = logged(&ack, || assert_eq!(post(&ack, &headers, &body).status, 401));
    let error = lines[0].as_object_mut().unwrap().remove("error");
    assert!(error.is_some_and(|error| error.as_str().is_some_and(|error| error.len() > 10)));
    let expected = json!({
        "level": "WARN", "message": "rejected", "route": "webhook", "httpStatus": 401, "reason": "NoKeyOpensIt", "durationMs": "ms",
    });
    assert_eq!(lines, [expected, metrics(), metrics()], "in all and by reason");
}

#[test]
fn the_one_answer_about_the_one_record_is_told_in_its_line() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.always("t1", says("t1", "Success"));
    let lines =
        logged(&processor, || assert!(process(&processor, &[record(&notification("t1", "n1", "Success"))]).is_empty()));
    let expected = json!({
        "level": "INFO", "message": "processed", "transactionID": "t1", "notificationID": "n1", "claimed": "Success",
        "disposition": "Claimed", "answered": "Success", "answer": "Finalised", "queryMs": "ms",
        "paymentStatus": "Success", "version": 1, "sequence": "ms",
    });
    assert_eq!(lines, [expected, metrics()]);

    stand.status_api.always("t2", Reply::text(503, ""));
    let unanswered =
        logged(&processor, || assert!(process(&processor, &[record(&notification("t2", "n1", "Success"))]).is_empty()));
    let told = ["answered", "answer", "httpStatus", "paymentStatus"].map(|name| &unanswered[0][name]);
    assert_eq!(told, [&json!("unavailable"), &json!("Unanswered"), &json!(503), &json!("Pending")]);
    assert!(unanswered[0]["problem"].is_string(), "{unanswered:#?}");

    let duplicate =
        logged(&processor, || assert!(process(&processor, &[record(&notification("t1", "n1", "Success"))]).is_empty()));
    let expected = json!({
        "level": "INFO", "message": "processed", "transactionID": "t1", "notificationID": "n1", "claimed": "Success",
        "disposition": "Duplicate",
    });
    assert_eq!(duplicate, [expected], "nothing was queried, and nothing is to be counted");
}

#[test]
fn an_answer_about_several_records_has_a_line_of_its_own() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.always("t1", says("t1", "Success"));
    let records = ["n1", "n2"].map(|id| record(&notification("t1", id, "Success")));
    let lines = logged(&processor, || assert!(process(&processor, &records).is_empty()));
    let answer = json!({
        "level": "INFO", "message": "status answer", "transactionID": "t1", "answered": "Success", "answer": "Finalised",
        "queryMs": "ms",
    });
    assert_eq!(lines[0], answer);
    assert_eq!(lines[1..3].iter().map(|it| &it["notificationID"]).collect::<Vec<_>>(), [&json!("n1"), &json!("n2")]);
    assert!(lines[1..3].iter().all(|it| it["message"] == "processed" && it.get("answer").is_none()), "{lines:#?}");
    assert_eq!(lines[3..], [metrics()]);
}
