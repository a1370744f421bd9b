//! A simulator driven by another process, over HTTP alone.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{eventually, query, start};
use reqwest::Method;
use serde_json::{Value, json};
use spg_simulator::{Config, Simulator, WebhookKey};

async fn order(spg: &Simulator, method: Method, path: &str, body: Value) -> (u16, Value) {
    let request = reqwest::Client::new().request(method, format!("{}/control/{path}", spg.base_url()));
    let request = if body.is_null() {
        request
    } else {
        request.header("Content-Type", "application/json").body(body.to_string())
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn post(spg: &Simulator, path: &str, body: Value) -> (u16, Value) {
    order(spg, Method::POST, path, body).await
}

async fn get(spg: &Simulator, path: &str) -> Value {
    order(spg, Method::GET, path, Value::Null).await.1
}

#[tokio::test]
async fn a_payment_from_creation_to_report() {
    let (spg, merchant) = start(Config::default()).await;
    let (status, created) =
        post(&spg, "payments", json!({"kind": "mbWay", "amount": "15.90", "transactionId": "a/b"})).await;
    assert_eq!((status, &created["transactionID"]), (201, &json!("a/b")));
    assert_eq!(created["registration"], get(&spg, "payments/a%2Fb/registration").await);
    let (status, notified) = post(&spg, "payments/a%2Fb/notify", json!({"plan": {"copies": 2}})).await;
    assert_eq!((status, notified["attempts"].as_array().unwrap().len()), (200, 2));
    assert_eq!(notified["attempts"][0]["verdict"], "delivered");
    assert_eq!(post(&spg, "payments/a%2Fb/status", json!({"status": "Success"})).await.0, 204);
    let number = notified["notification"]["number"].clone();
    let forged = json!({"plan": {"tamper": "forgedKey"}});
    let (_, again) = post(&spg, &format!("notifications/{number}/deliver"), forged).await;
    assert_eq!(
        (&again["attempts"][0]["verdict"], &again["attempts"][0]["httpStatus"]),
        (&json!("failed"), &json!(401))
    );
    let overrides = json!({"overrides": {"change": {"status": "Declined"}}, "retries": true});
    assert_eq!(post(&spg, "payments/a%2Fb/notify", overrides).await.1["attempts"], json!([]));
    eventually("delivered in the background", || merchant.payloads().len() == 3).await;
    assert_eq!(query(&spg, "a%2Fb").await.1["paymentStatus"], "Success");
    assert_eq!(get(&spg, "payments/a%2Fb/queries").await[0]["answered"], "Success");

    eventually("recorded", || spg.report().summary.delivered == 2).await;
    let report = get(&spg, "report").await;
    let summary = &report["summary"];
    assert_eq!((&summary["delivered"], &summary["refused"], &summary["queries"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(report["payments"][0]["notifications"][0]["outcome"], "delivered");
    let table = get(&spg, "report?format=table").await;
    assert!(table.as_str().unwrap().contains("Pending > Success"), "{table}");
}

#[tokio::test]
async fn faults_scripts_lags_keys_and_lives() {
    let (spg, merchant) = start(Config { time_scale: 100_000, ..Config::default() }).await;
    post(&spg, "payments", json!({"kind": "card", "amount": 5, "transactionId": "t1"})).await;
    let fault =
        json!([{"fault": {"kind": "status", "http": 500}, "times": 1}, {"fault": {"kind": "closed"}, "percent": 0}]);
    assert_eq!(order(&spg, Method::PUT, "faults", fault).await.0, 204);
    assert_eq!(query(&spg, "t1").await.0, 500);
    assert_eq!(query(&spg, "t1").await.0, 200);
    assert_eq!(order(&spg, Method::DELETE, "faults", Value::Null).await.0, 204);
    let script = json!([{"change": {"status": "Partial"}, "http": 206}, {"raw": "<html>"}, {"times": 9}]);
    assert_eq!(post(&spg, "payments/t1/answers", script).await.0, 204);
    assert_eq!(query(&spg, "t1").await.0, 206);
    assert_eq!(query(&spg, "t1").await.1, Value::Null);
    assert_eq!(order(&spg, Method::DELETE, "payments/t1/answers", Value::Null).await.0, 204);
    assert_eq!(order(&spg, Method::PUT, "payments/t1/lag", json!({"milliseconds": 9_000_000_000_u64})).await.0, 204);
    let key = WebhookKey::from_bytes([3; 32]);
    *merchant.keys.lock().unwrap() = vec![key.clone()];
    assert_eq!(order(&spg, Method::PUT, "webhook", json!({"keys": [key.to_base64()]})).await.0, 204);
    let (status, life) = post(&spg, "payments/t1/play", json!({"ending": "success"})).await;
    assert_eq!((status, life["steps"].as_array().unwrap().len()), (200, 2));
    eventually("the whole life is notified", || merchant.payloads().len() == 3).await;
    assert_eq!(query(&spg, "t1").await.1["paymentStatus"], "Pending", "the Status API lags");
    let (status, summary) = post(&spg, "burst?wait=true", json!({"payments": 5, "duplicates": 100})).await;
    assert_eq!((status, &summary["payments"], &summary["notAsExpected"]), (200, &json!(5), &json!(0)));
    let (_, plan) = post(&spg, "burst", json!({"payments": 2})).await;
    assert_eq!(plan["payments"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn mistakes_are_named() {
    let (spg, _merchant) = start(Config::default()).await;
    post(&spg, "payments", json!({"kind": "card", "amount": 5, "transactionId": "t1"})).await;
    let cases = [
        (Method::POST, "payments", json!({"kind": "card", "amount": 5, "transactionId": "t1"}), 409, "exists already"),
        (Method::POST, "payments", json!({"kind": "cheque", "amount": 5}), 422, "unknown variant"),
        (Method::POST, "payments", json!({"kind": "card"}), 422, "amount"),
        (Method::POST, "payments/t2/notify", json!({}), 404, "unknown transaction t2"),
        (Method::POST, "payments/t1/notify", json!({"plan": {"tampr": "body"}}), 422, "unknown field"),
        (Method::POST, "notifications/9/deliver", json!({}), 404, "unknown notification 9"),
        (Method::PUT, "webhook", json!({"keys": ["short"]}), 400, "32 bytes"),
        (Method::PUT, "faults", json!([{"fault": {"kind": "closed"}, "percent": 300}]), 422, "u8"),
        (Method::GET, "nothing", Value::Null, 404, ""),
    ];
    for (method, path, body, expected, message) in cases {
        let (status, answer) = order(&spg, method, path, body).await;
        assert_eq!(status, expected, "{path}: {answer}");
        assert!(answer.to_string().contains(message), "{path}: {answer}");
    }
}
