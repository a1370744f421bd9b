//! ack's table of answers: what comes in, what is answered, and what it cost.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tests::events::{self, HttpAnswer};
use tests::webhook::{self, Headers, KEY};
use tests::{Fault, Function, Gate};

use crate::support::{Stand, cost, deliver, payload, post, register};

const BODY_BYTES_MAX: usize = 256 * 1024;

fn answered(ack: &Function, event: Value) -> HttpAnswer {
    HttpAnswer::of(&ack.invoke(event).unwrap())
}

/// Posts and expects a refusal with this status that explains itself in so many words.
fn refused(ack: &Function, headers: &Headers, body: &str, status: u16, error: &str) {
    let answer = post(ack, headers, body);
    assert_eq!((answer.status, answer.json()), (status, json!({ "error": error })));
    assert_eq!(answer.headers["content-type"], "application/json");
}

fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(other, _)| other != name).cloned().collect()
}

fn with(headers: &Headers, name: &str, value: &str) -> Headers {
    let mut headers = without(headers, name);
    headers.push((name.to_owned(), value.to_owned()));
    headers
}

fn queued(stand: &Stand) -> Vec<Value> {
    stand.aws.queued().iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
}

#[test]
fn only_post_and_only_its_routes() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let (headers, body) = webhook::encrypt(&KEY, &payload("t1", "n1", "Success"));
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let answer = answered(&ack, events::http(method, "/webhook", &headers, &body, false));
        assert_eq!((answer.status, &answer.headers["allow"]), (405, &json!("POST")), "{method}");
    }
    assert_eq!(answered(&ack, events::http("POST", "/other", &headers, &body, false)).status, 404);
    assert_eq!(answered(&ack, events::http("GET", "/", &headers, "", false)).status, 404);
    // No route of the API has asked for a signature.
    let mut unsigned = events::http("POST", "/transactions", &[], r#"{"transactionID":"t1"}"#, false);
    unsigned["requestContext"]["routeKey"] = json!("$default");
    assert_eq!(answered(&ack, unsigned).status, 404);
    assert_eq!(answered(&ack, json!({})).status, 404, "an event of something else");
    assert_eq!(stand.cost(), cost([], 0));
}

#[test]
fn an_answer_as_the_http_api_gets_it() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let answer = ack.invoke(events::http("GET", "/webhook", &[], "", false)).unwrap();
    let expected = json!({
        "statusCode": 405,
        "headers": {"content-type": "application/json", "allow": "POST"},
        "multiValueHeaders": {},
        "cookies": [],
        "body": r#"{"error":"only POST is allowed"}"#,
        "isBase64Encoded": false,
    });
    assert_eq!(answer, expected);
}

/// What `lambda_http` alone fails on (docs/adr/0014-ack-on-lambda-http.md): the webhook in it is taken all the same.
#[test]
fn what_a_webhook_does_not_need_cannot_hinder_it() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let (headers, body) = webhook::encrypt(&KEY, &payload("t1", "n1", "Success"));
    let odd = [
        ("/rawQueryString", json!("?<")),
        ("/rawQueryString", json!("a b&\u{e9}")),
        ("/headers/host", json!("a b")),
        ("/headers/host", json!("\u{fc}.example")),
        ("/headers/host", json!("[")),
        ("/headers/user-agent", json!("a\u{1}b")),
        ("/headers/user-agent", json!(["a", 5])),
        ("/headers/x-forwarded-proto", json!("h t")),
        ("/rawPath", json!("")),
        ("/rawPath", json!(":99999")),
        ("/rawPath", json!({})),
        ("/rawPath", json!(format!("/{}", "x".repeat(70_000)))),
        ("/version", json!(1.0)),
        ("/requestContext/stage", json!("\u{0} \u{e9}?#")),
        ("/requestContext/domainName", json!("a b")),
        ("/requestContext/http/method", json!("PO ST")),
        ("/requestContext/http/path", json!("")),
        ("/requestContext/http", json!(5)),
        ("/requestContext/authorizer", json!("text")),
        ("/requestContext/timeEpoch", json!("never")),
    ];
    let times = odd.len() + 1;
    for (place, value) in odd {
        let mut event = events::http_webhook(&headers, &body, false);
        let (parent, name) = place.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[name] = value.clone();
        let answer = answered(&ack, event);
        assert_eq!((answer.status, &answer.json()["notificationID"]), (200, &json!("n1")), "{place} {value}");
    }
    let mut many = events::http_webhook(&headers, &body, false);
    for number in 0..40_000 {
        many["headers"][format!("x-{number}")] = json!("");
    }
    assert_eq!(answered(&ack, many).status, 200);
    assert_eq!(stand.cost(), cost([("sqs:SendMessage", times)], 0));
}

#[test]
fn no_event_makes_the_function_fail() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let (headers, body) = webhook::encrypt(&KEY, &payload("t1", "n1", "Success"));
    let with = |place: &str, value: Value| {
        let mut event = events::http_webhook(&headers, &body, false);
        *event.pointer_mut(place).unwrap() = value;
        event
    };
    let mut not_base64 = events::http_webhook(&headers, "!", false);
    not_base64["isBase64Encoded"] = json!(true);
    let mut by_path = with("/rawPath", json!("/other"));
    by_path["routeKey"] = json!(5);
    by_path["requestContext"] = json!({"stage": " ", "http": {"method": "POST", "path": {}}});
    let malformed = [
        (not_base64, 400, "the body is not Base64, although it is marked as such"),
        (with("/headers", json!(5)), 400, "X-Initialization-Vector is absent"),
        (with("/headers/x-initialization-vector", json!(5)), 400, "X-Initialization-Vector is absent"),
        (with("/headers/x-initialization-vector", json!("AA\u{1}A")), 400, "X-Initialization-Vector is not Base64"),
        (with("/headers/x-authentication-tag", json!("AA\u{e9}A")), 400, "X-Authentication-Tag is not Base64"),
        (with("/body", json!({"a": [1]})), 400, "the body is empty"),
        (by_path, 404, "nothing is here"),
        (json!({"requestContext": {"http": {"method": "\u{1}", "path": "/webhook"}}}), 405, "only POST is allowed"),
        (json!({"requestContext": {"http": 5}, "rawPath": "/webhook"}), 405, "only POST is allowed"),
        (json!({"requestContext": []}), 404, "nothing is here"),
        (json!([]), 404, "nothing is here"),
        (json!("text"), 404, "nothing is here"),
        (Value::Null, 404, "nothing is here"),
    ];
    for (event, status, error) in malformed {
        let answer = answered(&ack, event.clone());
        assert_eq!((answer.status, answer.json()), (status, json!({ "error": error })), "{event}");
    }
    let unsigned = json!({
        "rawPath": "/transactions",
        "requestContext": {"http": {"method": "POST"}, "authorizer": {"iam": 5}},
        "body": r#"{"transactionID":"t1"}"#,
    });
    assert_eq!(answered(&ack, unsigned).status, 404);
    assert!(!ack.logs().contains("panicked"), "{}", ack.logs().text());
    assert_eq!(stand.cost(), cost([], 0), "nothing is sent, read or asked");
}

#[test]
fn what_is_no_webhook_is_told_so() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let (headers, body) = webhook::encrypt(&KEY, &payload("t1", "n1", "Success"));
    let (iv, tag) = ("X-Initialization-Vector", "X-Authentication-Tag");
    refused(&ack, &headers, "", 400, "the body is empty");
    refused(&ack, &headers, " \r\n\t ", 400, "the body is empty");
    for name in [iv, tag] {
        refused(&ack, &without(&headers, name), &body, 400, &format!("{name} is absent"));
        refused(&ack, &with(&headers, name, "  "), &body, 400, &format!("{name} is absent"));
        refused(&ack, &with(&headers, name, "not Base64!"), &body, 400, &format!("{name} is not Base64"));
        refused(&ack, &with(&headers, name, "YWJj"), &body, 400, &format!("{name} has the wrong length"));
    }
    // There is no plaintext mode.
    let plaintext = payload("t1", "n1", "Success").to_string();
    refused(&ack, &headers, &plaintext, 400, "the body is not Base64");
    refused(&ack, &with(&headers, "Content-Type", "application/json"), &plaintext, 400, "the body is not Base64");
    let mut broken = events::http_webhook(&headers, &body, false);
    broken["isBase64Encoded"] = json!(true);
    broken["body"] = json!("!");
    assert_eq!(answered(&ack, broken).status, 400);
    assert_eq!(stand.cost(), cost([], 0), "nothing is sent, read or asked");
}

#[test]
fn a_body_may_have_256_kib() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let (headers, _) = webhook::encrypt(&KEY, &json!({}));
    refused(&ack, &headers, &"A".repeat(BODY_BYTES_MAX + 1), 413, "the body has more than 262144 bytes");
    let mut large = payload("t1", "n1", "Success");
    // Base64 takes four characters for three bytes.
    large["unknown"] = json!("x".repeat(BODY_BYTES_MAX / 4 * 3 - large.to_string().len() - 16));
    let (headers, body) = webhook::encrypt(&KEY, &large);
    assert!((BODY_BYTES_MAX - 32..=BODY_BYTES_MAX).contains(&body.len()), "{}", body.len());
    assert_eq!(post(&ack, &headers, &body).status, 200);
    let message = &stand.aws.queued()[0].body;
    assert!(message.len() < 1024, "{message}");
}

#[test]
fn a_forged_webhook_learns_nothing() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let (headers, body) = webhook::encrypt(b"spg-webhooks somebody else's key", &payload("t1", "n1", "Success"));
    refused(&ack, &headers, &body, 401, "unauthorised");
    let (other, _) = webhook::encrypt(&KEY, &payload("t1", "n1", "Success"));
    let (_, body) = webhook::encrypt(&KEY, &payload("t1", "n1", "Declined"));
    refused(&ack, &other, &body, 401, "unauthorised");
    assert_eq!(stand.cost(), cost([("secretsmanager:GetSecretValue", 1)], 0));
}

#[test]
fn an_authentic_payload_without_a_notification_id_is_unprocessable() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    for plaintext in ["", "not JSON", "[]", "\"text\"", "{\"notificationID\":", "\u{feff}{}"] {
        let (headers, body) = webhook::encrypt_bytes(&KEY, plaintext.as_bytes());
        // Without a plaintext there is no ciphertext either.
        let status = if plaintext.is_empty() { 400 } else { 422 };
        assert_eq!(post(&ack, &headers, &body).status, status, "{plaintext}");
    }
    for id in [Value::Null, json!(""), json!({}), json!([]), json!(true), json!("x".repeat(257))] {
        let mut payload = payload("t-without-id", "n1", "Success");
        payload["notificationID"] = id.clone();
        let answer = deliver(&ack, &payload);
        assert_eq!((answer.status, answer.body.contains("no notificationID")), (422, true), "{id}");
    }
    assert_eq!(stand.cost(), cost([], 0));
    assert!(ack.logs().contains("t-without-id"), "people can find the payment");
    let alarmed = ack.logs().metrics().iter().filter(|line| line.get("Unprocessable").is_some()).count();
    assert_eq!(alarmed, 11);
}

#[test]
fn identifiers_are_opaque() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    for id in [" n 1 ", "n\"1\\", "é#/?%", "日本", "x".repeat(256).as_str(), "{}"] {
        let answer = deliver(&ack, &payload(id, id, "Pending"));
        assert_eq!((answer.status, &answer.json()["notificationID"]), (200, &json!(id)));
        let message = queued(&stand).pop().unwrap();
        assert_eq!((&message["notificationID"], &message["transactionID"]), (&json!(id), &json!(id)));
    }
}

#[test]
fn without_a_usable_transaction_id_it_is_acknowledged_and_kept_for_people() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    for id in [Value::Null, json!(""), json!({"a": 1}), json!("x".repeat(257))] {
        let mut payload = payload("t1", "n1", "Success");
        payload["transactionID"] = id.clone();
        let answer = deliver(&ack, &payload);
        assert_eq!((answer.status, &answer.json()["notificationID"]), (200, &json!("n1")), "{id}");
        let message = queued(&stand).pop().unwrap();
        assert_eq!((message.get("transactionID"), &message["notificationID"]), (None, &json!("n1")), "{id}");
    }
    assert_eq!(stand.cost(), cost([("sqs:SendMessage", 4)], 0));
}

#[test]
fn malformed_optional_fields_are_dropped_and_the_rest_goes_on() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let mut payload = payload("t1", "n1", "Success");
    payload["amount"] = json!({"value": "canary-amount", "currency": "EUR"});
    payload["paymentMethod"] = json!({"canary": "method"});
    payload["paymentType"] = json!("x".repeat(129));
    payload["transactionDateTime"] = json!("canary-date");
    payload["merchant"] = json!("canary-merchant");
    payload["returnStatus"] = json!(["canary"]);
    payload["newBlock"] = json!({"deep": [[[{"canary": 1}]]]});
    assert_eq!(deliver(&ack, &payload).status, 200);
    let mut message = queued(&stand).pop().unwrap();
    message.as_object_mut().unwrap().remove("receivedAt");
    let expected = json!({
        "schemaVersion": 1, "kind": "notification", "transactionID": "t1", "notificationID": "n1",
        "paymentStatus": "Success",
    });
    assert_eq!(message, expected);
    let line = ack.logs().json().into_iter().find(|line| line["message"] == "accepted").unwrap();
    let dropped: Vec<&str> = line["droppedFields"].as_str().unwrap().split(',').collect();
    for field in ["amount", "paymentMethod", "paymentType", "transactionDateTime", "merchant", "returnStatus"] {
        assert!(dropped.contains(&field), "{field}: {line}");
    }
    let counted = ack.logs().metrics().iter().filter(|line| line.get("DroppedFields").is_some()).count();
    assert!(counted > 1, "in all and by field");
    assert!(!ack.logs().contains("canary"), "{}", ack.logs().text());
}

#[test]
fn every_way_of_sending_the_same_webhook_is_taken() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let (headers, body) = webhook::encrypt(&KEY, &payload("t1", "n1", "Success"));
    let padded = format!(" \r\n{body}\n ");
    let (iv, tag) = (&headers[1].1, &headers[2].1);
    let spaced: Headers = with(
        &with(&headers, "X-Initialization-Vector", &format!(" {iv}\t")),
        "X-Authentication-Tag",
        &format!("{tag} "),
    );
    let mut upper = events::http_webhook(&headers, &body, false);
    let names: Map<String, Value> = upper["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.to_uppercase(), value.clone()))
        .collect();
    upper["headers"] = Value::Object(names);
    let ways = [
        events::http_webhook(&headers, &body, false),
        events::http_webhook(&headers, &body, true),
        events::http_webhook(&headers, &padded, false),
        events::http_webhook(&headers, &padded, true),
        events::http_webhook(&spaced, &body, false),
        events::http_webhook(&with(&headers, "Content-Type", "application/json"), &body, false),
        events::http_webhook(&with(&headers, "Content-Type", "application/octet-stream"), &body, true),
        events::http_webhook(&without(&headers, "Content-Type"), &body, false),
        upper,
    ];
    let times = ways.len();
    for event in ways {
        let answer = answered(&ack, event.clone());
        assert_eq!((answer.status, &answer.json()["notificationID"]), (200, &json!("n1")), "{event}");
    }
    assert_eq!(stand.cost(), cost([("sqs:SendMessage", times)], 0));
}

#[test]
fn the_status_code_of_the_acknowledgement_is_a_parameter() {
    let stand = Stand::new();
    let ack = stand.launch("ack").env("ACK_STATUS_CODE", "200").start().unwrap();
    let answer = deliver(&ack, &payload("t1", "n1", "Declined"));
    assert_eq!(answer.body, r#"{"statusCode":"200","statusMsg":"Success","notificationID":"n1"}"#);
}

#[test]
fn registrations_are_queued_and_wrong_ones_told_what_is_wrong() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let body = json!({
        "transactionID": "t1", "paymentStatus": "Pending", "merchantTransactionId": "order-1", "terminalId": 50994,
        "paymentMethod": "MBWAY", "paymentType": "PURS", "amount": {"value": 15.9, "currency": "EUR"},
        "customer": {"name": "canary"},
    });
    let answer = register(&ack, &body);
    assert_eq!((answer.status, answer.body.as_str()), (202, r#"{"transactionID":"t1"}"#));
    let mut message = queued(&stand).pop().unwrap();
    message.as_object_mut().unwrap().remove("receivedAt");
    let expected = json!({
        "schemaVersion": 1, "kind": "registration", "transactionID": "t1", "paymentStatus": "Pending",
        "merchantTransactionId": "order-1", "terminalId": "50994", "paymentMethod": "MBWAY", "paymentType": "PURS",
        "amount": {"value": "15.90", "currency": "EUR"},
    });
    assert_eq!(message, expected);
    assert_eq!(register(&ack, &json!({"transactionID": "t2"})).status, 202);
    assert_eq!(stand.cost(), cost([("sqs:SendMessage", 2)], 0));

    stand.reset();
    let wrong = [
        (json!("text"), "not a JSON object"),
        (json!({}), "transactionID is missing"),
        (json!({"transactionID": ""}), "transactionID cannot be read"),
        (json!({"transactionID": "x".repeat(257)}), "transactionID cannot be read"),
        (json!({"transactionID": "t1", "amount": "15.9"}), "amount cannot be read"),
        (json!({"transactionID": "t1", "amount": {"value": "canary", "currency": "EUR"}}), "amount.value"),
        (json!({"transactionID": "t1", "amount": {"value": "1"}}), "amount.currency is missing"),
        (json!({"transactionID": "t1", "terminalId": {}}), "terminalId cannot be read"),
        (json!({"transactionID": "t1", "paymentStatus": true}), "paymentStatus cannot be read"),
    ];
    for (body, expected) in wrong {
        let answer = register(&ack, &body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.body.contains(expected) && !answer.body.contains("canary"), "{body}: {}", answer.body);
    }
    let empty = answered(&ack, events::http("POST", "/transactions", &[], "", false));
    assert_eq!(empty.status, 400);
    assert_eq!(stand.cost(), cost([], 0));
}

#[test]
fn a_queue_that_refuses_or_is_slow_lets_spg_try_again() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let once = stand.aws.inject(Fault::on("sqs:SendMessage").first(1).error(500, "InternalFailure"));
    assert_eq!(deliver(&ack, &payload("t1", "n1", "Success")).status, 200, "one hiccup is bridged");
    assert_eq!((once.hits(), stand.aws.queued().len()), (1, 1));

    stand.reset();
    stand.aws.inject(Fault::on("sqs:SendMessage").error(403, "AccessDeniedException"));
    for answer in [deliver(&ack, &payload("t1", "n1", "Success")), register(&ack, &json!({"transactionID": "t1"}))] {
        assert_eq!((answer.status, answer.json()), (503, json!({"error": "it cannot be taken at the moment"})));
    }
    stand.aws.clear_faults();
    let gate = Gate::new();
    stand.aws.inject(Fault::on("sqs:SendMessage").held(&gate));
    let started = Instant::now();
    assert_eq!(deliver(&ack, &payload("t1", "n1", "Success")).status, 503);
    assert!(started.elapsed() < Duration::from_secs(5), "well before the sender's patience ends");
    let (headers, body) = webhook::encrypt(&KEY, &payload("t1", "n1", "Success"));
    let hurried = ack.invoke_within(events::http_webhook(&headers, &body, false), Duration::from_secs(1));
    assert_eq!(HttpAnswer::of(&hurried.unwrap()).status, 503, "the deadline is kept");
    gate.open();
    stand.aws.clear_faults();
    assert_eq!(deliver(&ack, &payload("t1", "n1", "Success")).status, 200);
}
