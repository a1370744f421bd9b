//! Whatever comes in: no panic, and nothing personal in what can be printed.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use spg_gateway::registration::parse_registration;
use spg_gateway::webhook::{WebhookKeys, open, parse_notification};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The names that are looked for, so that what is drawn is more than unknown fields.
const NAMES: [&str; 16] = [
    "notificationID",
    "transactionID",
    "paymentStatus",
    "paymentMethod",
    "paymentType",
    "transactionDateTime",
    "returnStatus",
    "statusCode",
    "amount",
    "value",
    "currency",
    "merchant",
    "terminalId",
    "transactionId",
    "paymentReference",
    "status",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(vec!["EUR", "15.90", "PAID", "Success", "2022-11-11T16:18:53.127Z "])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from), object(inner),]
    })
}

fn object(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = proptest::sample::select(&NAMES[..]).prop_map(str::to_owned);
    proptest::collection::vec((name, values), 0..8).prop_map(|fields| Value::from(Map::from_iter(fields)))
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse_notification(&bytes);
        let _ = parse_registration(&bytes);
        let _ = WebhookKeys::parse(&String::from_utf8_lossy(&bytes));
        let keys = WebhookKeys::parse(KEY).unwrap();
        prop_assert!(open(&bytes, Some(&bytes), Some(&bytes), &keys).is_err());
    }

    #[test]
    fn arbitrary_json(payload in object(any_json())) {
        let text = payload.to_string();
        let _ = parse_registration(text.as_bytes());
        if let Ok(parsed) = parse_notification(text.as_bytes()) {
            // What is read can be written to the queue and read back.
            let json = serde_json::to_string(&parsed.notification).unwrap();
            let read: spg_domain::Notification = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, parsed.notification);
        }
    }

    #[test]
    fn arbitrary_text_around_the_names(payload in r#"\{("(notificationID|amount|merchant)":[ "{}\[\]a0-9.,eE+\\-]{0,12},?){0,4}\}"#) {
        let _ = parse_notification(payload.as_bytes());
        let _ = parse_registration(payload.as_bytes());
    }
}

#[test]
fn nothing_personal_can_be_printed() {
    let canary = "912345678";
    let payload = json!({
        "notificationID": "n", "transactionID": "t", "paymentStatus": "Success", "paymentMethod": "MBWAY",
        "returnStatus": {"statusCode": "000", "statusMsg": canary, "statusDescription": canary},
        "amount": {"value": "1", "currency": "EUR", "note": canary},
        "merchant": {"terminalId": 1, "merchantName": canary},
        "token": {"tokenType": "MobilePhone", "value": format!("351#{canary}"), "maskedPAN": canary},
        "customer": {"customerInfo": {"customerName": canary, "customerEmail": canary}},
        "paymentReference": {"reference": canary, "entity": canary, "status": "PAID"},
        "mbwayMandate": {"aliasMBWAY": canary}, "threeDSecure": {"x": canary}, canary: canary,
    });
    let parsed = parse_notification(payload.to_string().as_bytes()).unwrap();
    let printed = format!("{parsed:?} {}", serde_json::to_string(&parsed.notification).unwrap());
    assert!(!printed.contains(canary), "{printed}");

    let mut payload = payload;
    payload["notificationID"] = json!({ "x": canary });
    let error = parse_notification(payload.to_string().as_bytes()).unwrap_err();
    let body = format!(r#"{{"transactionID":"t","paymentStatus":["{canary}"]}}"#);
    let refused = parse_registration(body.as_bytes()).unwrap_err();
    let keys = WebhookKeys::parse(KEY).unwrap();
    let secret = WebhookKeys::parse(&format!(r#"{{"keys":["{canary}"]}}"#)).unwrap_err();
    let printed = format!("{error:?} {error} {refused:?} {refused} {keys:?} {secret:?} {secret}");
    assert!(!printed.contains(canary) && !printed.contains("AAAA"), "{printed}");
}
