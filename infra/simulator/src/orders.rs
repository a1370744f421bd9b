//! The API that a merchant orders payments with: checkout, purchase or reference, capture, refund, cancellation (SPG
//! documentation D). An order becomes a payment like any other, which then lives by itself: notified, and answered for by
//! the Status API. Card data is looked at and never kept.

mod back_office;
mod book;
mod form;
mod purchase;
mod signature;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use serde_json::Value;

pub use back_office::Operation;
pub use book::Book;
pub use form::Bodies;

use crate::answer::Reply;
use crate::delivery::DeliveryPlan;
use crate::lifecycle::lifecycle;
use crate::payment::PaymentSpec;
use crate::state::Shared;
use crate::status_api::{refuse, respond};
use crate::{traffic, wire};
use form::Checkout;

/// An order that is refused, as SPG answers it.
pub struct Refusal {
    http: u16,
    why: String,
}

impl Refusal {
    /// 400: the request cannot be right.
    fn invalid(why: impl Into<String>) -> Self {
        Self { http: 400, why: why.into() }
    }

    /// 404: no such transaction.
    fn unknown() -> Self {
        Self { http: 404, why: "unknown transaction".to_owned() }
    }

    /// 409: the request does not fit what has happened. The documentation publishes no code for it beside E0101.
    fn conflict(why: impl Into<String>) -> Self {
        Self { http: 409, why: why.into() }
    }

    fn reply(&self) -> Reply {
        Reply::error(self.http, "E0101", &self.why)
    }
}

type Decision = Result<Value, Refusal>;

/// The routes beside the Status API's.
pub fn router(shared: Arc<Shared>) -> Router {
    let base = format!("{}/payments", shared.config.base_path.trim_end_matches('/'));
    Router::new()
        .route(&base, post(checkout))
        .route(&format!("{base}/{{id}}/mbway-id/purchase"), post(mb_way))
        .route(&format!("{base}/{{id}}/card/purchase"), post(card))
        .route(&format!("{base}/{{id}}/service-reference/generate"), post(reference))
        .route(&format!("{base}/{{id}}/capture"), post(capture))
        .route(&format!("{base}/{{id}}/refund"), post(refund))
        .route(&format!("{base}/{{id}}/cancellation"), post(cancellation))
        .with_state(shared)
}

async fn checkout(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let order = form::object(&body).and_then(|body| Checkout::read(&body, shared.config.bodies));
    // Whoever shows no right token learns nothing of what is wrong with the body.
    let terminal = order.as_ref().ok().map(|order| order.spec.terminal.clone());
    if let Some(refusal) = refuse(&shared.config, terminal.as_deref(), &headers) {
        return respond(refusal);
    }
    answer(order.and_then(|order| register(&shared, order)))
}

fn register(shared: &Arc<Shared>, order: Checkout) -> Decision {
    let id = shared.create(order.spec).map_err(|error| Refusal::conflict(error.to_string()))?;
    let mut state = shared.lock();
    let payment = state.payment(&id).map_err(|_gone| Refusal::unknown())?.clone();
    let methods: Vec<&str> = order.methods.iter().map(|method| method.name()).collect();
    let response = wire::checkout_answer(&payment, &signature::of(&shared.config, &payment), &methods);
    state.orders.opened(&id, order.methods);
    Ok(response)
}

async fn mb_way(state: State<Arc<Shared>>, id: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    bought(&state, &id, &headers, &body, form::Method::MbWay)
}

async fn card(state: State<Arc<Shared>>, id: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    bought(&state, &id, &headers, &body, form::Method::Card)
}

async fn reference(state: State<Arc<Shared>>, id: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    bought(&state, &id, &headers, &body, form::Method::Reference)
}

fn bought(shared: &Arc<Shared>, id: &str, headers: &HeaderMap, body: &[u8], method: form::Method) -> Response {
    if let Some(refusal) = signature::refuse(shared, id, headers) {
        return respond(refusal);
    }
    answer(form::object(body).and_then(|body| purchase::begin(shared, id, method, &body)))
}

async fn capture(state: State<Arc<Shared>>, id: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    operated(&state, &id, &headers, &body, Operation::Capture)
}

async fn refund(state: State<Arc<Shared>>, id: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    operated(&state, &id, &headers, &body, Operation::Refund)
}

async fn cancellation(state: State<Arc<Shared>>, id: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    operated(&state, &id, &headers, &body, Operation::Cancellation)
}

fn operated(shared: &Arc<Shared>, id: &str, headers: &HeaderMap, body: &[u8], operation: Operation) -> Response {
    let terminal = shared.lock().payment(id).ok().map(|payment| payment.spec.terminal.clone());
    if let Some(refusal) = refuse(&shared.config, terminal.as_deref(), headers) {
        return respond(refusal);
    }
    answer(form::object(body).and_then(|body| back_office::operate(shared, id, operation, &body)))
}

fn answer(decision: Decision) -> Response {
    respond(match decision {
        Ok(body) => Reply::json(200, &body, "ordered"),
        Err(refusal) => refusal.reply(),
    })
}

/// Creates a transaction that is already decided, and lets it be notified.
fn create_and_live(shared: &Arc<Shared>, spec: PaymentSpec) -> Result<String, Refusal> {
    let id = shared.create(spec).map_err(|error| Refusal::conflict(error.to_string()))?;
    live(shared, &id)?;
    Ok(id)
}

/// Lets a payment live from now on, to the ending that is set.
fn live(shared: &Arc<Shared>, id: &str) -> Result<(), Refusal> {
    let mut state = shared.lock();
    let kind = state.payment(id).map_err(|_gone| Refusal::unknown())?.spec.kind;
    let ending = state.orders.ending;
    drop(state);
    let steps = lifecycle(kind, ending, &mut shared.config.seed.stream("lifecycle", id));
    let (background, id) = (Arc::clone(shared), id.to_owned());
    shared.spawn(async move { traffic::live(&background, &id, steps, &DeliveryPlan::default()).await });
    Ok(())
}
