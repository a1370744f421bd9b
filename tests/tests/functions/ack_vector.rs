//! The published webhook through ack, as it is and with every single bit of it damaged.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::events::{self, HttpAnswer};
use tests::webhook::{Headers, Vector};
use tests::{Function, deployed};

use crate::support::{Stand, cost, post};

const IV: &str = "X-Initialization-Vector";
const TAG: &str = "X-Authentication-Tag";

fn start(stand: &Stand, vector: &Vector) -> Function {
    let launch = stand.launch("ack");
    deployed::set_webhook_keys(&stand.aws, &[vector.key()]);
    launch.start().unwrap()
}

#[test]
fn the_published_webhook_is_acknowledged_byte_for_byte_and_queued() {
    let (stand, vector) = (Stand::new(), Vector::card_success());
    let ack = start(&stand, &vector);
    let invocation = ack.begin(events::http_webhook(&vector.headers(), &vector.body, false));
    let trace_id = invocation.trace_id().to_owned();
    let answer = HttpAnswer::of(&invocation.wait().unwrap());

    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(
        answer.body,
        r#"{"statusCode":"000","statusMsg":"Success","notificationID":"de64fbe2-0e6e-4d94-b50c-3dac491e76ff"}"#
    );
    assert_eq!(stand.cost(), cost([("sqs:SendMessage", 1)], 0), "an accepted webhook costs one message");

    let sent = &stand.aws.queued()[0];
    let mut message: Value = serde_json::from_str(&sent.body).unwrap();
    let received_at = message.as_object_mut().unwrap().remove("receivedAt").unwrap().as_u64().unwrap();
    assert!(received_at.abs_diff(events::now_ms()) < 60_000, "{received_at}");
    let expected = json!({
        "schemaVersion": 1,
        "kind": "notification",
        "transactionID": "8vfDedn6RvmEC3WNZTRm",
        "notificationID": "de64fbe2-0e6e-4d94-b50c-3dac491e76ff",
        "paymentStatus": "Success",
        "paymentMethod": "CARD",
        "paymentType": "PURS",
        "terminalId": "50994",
        "amount": {"value": "2.00", "currency": "EUR"},
        "returnCode": "000",
    });
    assert_eq!(message, expected, "what is known of the payment and nothing else");
    assert_eq!(sent.system_attributes["AWSTraceHeader"], json!({"DataType": "String", "StringValue": trace_id}));
    assert_eq!((sent.attributes.clone(), sent.delay_seconds), (json!({}), 0));
}

#[test]
fn every_damaged_bit_is_refused_and_costs_nothing() {
    let (stand, vector) = (Stand::new(), Vector::card_success());
    let ack = start(&stand, &vector);
    let (headers, body) = (vector.headers(), STANDARD.decode(&vector.body).unwrap());
    for damaged in damages(&body) {
        refuse(&ack, &headers, &STANDARD.encode(damaged));
    }
    for name in [IV, TAG] {
        let value = STANDARD.decode(header(&headers, name)).unwrap();
        for damaged in damages(&value) {
            refuse(&ack, &with(&headers, name, STANDARD.encode(damaged)), &vector.body);
        }
    }
    // However many are refused: the keys are read again once, in case they were rotated.
    assert_eq!(stand.cost(), cost([("secretsmanager:GetSecretValue", 1)], 0));
    assert_eq!(post(&ack, &headers, &vector.body).status, 200, "it is the damage that was refused");
}

/// A bit of the text itself: it is no Base64 any more, or Base64 of something else.
#[test]
fn every_damaged_character_is_refused() {
    let (stand, vector) = (Stand::new(), Vector::card_success());
    let ack = start(&stand, &vector);
    let headers = vector.headers();
    for name in [IV, TAG] {
        for damaged in damaged_texts(header(&headers, name)) {
            let answer = post(&ack, &with(&headers, name, damaged), &vector.body);
            assert!([400, 401].contains(&answer.status), "{answer:?}");
        }
    }
    // One bit of each character of the body, another one each time.
    for (position, damaged) in damaged_texts(&vector.body).into_iter().enumerate().step_by(8) {
        let answer = post(&ack, &headers, &damaged);
        assert!([400, 401].contains(&answer.status), "{position}: {answer:?}");
    }
    assert_eq!(stand.aws.count("sqs:SendMessage"), 0);
    assert!(stand.aws.count("secretsmanager:GetSecretValue") <= 1);
}

fn refuse(ack: &Function, headers: &Headers, body: &str) {
    let answer = post(ack, headers, body);
    assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"error":"unauthorised"}"#), "without a detail");
}

/// As many copies as there are bits, each with another one flipped.
fn damages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let flipped = |bit: usize| {
        let mut copy = bytes.to_vec();
        copy[bit / 8] ^= 1 << (bit % 8);
        copy
    };
    (0..bytes.len() * 8).map(flipped).collect()
}

/// The same of a text; a flipped highest bit makes no text, and no event can carry it.
fn damaged_texts(text: &str) -> Vec<String> {
    damages(text.as_bytes()).into_iter().filter_map(|bytes| String::from_utf8(bytes).ok()).collect()
}

fn header<'a>(headers: &'a Headers, name: &str) -> &'a str {
    headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str()).unwrap()
}

fn with(headers: &Headers, name: &str, value: String) -> Headers {
    let mut headers = headers.clone();
    headers.iter_mut().filter(|(other, _)| other == name).for_each(|(_, old)| old.clone_from(&value));
    headers
}
