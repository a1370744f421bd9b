//! The Status API over HTTP: `GET {base}/payments/{transactionID}/status` with bearer token and client id (SPG
//! documentation E.2).

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::answer::Reply;
use crate::config::{Config, Credentials};
use crate::server::CloseConnection;
use crate::state::Shared;

/// Header with the client id.
pub const CLIENT_ID_HEADER: &str = "X-IBM-Client-Id";

/// The Status API's route.
pub fn router(shared: Arc<Shared>) -> Router {
    let path = format!("{}/payments/{{transaction_id}}/status", shared.config.base_path.trim_end_matches('/'));
    Router::new().route(&path, get(status)).with_state(shared)
}

async fn status(State(shared): State<Arc<Shared>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let terminal = shared.lock().payment(&id).ok().map(|payment| payment.spec.terminal.clone());
    let refusal = refuse(&shared.config, terminal.as_deref(), &headers);
    let (query, reply) = shared.query(&id, refusal);
    // Dropped here if the asking side hangs up: then the query stays unanswered in the report.
    tokio::time::sleep(reply.latency).await;
    shared.answered(query);
    respond(reply)
}

/// 401 without a right token, 403 with another client id; nothing else is looked at before.
pub(crate) fn refuse(config: &Config, terminal: Option<&str>, headers: &HeaderMap) -> Option<Reply> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = text(AUTHORIZATION.as_str()).strip_prefix("Bearer ").unwrap_or_default();
    let expected = match terminal {
        Some(terminal) => vec![config.terminal_credentials.get(terminal).unwrap_or(&config.credentials)],
        // Of an unknown transaction no terminal is known: anybody's credentials will do.
        None => std::iter::once(&config.credentials).chain(config.terminal_credentials.values()).collect(),
    };
    let matching: Vec<&&Credentials> = expected.iter().filter(|credentials| credentials.token == token).collect();
    if matching.is_empty() {
        return Some(Reply::error(401, "E0401", "wrong token"));
    }
    let client_id = text(CLIENT_ID_HEADER);
    let known = matching.iter().any(|credentials| credentials.client_id == client_id);
    (!known).then(|| Reply::error(403, "E0403", "wrong client id"))
}

pub(crate) fn respond(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    if reply.close {
        response.extensions_mut().insert(CloseConnection);
    }
    response.into_response()
}
