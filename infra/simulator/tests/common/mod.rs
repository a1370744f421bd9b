//! A merchant's webhook for the tests: opens what it can, acknowledges, and remembers everything.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "test helpers")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use spg_simulator::crypto::{CryptoError, Envelope, IV_HEADER, TAG_HEADER, decrypt};
use spg_simulator::{Config, Simulator, WebhookKey};

/// A request as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    pub envelope: Envelope,
    pub content_type: String,
    pub opened: Result<String, CryptoError>,
}

/// What to answer, before the default of a right acknowledgement.
#[derive(Clone, Debug)]
pub enum Answer {
    Fixed(u16, String),
    Never,
}

#[derive(Default)]
pub struct Merchant {
    pub keys: Mutex<Vec<WebhookKey>>,
    pub received: Mutex<Vec<Received>>,
    pub answers: Mutex<VecDeque<Answer>>,
}

impl Merchant {
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub fn next_answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// The payloads that could be opened, in order of arrival.
    pub fn payloads(&self) -> Vec<Value> {
        let received = self.received();
        received.iter().filter_map(|one| serde_json::from_str(one.opened.as_ref().ok()?).ok()).collect()
    }
}

async fn webhook(State(merchant): State<Arc<Merchant>>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let envelope = Envelope { iv: text(IV_HEADER), tag: text(TAG_HEADER), body };
    let keys = merchant.keys.lock().unwrap().clone();
    let opened = keys.iter().map(|key| decrypt(key, &envelope)).reduce(|one, other| one.or(other)).unwrap();
    let opened = opened.map(|bytes| String::from_utf8(bytes).unwrap());
    let received = Received { envelope, content_type: text("content-type"), opened: opened.clone() };
    merchant.received.lock().unwrap().push(received);
    let planned = merchant.answers.lock().unwrap().pop_front();
    match (planned, opened) {
        (Some(Answer::Fixed(status, body)), _) => (StatusCode::from_u16(status).unwrap(), body),
        (Some(Answer::Never), _) => std::future::pending().await,
        (None, Err(CryptoError::Encoding(_))) => (StatusCode::BAD_REQUEST, String::new()),
        (None, Err(_)) => (StatusCode::UNAUTHORIZED, String::new()),
        (None, Ok(payload)) => {
            let id = serde_json::from_str::<Value>(&payload)
                .map(|payload| payload["notificationID"].clone())
                .unwrap_or_default();
            (StatusCode::OK, json!({"statusCode": "000", "statusMsg": "Success", "notificationID": id}).to_string())
        }
    }
}

/// A simulator and a merchant that know of each other.
pub async fn start(config: Config) -> (Simulator, Arc<Merchant>) {
    let spg = Simulator::start(config).await.unwrap();
    let merchant = Arc::new(Merchant::default());
    *merchant.keys.lock().unwrap() = spg.keys();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    spg.set_webhook_url(&format!("http://{}/webhook", listener.local_addr().unwrap()));
    let router = Router::new().route("/webhook", post(webhook)).with_state(Arc::clone(&merchant));
    tokio::spawn(axum::serve(listener, router).into_future());
    (spg, merchant)
}

/// Queries the Status API as a merchant does.
pub fn status_query(spg: &Simulator, path_id: &str) -> reqwest::RequestBuilder {
    let config = spg.config();
    reqwest::Client::new()
        .get(format!("{}/payments/{path_id}/status", spg.status_api_url()))
        .bearer_auth(&config.credentials.token)
        .header("X-IBM-Client-Id", &config.credentials.client_id)
}

/// The HTTP status and the JSON (null if it is none).
pub async fn query(spg: &Simulator, path_id: &str) -> (u16, Value) {
    let response = status_query(spg, path_id).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

/// The paymentStatus that the Status API answers.
pub async fn queried_status(spg: &Simulator, id: &str) -> String {
    query(spg, id).await.1["paymentStatus"].as_str().unwrap_or_default().to_owned()
}

/// Waits until a condition holds, and fails after ten seconds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), waiting).await.is_ok(), "never: {what}");
}
