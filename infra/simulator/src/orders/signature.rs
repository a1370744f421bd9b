//! The transactionSignature: given out by the checkout, shown as `Authorization: Digest ...` by whoever then pays (SPG
//! documentation D.1). What it is made of is not published; here it is an HMAC over the transactionID, so it needs no store.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore;
use ring::hmac;
use serde_json::json;

use crate::answer::Reply;
use crate::config::Config;
use crate::payment::Payment;
use crate::state::Shared;
use crate::status_api::CLIENT_ID_HEADER;

const KEY_BYTES: usize = 32;

/// The signature of a payment: a readable part and a proof, in the shape of the published samples.
pub fn of(config: &Config, payment: &Payment) -> String {
    let mut key = [0; KEY_BYTES];
    config.seed.stream("signature", "").fill_bytes(&mut key);
    let readable = STANDARD.encode(json!({"txId": payment.transaction_id, "tc": payment.spec.terminal}).to_string());
    let proof = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), readable.as_bytes());
    format!("{readable}.{}", STANDARD.encode(proof.as_ref()))
}

/// 401 without the signature of this very transaction (a bearer token is none), 403 with another client id.
pub fn refuse(shared: &Shared, id: &str, headers: &HeaderMap) -> Option<Reply> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let payment = shared.lock().payment(id).ok().cloned();
    let shown = text(AUTHORIZATION.as_str()).strip_prefix("Digest ");
    let Some(payment) = payment else {
        // No transaction, so no signature can be right: as the Status API, unknown before unauthorised would tell too much.
        return Some(Reply::error(401, "E0401", "wrong signature"));
    };
    if shown != Some(of(&shared.config, &payment).as_str()) {
        return Some(Reply::error(401, "E0401", "wrong signature"));
    }
    let config = &shared.config;
    let credentials = config.terminal_credentials.get(&payment.spec.terminal).unwrap_or(&config.credentials);
    (text(CLIENT_ID_HEADER) != credentials.client_id).then(|| Reply::error(403, "E0403", "wrong client id"))
}
