//! An answer of the Status API: the only thing that can make a payment paid.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use spg_domain::{
    Amount, Evidence, Facts, NoAnswer, NoAnswerKind, PaymentStatus, Registration, ShortText, StatusAnswer,
    TransactionId,
};
use spg_gateway::status::reply;

use crate::input::{line, object, text};
use crate::{amounts, decision};

const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The first line is the HTTP status, the second `Retry-After`, the third `Date`; the rest is the body.
pub fn status_answer(data: &[u8]) {
    let (status, rest) = line(data);
    let (retry_after, rest) = line(rest);
    let (date, body) = line(rest);
    let Some(status) = std::str::from_utf8(status).ok().and_then(|text| text.parse().ok()) else { return };
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let mut headers = HeaderMap::new();
    add(&mut headers, RETRY_AFTER, retry_after);
    add(&mut headers, DATE, date);

    let reply = reply(status, &headers, Ok(body));
    assert_eq!(reply.http_status, Some(status.as_u16()).filter(|status| *status != 200));
    assert!(reply.retry_after.is_none_or(|wait| !wait.is_zero() && wait <= RETRY_AFTER_MAX));
    let usable = matches!(status.as_u16(), 200 | 206);
    match reply.result {
        Ok(answer) => {
            assert!(usable && reply.retry_after.is_none());
            is_as_written(body, &answer);
            pays_only_what_was_registered(answer);
        }
        Err(kind) => {
            assert!(reply.problem.is_some());
            assert!(!(usable && surely(body)), "an answer was not understood: {:?}", reply.problem);
            is_as_the_status_says(status.as_u16(), kind);
            let no_answer = Evidence::NoAnswer(NoAnswer { kind, retry_after: reply.retry_after });
            decision::apply(None, &[&registration(), &no_answer, &no_answer]);
        }
    }
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert(name, value);
    }
}

fn is_as_the_status_says(status: u16, kind: NoAnswerKind) {
    let expected = match status {
        400 | 404 => NoAnswerKind::NotFound,
        401 | 403 => NoAnswerKind::Unauthorised,
        429 => NoAnswerKind::RateLimited,
        _ => NoAnswerKind::Unavailable,
    };
    assert_eq!(kind, expected, "{status}");
}

/// A body that every reader must understand.
fn surely(body: &[u8]) -> bool {
    let Some(fields) = object(body) else { return false };
    let status = fields.get("paymentStatus").and_then(text).is_some_and(|status| {
        let status = status.trim();
        !status.is_empty() && status.len() <= 128
    });
    status && !fields.contains_key("transactionID") && !fields.contains_key("amount")
}

fn is_as_written(body: &[u8], answer: &StatusAnswer) {
    amounts::is_as_written(body, answer.facts.amount.as_ref());
    let Some(fields) = object(body) else { return };
    if let Some(status) = fields.get("paymentStatus").and_then(text) {
        assert_eq!(Some(&answer.payment_status), PaymentStatus::parse(status.trim()).ok().as_ref());
    }
    // An answer that says which transaction it is about is never taken for one that does not.
    let said = fields.get("transactionID").filter(|id| !id.is_null() && id.as_str() != Some(""));
    assert_eq!(answer.transaction_id.is_some(), said.is_some());
    // The same for the amount: none that is there is left out.
    let value = fields.get("amount").and_then(|amount| amount.get("value")).filter(|value| !value.is_null());
    assert_eq!(answer.facts.amount.is_some(), value.is_some());
}

/// Rule 8, whatever the answer.
fn pays_only_what_was_registered(answer: StatusAnswer) {
    let amount = answer.facts.amount.clone();
    let about: Option<TransactionId> = answer.transaction_id.clone();
    let status = answer.payment_status.clone();
    let answer = Evidence::Answer { answer, queried_version: 1 };
    let after = decision::apply(None, &[&registration(), &answer, &answer]).expect("a registration opens");
    if after.status() == PaymentStatus::SUCCESS {
        assert_eq!(status, PaymentStatus::SUCCESS);
        assert!(amount.is_none_or(|amount| amount == registered()), "another amount was paid");
    }
    if about.is_some_and(|about| about != decision::id()) {
        assert!(after.status().as_final().is_none(), "an answer about another transaction was taken");
    }
}

fn registered() -> Amount {
    Amount::parse("15.9", "EUR").unwrap()
}

fn registration() -> Evidence {
    let facts = Facts { amount: Some(registered()), payment_type: ShortText::new("PURS").ok(), ..Facts::default() };
    Evidence::Registration { registration: Registration { payment_status: None, facts }, received_at: decision::now() }
}
