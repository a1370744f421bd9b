//! Control over HTTP, under `/control`, for driving a simulator that runs as a process of its own. JSON in and out; a
//! transactionID in a path is percent-encoded.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::SimulatorError;
use crate::answer::{Answer, FaultRule};
use crate::crypto::WebhookKey;
use crate::delivery::{DeliveryPlan, DeliveryResult, deliver, deliver_with_retries};
use crate::lifecycle::{Ending, lifecycle};
use crate::notification::{Notification, Overrides};
use crate::payment::{Change, PaymentSpec};
use crate::report::Report;
use crate::state::{Shared, StatusQuery};
use crate::traffic::{self, TrafficSpec};
use crate::wire;

type Shape<T> = Result<Json<T>, Failure>;

/// The routes under `/control`.
pub fn router(shared: Arc<Shared>) -> Router {
    let payment = "/control/payments/{id}";
    Router::new()
        .route("/control/payments", post(create))
        .route(&format!("{payment}/status"), post(set_status))
        .route(&format!("{payment}/lag"), put(set_lag))
        .route(&format!("{payment}/answers"), post(script).delete(clear_script))
        .route(&format!("{payment}/notify"), post(notify))
        .route(&format!("{payment}/play"), post(play))
        .route(&format!("{payment}/queries"), get(queries))
        .route(&format!("{payment}/registration"), get(registration))
        .route("/control/notifications/{number}/deliver", post(redeliver))
        .route("/control/faults", put(set_faults).delete(clear_faults))
        .route("/control/webhook", put(set_webhook))
        .route("/control/ending", put(set_ending))
        .route("/control/burst", post(burst))
        .route("/control/report", get(report))
        .with_state(shared)
}

/// An error as JSON.
struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<SimulatorError> for Failure {
    fn from(error: SimulatorError) -> Self {
        let status = match error {
            SimulatorError::UnknownTransaction(_) | SimulatorError::UnknownNotification(_) => StatusCode::NOT_FOUND,
            SimulatorError::DuplicateTransaction(_) => StatusCode::CONFLICT,
            SimulatorError::Bind { .. } | SimulatorError::Client(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

async fn create(
    State(shared): State<Arc<Shared>>,
    Json(spec): Json<PaymentSpec>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let id = shared.create(spec)?;
    let mut state = shared.lock();
    let registration = wire::registration(state.payment(&id)?);
    Ok((StatusCode::CREATED, Json(json!({"transactionID": id, "registration": registration}))))
}

async fn set_status(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Json(change): Json<Change>,
) -> Result<StatusCode, Failure> {
    shared.change(&id, &change)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lag {
    milliseconds: u64,
}

async fn set_lag(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Json(lag): Json<Lag>,
) -> Result<StatusCode, Failure> {
    shared.lock().payment(&id)?.lag = std::time::Duration::from_millis(lag.milliseconds);
    Ok(StatusCode::NO_CONTENT)
}

async fn script(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Json(answers): Json<Vec<Answer>>,
) -> Result<StatusCode, Failure> {
    let mut state = shared.lock();
    state.payment(&id)?;
    state.script(&id, answers);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_script(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> StatusCode {
    shared.lock().clear_script(&id);
    StatusCode::NO_CONTENT
}

/// How to make a notification and how to deliver it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Notify {
    overrides: Overrides,
    plan: DeliveryPlan,
    /// With SPG's retries, in the background: the answer then has no attempts.
    retries: bool,
}

#[derive(Serialize)]
struct Notified {
    notification: Notification,
    attempts: Vec<DeliveryResult>,
}

async fn notify(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Json(wanted): Json<Notify>,
) -> Shape<Notified> {
    let notification = shared.notify(&id, &wanted.overrides)?;
    let attempts = send(&shared, &notification, &wanted).await;
    Ok(Json(Notified { notification, attempts }))
}

async fn redeliver(
    State(shared): State<Arc<Shared>>,
    Path(number): Path<u64>,
    Json(wanted): Json<Notify>,
) -> Shape<Notified> {
    let notification = shared.lock().notification(number)?.notification.clone();
    let attempts = send(&shared, &notification, &wanted).await;
    Ok(Json(Notified { notification, attempts }))
}

async fn send(shared: &Arc<Shared>, notification: &Notification, wanted: &Notify) -> Vec<DeliveryResult> {
    if !wanted.retries {
        return deliver(shared, notification, &wanted.plan).await;
    }
    let (background, notification, plan) = (Arc::clone(shared), notification.clone(), wanted.plan.clone());
    shared.spawn(async move { deliver_with_retries(&background, &notification, &plan).await });
    Vec::new()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {
    ending: Ending,
    #[serde(default)]
    plan: DeliveryPlan,
}

/// Lets a payment live through its kind's lifecycle, in the background.
async fn play(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Json(wanted): Json<Play>) -> Shape<Value> {
    let kind = shared.lock().payment(&id)?.spec.kind;
    let steps = lifecycle(kind, wanted.ending, &mut shared.config.seed.stream("lifecycle", &id));
    let answer = json!({"steps": steps});
    let background = Arc::clone(&shared);
    shared.spawn(async move { traffic::live(&background, &id, steps, &wanted.plan).await });
    Ok(Json(answer))
}

async fn queries(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Json<Vec<StatusQuery>> {
    let state = shared.lock();
    Json(state.queries.iter().filter(|query| query.transaction_id == id).cloned().collect())
}

async fn registration(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Shape<Value> {
    Ok(Json(wire::registration(shared.lock().payment(&id)?)))
}

async fn set_faults(State(shared): State<Arc<Shared>>, Json(rules): Json<Vec<FaultRule>>) -> StatusCode {
    shared.lock().faults = rules;
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.lock().faults.clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: Option<String>,
    keys: Option<Vec<String>>,
}

async fn set_webhook(State(shared): State<Arc<Shared>>, Json(webhook): Json<Webhook>) -> Result<StatusCode, Failure> {
    let keys: Option<Result<Vec<_>, _>> =
        webhook.keys.map(|keys| keys.iter().map(|key| WebhookKey::from_base64(key)).collect());
    let keys = keys.transpose().map_err(|error| Failure(StatusCode::BAD_REQUEST, error.to_string()))?;
    let mut state = shared.lock();
    if let Some(url) = webhook.url {
        state.webhook_url = Some(url);
    }
    if let Some(keys) = keys {
        state.keys = keys;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderedEnding {
    ending: Ending,
}

/// How the payments end that a merchant orders from now on.
async fn set_ending(State(shared): State<Arc<Shared>>, Json(wanted): Json<OrderedEnding>) -> StatusCode {
    shared.lock().orders.ending = wanted.ending;
    StatusCode::NO_CONTENT
}

#[derive(Default, Deserialize)]
struct BurstOptions {
    /// Answers when the burst has ended, with its summary; otherwise at once, with its plan.
    #[serde(default)]
    wait: bool,
}

async fn burst(
    State(shared): State<Arc<Shared>>,
    Query(options): Query<BurstOptions>,
    Json(spec): Json<TrafficSpec>,
) -> Shape<Value> {
    let burst = traffic::plan(&shared, &spec)?;
    let plan = json!({"payments": burst.payments});
    let background = Arc::clone(&shared);
    let playing = shared.spawn(async move { traffic::play(&background, burst).await });
    if !options.wait {
        return Ok(Json(plan));
    }
    let summary = playing.await.map_err(|error| Failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Json(json!(summary)))
}

#[derive(Default, Deserialize)]
struct ReportOptions {
    #[serde(default)]
    format: String,
}

async fn report(State(shared): State<Arc<Shared>>, Query(options): Query<ReportOptions>) -> Response {
    let report = Report::of(&shared);
    if options.format == "table" { report.table().into_response() } else { Json(report).into_response() }
}
