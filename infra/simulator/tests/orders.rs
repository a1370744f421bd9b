//! Payments that a merchant orders over HTTP, from the checkout to the last webhook.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Merchant, eventually, queried_status, start};
use serde_json::{Value, json};
use spg_simulator::{Bodies, Config, Ending, Simulator};

/// Days of a reference pass in a second.
const FAST: u32 = 200_000;
const WHEN: &str = "2026-03-12T10:00:00.000Z";

fn config(bodies: Bodies) -> Config {
    Config { time_scale: FAST, bodies, ..Config::default() }
}

async fn post(spg: &Simulator, path: &str, authorisation: &str, client_id: &str, body: &Value) -> (u16, Value) {
    let response = reqwest::Client::new()
        .post(format!("{}/payments{path}", spg.status_api_url()))
        .header("Authorization", authorisation)
        .header("X-IBM-Client-Id", client_id)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

/// With the merchant's own token.
async fn order(spg: &Simulator, path: &str, body: &Value) -> (u16, Value) {
    post(spg, path, "Bearer simulated-token", "simulated-client", body).await
}

fn checkout(payment_type: &str, method: &str, value: Value) -> Value {
    json!({
        "merchant": {"terminalId": 50994, "channel": "web", "merchantTransactionId": "order-1"},
        "transaction": {
            "transactionTimestamp": WHEN, "description": "an order", "moto": false, "paymentType": payment_type,
            "amount": {"value": value, "currency": "EUR"}, "paymentMethod": [method],
            "paymentReference": {"initialDatetime": WHEN, "finalDatetime": WHEN},
        },
    })
}

fn operation(id: &str, value: Value) -> Value {
    json!({
        "merchant": {"terminalId": "50994", "channel": "web", "merchantTransactionId": "operation-1"},
        "transaction": {
            "transactionTimestamp": WHEN, "description": "an operation", "amount": {"value": value, "currency": "EUR"},
            "originalTransaction": {"id": id, "datetime": WHEN},
        },
    })
}

fn card(number: &str) -> Value {
    json!({"cardInfo": {"PAN": number, "secureCode": "1", "validationDate": WHEN, "cardholderName": "A"}})
}

/// Orders and pays; returns the transactionID.
async fn pay(spg: &Simulator, checkout: &Value, path: &str, body: &Value) -> String {
    let (status, opened) = order(spg, "", checkout).await;
    assert_eq!(status, 200, "{opened}");
    let id = opened["transactionID"].as_str().unwrap().to_owned();
    let digest = format!("Digest {}", opened["transactionSignature"].as_str().unwrap());
    let (status, begun) = post(spg, &format!("/{id}/{path}"), &digest, "simulated-client", body).await;
    assert_eq!((status, &begun["paymentStatus"], &begun["transactionID"]), (200, &json!("Pending"), &json!(id)));
    id
}

async fn settle(merchant: &Merchant, id: &str, status: &str) -> Value {
    let last = || {
        let found = |payload: &Value| payload["transactionID"] == id && payload["paymentStatus"] == status;
        merchant.payloads().into_iter().find(found)
    };
    eventually(&format!("{id} {status}"), || last().is_some()).await;
    last().unwrap()
}

#[tokio::test]
async fn every_method_goes_from_the_checkout_to_its_ending() {
    let (spg, merchant) = start(config(Bodies::Documented)).await;
    for (payment_type, method, path, body) in [
        ("PURS", "MBWAY", "mbway-id/purchase", json!({"customerPhone": "351#911234567"})),
        ("AUTH", "MBWAY", "mbway-id/purchase", json!({"customerPhone": "351#911234567"})),
        ("PURS", "CARD", "card/purchase", card("4761340000000035")),
        ("AUTH", "CARD", "card/purchase", card("4761340000000035")),
        ("PURS", "REFERENCE", "service-reference/generate", json!({})),
    ] {
        let id = pay(&spg, &checkout(payment_type, method, json!(15.9)), path, &body).await;
        let payload = settle(&merchant, &id, "Success").await;
        assert_eq!(payload["paymentMethod"], method);
        assert_eq!(payload["paymentType"], payment_type);
        assert_eq!(payload["merchant"]["transactionId"], "order-1");
        let reference = payload["paymentReference"]["status"].clone();
        assert_eq!(reference, if method == "REFERENCE" { json!("PAID") } else { Value::Null });
        assert_eq!(queried_status(&spg, &id).await, "Success");
    }
}

#[tokio::test]
async fn the_ending_can_be_set() {
    let (spg, merchant) = start(config(Bodies::Documented)).await;
    spg.set_ending(Ending::Declined);
    let phone = json!({"customerPhone": "351#911234567"});
    let id = pay(&spg, &checkout("PURS", "MBWAY", json!(1)), "mbway-id/purchase", &phone).await;
    let payload = settle(&merchant, &id, "Declined").await;
    assert_eq!(payload["returnStatus"]["statusCode"], "01.106.0004");
}

#[tokio::test]
async fn a_challenged_card_waits_for_its_holder() {
    let (spg, merchant) = start(config(Bodies::Documented)).await;
    let (_, opened) = order(&spg, "", &checkout("PURS", "CARD", json!(20))).await;
    let id = opened["transactionID"].as_str().unwrap();
    let digest = format!("Digest {}", opened["transactionSignature"].as_str().unwrap());
    let path = format!("/{id}/card/purchase");
    let (_, challenge) = post(&spg, &path, &digest, "simulated-client", &card("4176660000000100")).await;
    assert_eq!((&challenge["paymentStatus"], queried_status(&spg, id).await.as_str()), (&json!("Partial"), "Pending"));
    assert_eq!(merchant.payloads().len(), 0, "nothing is notified before the holder has answered");
    let wrong = json!({"actionProcessed": {"id": "another", "type": "THREEDS_CHALLENGE", "executed": true}});
    assert_eq!(post(&spg, &path, &digest, "simulated-client", &wrong).await.0, 400);
    let action = challenge["actionResponse"]["id"].clone();
    let done = json!({"actionProcessed": {"id": action, "type": "THREEDS_CHALLENGE", "executed": true}});
    assert_eq!(post(&spg, &path, &digest, "simulated-client", &done).await.1["paymentStatus"], "Pending");
    settle(&merchant, id, "Success").await;
    assert_eq!(post(&spg, &path, &digest, "simulated-client", &done).await.0, 409, "it is paid already");
}

#[tokio::test]
async fn captures_refunds_and_cancellations_are_transactions_within_what_is_left() {
    let (spg, merchant) = start(config(Bodies::Documented)).await;
    let id = pay(&spg, &checkout("AUTH", "CARD", json!(30)), "card/purchase", &card("4761340000000035")).await;
    settle(&merchant, &id, "Success").await;
    let operate = |of: String, name: &'static str, value: Value| {
        let spg = spg.clone();
        async move { order(&spg, &format!("/{of}/{name}"), &operation(&of, value)).await }
    };
    assert_eq!(operate(id.clone(), "refund", json!(1)).await.0, 409, "nothing is captured yet");
    assert_eq!(operate(id.clone(), "capture", json!(30.01)).await.0, 409, "more than was authorised");
    let (status, captured) = operate(id.clone(), "capture", json!(20)).await;
    assert_eq!((status, &captured["paymentStatus"]), (200, &json!("Success")));
    let capture = captured["transactionID"].as_str().unwrap().to_owned();
    assert_ne!(capture, id);
    assert_eq!(operate(id.clone(), "capture", json!(10.01)).await.0, 409, "20 of 30 are captured");
    assert_eq!(operate(capture.clone(), "refund", json!(15)).await.0, 200);
    assert_eq!(operate(id.clone(), "refund", json!(5.01)).await.0, 409, "15 of 20 are refunded");
    assert_eq!(operate(id.clone(), "refund", json!(5)).await.0, 200);
    assert_eq!(operate(capture.clone(), "refund", json!(0.01)).await.0, 409, "everything is refunded");
    let (_, cancelled) = operate(id.clone(), "cancellation", json!(10)).await;
    let cancellation = cancelled["transactionID"].as_str().unwrap().to_owned();
    assert_eq!(operate(id.clone(), "capture", json!(0.01)).await.0, 409, "nothing is left to capture");
    for (own, payment_type, value) in [(&capture, "CAPT", 20.0), (&cancellation, "CANC", 10.0)] {
        let payload = settle(&merchant, own, "Success").await;
        assert_eq!(payload["paymentType"], payment_type);
        let amount = &payload["amount"]["value"];
        assert!(*amount == json!(value) || *amount == json!(format!("{value:.2}")), "{amount}");
        assert_eq!(queried_status(&spg, own).await, "Success");
    }
    assert_eq!(queried_status(&spg, &id).await, "Success", "the authorisation stays what it was");
}

#[tokio::test]
async fn orders_without_the_right_credentials_are_refused() {
    let (spg, merchant) = start(config(Bodies::Documented)).await;
    let good = checkout("PURS", "MBWAY", json!(1));
    assert_eq!(post(&spg, "", "Bearer wrong", "simulated-client", &good).await.0, 401);
    assert_eq!(post(&spg, "", "Bearer simulated-token", "wrong", &good).await.0, 403);
    assert_eq!(post(&spg, "", "Bearer wrong", "simulated-client", &json!({})).await.0, 401, "before the body is read");
    let (_, one) = order(&spg, "", &good).await;
    let (_, other) = order(&spg, "", &good).await;
    let path = format!("/{}/mbway-id/purchase", one["transactionID"].as_str().unwrap());
    let digest = |of: &Value| format!("Digest {}", of["transactionSignature"].as_str().unwrap());
    let phone = json!({"customerPhone": "351#911234567"});
    for wrong in ["Bearer simulated-token", "Digest ", &digest(&other)] {
        let (status, refusal) = post(&spg, &path, wrong, "simulated-client", &phone).await;
        assert_eq!((status, &refusal["returnStatus"]["statusMsg"]), (401, &json!("Error")), "{wrong}");
    }
    assert_eq!(post(&spg, &path, &digest(&one), "wrong", &phone).await.0, 403);
    assert!(merchant.received().is_empty());
    let unknown = post(&spg, "/nobody/mbway-id/purchase", &digest(&one), "simulated-client", &phone).await;
    assert_eq!(unknown.0, 401);
    assert_eq!(order(&spg, "/nobody/refund", &operation("nobody", json!(1))).await.0, 404);
}

#[tokio::test]
async fn a_body_that_is_not_as_documented_is_refused() {
    let (spg, _merchant) = start(config(Bodies::Documented)).await;
    let good = checkout("PURS", "REFERENCE", json!(1));
    for pointer in [
        "/merchant",
        "/merchant/terminalId",
        "/merchant/channel",
        "/merchant/merchantTransactionId",
        "/transaction/transactionTimestamp",
        "/transaction/description",
        "/transaction/moto",
        "/transaction/paymentType",
        "/transaction/amount",
        "/transaction/amount/value",
        "/transaction/amount/currency",
        "/transaction/paymentMethod",
        "/transaction/paymentReference",
        "/transaction/paymentReference/finalDatetime",
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = Value::Null;
        let (status, refusal) = order(&spg, "", &body).await;
        assert_eq!((status, &refusal["returnStatus"]["statusCode"]), (400, &json!("E0101")), "{pointer}");
    }
    for value in [json!(0), json!(-1), json!(1.001), json!("1.00")] {
        assert_eq!(order(&spg, "", &checkout("PURS", "CARD", value.clone())).await.0, 400, "{value}");
    }
    assert_eq!(order(&spg, "", &checkout("PURS", "MULTIBANCO", json!(1))).await.0, 400, "SPG calls it REFERENCE");
    assert_eq!(order(&spg, "", &checkout("PREF", "CARD", json!(1))).await.0, 400);
    assert_eq!(order(&spg, "", &json!([])).await.0, 400);
    assert_eq!(order(&spg, "", &good).await.0, 200);
}

#[tokio::test]
async fn abbreviated_bodies_are_taken_only_where_they_are_allowed() {
    for (bodies, expected) in [(Bodies::Documented, 400), (Bodies::Abbreviated, 200)] {
        let (spg, merchant) = start(config(bodies)).await;
        let phone = json!({"customerPhone": "351#911234567"});
        let id = pay(&spg, &checkout("PURS", "MBWAY", json!(9)), "mbway-id/purchase", &phone).await;
        settle(&merchant, &id, "Success").await;
        let part = json!({"amount": {"value": 4, "currency": "EUR"}});
        assert_eq!(order(&spg, &format!("/{id}/refund"), &part).await.0, expected);
        assert_eq!(order(&spg, &format!("/{id}/refund"), &json!({})).await.0, expected, "the rest");
        assert_eq!(
            order(&spg, &format!("/{id}/refund"), &operation(&id, json!(10))).await.0,
            409,
            "documented: always read"
        );
    }
}
