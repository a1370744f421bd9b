//! What ack writes and the processor reads.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use spg_domain::{Message, MessageError, Payload, Registration};
use support::{at, facts, id, notification};

#[test]
fn what_is_written_reads_as_the_same() {
    let registration = Registration { payment_status: None, facts: facts() };
    for payload in [Payload::Notification(notification("n-1", "Success")), Payload::Registration(registration)] {
        let message = Message::new(Some(id()), payload, at(0));
        let json = message.to_json().unwrap();
        assert!(json.starts_with(r#"{"schemaVersion":1,"receivedAt":1780000000000,"transactionID":"t-1","kind":""#));
        assert_eq!(Message::parse(&json).unwrap(), message);
    }
}

#[test]
fn a_newer_version_is_told_from_what_can_never_be_read() {
    let newer = Message::parse(r#"{"schemaVersion":2,"receivedAt":"some day"}"#).unwrap_err();
    assert!(matches!(newer, MessageError::NewerSchema(2)));
    assert_eq!(newer.to_string(), "the message has schemaVersion 2, this version reads up to 1");
    let older = r#"{"schemaVersion":0,"receivedAt":1,"kind":"notification","notificationID":"n"}"#;
    assert_eq!(Message::parse(older).unwrap().transaction_id, None);
    for unreadable in ["", "{}", r#"{"schemaVersion":1}"#, r#"{"schemaVersion":-1}"#] {
        assert!(matches!(Message::parse(unreadable), Err(MessageError::Unreadable)), "{unreadable}");
    }
}

#[test]
fn nothing_of_an_unreadable_message_is_in_the_error() {
    let text = r#"{"schemaVersion":1,"receivedAt":1,"kind":"geheim","notificationID":"n"}"#;
    let error = Message::parse(text).unwrap_err();
    assert_eq!(format!("{error} {error:?}"), "the message cannot be read Unreadable");
}

#[test]
fn what_comes_in_by_json_keeps_to_the_bounds() {
    let text = |amount: &str, at: &str| {
        format!(
            r#"{{"schemaVersion":1,"receivedAt":{at},"kind":"notification","notificationID":"n","amount":{amount}}}"#
        )
    };
    let euro = r#"{"value":"1","currency":"EUR"}"#;
    let message = Message::parse(&text(euro, "18446744073709551615")).unwrap();
    assert_eq!(message.received_at.to_string(), "9999-12-31T23:59:59.999Z");
    assert!(Message::parse(&text(r#"{"value":"1","currency":"euros"}"#, "1")).is_err());
}
