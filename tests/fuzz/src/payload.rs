//! The payload of an authentic webhook, and the registration, which has its shape.

use std::collections::BTreeSet;

use serde_json::Value;
use spg_domain::{Message, NotificationId, Payload, PaymentStatus, ReferenceStatus};
use spg_gateway::registration::{REGISTRATION_BYTES_MAX, RegistrationError, parse_registration};
use spg_gateway::webhook::{Parsed, PayloadError, parse_notification};

use crate::input::{object, raw_object, text};
use crate::message::comes_back;
use crate::{amounts, decision};

/// The only blocks that are looked into: nothing else of a payload may change what is read of it.
const KNOWN: [&str; 10] = [
    "returnStatus",
    "paymentStatus",
    "paymentMethod",
    "paymentType",
    "transactionID",
    "notificationID",
    "transactionDateTime",
    "amount",
    "merchant",
    "paymentReference",
];
const DROPPED: [&str; 15] = [
    "transactionID",
    "notificationID",
    "paymentStatus",
    "merchant",
    "merchant.merchantTransactionId",
    "merchant.transactionId",
    "merchant.terminalId",
    "paymentMethod",
    "paymentType",
    "amount",
    "paymentReference",
    "paymentReference.status",
    "transactionDateTime",
    "returnStatus",
    "returnStatus.statusCode",
];

pub fn payload(data: &[u8]) {
    notification(data);
    registration(data);
}

fn notification(data: &[u8]) {
    let fields = object(data);
    let parsed = match parse_notification(data) {
        Ok(parsed) => parsed,
        Err(error @ PayloadError::NotJson) => {
            assert!(fields.is_none(), "an object was refused");
            return assert_eq!(error.to_string(), "the payload is not a JSON object");
        }
        Err(error @ PayloadError::NotificationId { .. }) => {
            let id = fields.and_then(|fields| text(fields.get("notificationID")?));
            assert!(id.is_none_or(|id| NotificationId::new(id).is_err()), "a notificationID was refused");
            return assert_eq!(error.to_string(), "the payload has no notificationID of 1 to 256 bytes");
        }
    };
    if let Some(fields) = fields {
        is_as_written(&fields, &parsed);
    }
    amounts::is_as_written(data, parsed.notification.facts.amount.as_ref());
    assert!(parsed.dropped.iter().all(|name| DROPPED.contains(name)), "{:?}", parsed.dropped);
    assert_eq!(parsed.dropped.iter().collect::<BTreeSet<_>>().len(), parsed.dropped.len(), "{:?}", parsed.dropped);
    unknown_blocks_change_nothing(data, &parsed);

    let payload = Payload::Notification(parsed.notification);
    comes_back(&Message::new(parsed.transaction_id, payload.clone(), decision::now()));
    let evidence = decision::evidence(payload, decision::now());
    decision::apply(None, &[&evidence, &evidence]);
}

/// Against a second reading of the same JSON.
fn is_as_written(fields: &serde_json::Map<String, Value>, parsed: &Parsed) {
    let notification = &parsed.notification;
    let written = |name| fields.get(name).and_then(text);
    if let Some(id) = written("notificationID") {
        assert_eq!(notification.notification_id.as_str(), id);
    }
    if let Some(id) = written("transactionID").filter(|id| (1..=256).contains(&id.len())) {
        assert_eq!(parsed.transaction_id.as_ref().map(|id| id.as_str()), Some(id.as_str()));
    }
    if let Some(Value::String(status)) = fields.get("paymentStatus") {
        assert_eq!(notification.payment_status, PaymentStatus::parse(status.trim()).ok());
    }
    // Whatever else a reference says or fails to say, only `PAID` is paid.
    let reference = fields.get("paymentReference").filter(|reference| !reference.is_null());
    let paid = reference.map(|reference| reference["status"].as_str().is_some_and(|status| status.trim() == "PAID"));
    let paid = paid.map(|paid| if paid { ReferenceStatus::Paid } else { ReferenceStatus::Unpaid });
    assert_eq!(notification.facts.reference_status, paid);
}

/// Tokens, cards, phones and customers are in blocks that are not looked into.
fn unknown_blocks_change_nothing(data: &[u8], parsed: &Parsed) {
    let Some(mut fields) = raw_object(data) else { return };
    fields.retain(|name, _| KNOWN.contains(&name.as_ref()));
    let known = serde_json::to_vec(&fields).expect("raw JSON can be written");
    assert_eq!(parse_notification(&known).as_ref(), Ok(parsed));
}

fn registration(data: &[u8]) {
    match parse_registration(data) {
        Ok((id, registration)) => {
            assert!(data.len() <= REGISTRATION_BYTES_MAX);
            amounts::is_as_written(data, registration.facts.amount.as_ref());
            let payload = Payload::Registration(registration);
            comes_back(&Message::new(Some(id), payload.clone(), decision::now()));
            let evidence = decision::evidence(payload, decision::now());
            let registered = decision::apply(None, &[&evidence, &evidence]).expect("a registration opens");
            assert!(registered.status().as_final().is_none(), "a registration changes no status");
        }
        Err(RegistrationError::TooLarge) => assert!(data.len() > REGISTRATION_BYTES_MAX),
        Err(RegistrationError::NotJson) => assert!(object(data).is_none(), "an object was refused"),
        // Both name one of our own fields, in words that are fixed when this is compiled.
        Err(RegistrationError::Missing { .. } | RegistrationError::Malformed { .. }) => {}
    }
}
