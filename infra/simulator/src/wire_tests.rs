use super::*;
use crate::clock::{SimTime, default_epoch};
use crate::payment::{PaymentSpec, Status};
use crate::seed::Seed;

fn payment(kind: Kind, style: WireStyle) -> Payment {
    let spec = PaymentSpec::new(kind, 1590).style(style).transaction_id("s2bfw1g1P1siCSUjVPP8");
    Payment::create(spec, 1, Seed(1), SimTime::default())
}

#[test]
fn the_default_is_the_documented_sample() {
    let mut payment = payment(Kind::MbWay, WireStyle::default());
    payment.change(&Status::Success.into(), SimTime::default());
    let payload = notification(&payment, payment.truth(), "n-1", default_epoch());
    assert_eq!(
        payload,
        json!({
            "returnStatus": {"statusMsg": "Success", "statusCode": "000"},
            "paymentStatus": "Success",
            "paymentMethod": "MBWAY",
            "transactionID": "s2bfw1g1P1siCSUjVPP8",
            "transactionDateTime": "2026-03-12T10:00:00Z",
            "amount": {"currency": "EUR", "value": 15.9},
            "merchant": {
                "transactionId": payment.merchant_transaction_id,
                "terminalId": 50994,
                "merchantName": "MERCHANT DOT COM",
                "inApp": "false",
            },
            "paymentType": "PURS",
            "token": {"tokenType": "MobilePhone", "value": payment.phone},
            "internalTransactionId": payment.internal_transaction_id,
            "notificationID": "n-1",
        })
    );
}

#[test]
fn types_vary() {
    let style = WireStyle {
        amount: NumberStyle::String,
        terminal: NumberStyle::String,
        date: DateStyle::MillisecondsAndSpace,
        unknown_blocks: true,
        customer: true,
        minimal_answers: true,
    };
    let payment = payment(Kind::Card, style);
    let payload = notification(&payment, payment.truth(), "n-1", default_epoch());
    assert_eq!(payload["amount"]["value"], "15.90");
    assert_eq!(payload["merchant"]["terminalId"], "50994");
    assert_eq!(payload["transactionDateTime"], "2026-03-12T10:00:00.127Z ");
    assert!(payload["blockOfTheFuture"].is_object() && payload["customer"].is_object());
    let answer = status_answer(&payment, payment.truth());
    assert_eq!(answer.as_object().unwrap().len(), 2, "minimal: {answer}");
}

#[test]
fn an_answer_names_the_order_differently_and_has_no_notification() {
    let payment = payment(Kind::Reference, WireStyle::default());
    let answer = status_answer(&payment, payment.truth());
    assert_eq!(answer["merchant"]["merchantTransactionId"], payment.merchant_transaction_id);
    assert!(answer["merchant"].get("transactionId").is_none());
    assert!(answer.get("notificationID").is_none() && answer.get("transactionDateTime").is_none());
    assert_eq!(answer["paymentReference"]["status"], "UNPAID");
    assert!(answer["returnStatus"]["statusDescription"].is_string());
}

#[test]
fn a_registration_is_the_initial_response() {
    let mut payment = payment(Kind::MbWay, WireStyle::default());
    payment.change(&Status::Success.into(), SimTime::default());
    assert_eq!(
        registration(&payment),
        json!({
            "transactionID": "s2bfw1g1P1siCSUjVPP8",
            "paymentStatus": "Pending",
            "merchantTransactionId": payment.merchant_transaction_id,
            "terminalId": "50994",
            "paymentMethod": "MBWAY",
            "paymentType": "PURS",
            "amount": {"value": "15.90", "currency": "EUR"},
        })
    );
}

#[test]
fn merging_replaces_adds_and_removes() {
    let mut target = json!({"a": 1, "b": {"c": 2, "d": 3}});
    merge(&mut target, &json!({"a": null, "b": {"c": 9}, "e": {"f": 1}}));
    assert_eq!(target, json!({"b": {"c": 9, "d": 3}, "e": {"f": 1}}));
}
