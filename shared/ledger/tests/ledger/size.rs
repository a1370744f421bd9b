//! The usual item stays under 1 KB: one write unit.

use std::collections::HashMap;

use serde_dynamo::AttributeValue;
use spg_domain::{
    Amount, Decision, Evidence, Facts, Notification, NotificationId, PaymentStatus, Registration, Rules, ShortText,
    StatusAnswer,
};
use spg_ledger::to_item;

use crate::stand::{at, id};

const USUAL_BYTES_MAX: usize = 1024;

#[test]
fn a_registered_card_payment_with_two_notifications_and_its_answer() {
    let short_text = |text: &str| ShortText::new(text).ok();
    let facts = Facts {
        merchant_transaction_id: short_text("Order 2026-03-12/000482"),
        terminal_id: short_text("50994"),
        payment_method: short_text("CARD"),
        payment_type: short_text("PURS"),
        amount: Amount::parse("115.90", "EUR").ok(),
        reference_status: None,
        transaction_date_time: Some(at(0)),
    };
    let status = |text: &str| PaymentStatus::parse(text).unwrap();
    let notification = |id: &str, claim: &str| Evidence::Notification {
        notification: Notification {
            notification_id: NotificationId::new(id).unwrap(),
            payment_status: Some(status(claim)),
            facts: facts.clone(),
            return_code: short_text("000"),
        },
        received_at: at(30),
    };
    let registration = Registration { payment_status: Some(status("Pending")), facts: facts.clone() };
    let answer = StatusAnswer { payment_status: status("Success"), transaction_id: None, facts: facts.clone() };
    let evidence = [
        Evidence::Registration { registration, received_at: at(0) },
        notification("8f14e45f-ceea-467f-a9f1-2a3b4c5d6e7f", "InProcessing"),
        notification("c9f0f895-fb98-4b91-99f5-1e2d3c4b5a69", "Success"),
        Evidence::Answer { answer, queried_version: 2 },
    ];
    let rules = Rules::default();
    let mut stored = None;
    for piece in &evidence {
        let mut decision = Decision::new(id("s2bfw1g1P1siCSUjVPP8"), stored, &rules);
        decision.apply(piece, at(60));
        stored = Some(decision.into_write().unwrap().transaction);
    }
    let item = to_item(&stored.unwrap());
    let bytes = item_bytes(item.inner());
    assert!(bytes < USUAL_BYTES_MAX, "{bytes} bytes: {item:#?}");
}

/// DynamoDB's rules: names and text in UTF-8; a number one byte and one more for two digits; a map or a list three bytes and
/// one for each entry.
fn item_bytes(attributes: &HashMap<String, AttributeValue>) -> usize {
    attributes.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => 1 + digits.trim_matches('0').len().div_ceil(2),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::M(members) => 3 + members.len() + item_bytes(members),
        AttributeValue::L(entries) => 3 + entries.len() + entries.iter().map(value_bytes).sum::<usize>(),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Bs(values) => values.iter().map(Vec::len).sum(),
    }
}
