//! The event of the HTTP API, whatever is in it: `lambda_http` can convert what is handed over to it, and the request is whose it was
//! and carries what was sent.

use ack::{RequestError, Route, readable};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::Request;
use serde_json::Value;
use spg_gateway::registration::parse_registration;
use spg_gateway::webhook::{IV_HEADER, TAG_HEADER, open, parse_notification};

use crate::envelope;

pub fn http_event(data: &[u8]) {
    is_taken(&converted(data));
    let Ok(written) = serde_json::from_slice::<Value>(data) else { return };
    // From the value: of a name that is there twice, both readings then see the last.
    let request = converted(written.to_string().as_bytes());
    assert_eq!(Route::of(&request), route(&written), "{written}");
    headers(&request, &written);
    body(&request, &written);
}

/// As the function gets it: `lambda_http` converts the event before any code of ours.
fn converted(event: &[u8]) -> Request {
    let readable = readable(event);
    let readable = std::str::from_utf8(&readable).expect("JSON is text");
    lambda_http::request::from_str(readable).expect("what is handed over can be converted")
}

/// As the function goes on with it.
fn is_taken(request: &Request) {
    let Ok(body) = ack::body(request) else { return };
    match Route::of(request) {
        Ok(Route::Webhook) => {
            let header = |name| request.headers().get(name).map(|value| value.as_bytes());
            let (iv, tag) = (header(IV_HEADER), header(TAG_HEADER));
            if let Ok(plaintext) = open(body, iv, tag, &envelope::keys()) {
                assert!(iv.is_some() && tag.is_some());
                let _ = parse_notification(plaintext.as_ref());
            }
        }
        Ok(Route::Registration) => drop(parse_registration(body)),
        Err(error) => assert_ne!(error, RequestError::BodyEncoding),
    }
}

/// By a second reading; what is of another type than documented is absent.
fn route(written: &Value) -> Result<Route, RequestError> {
    let context = &written["requestContext"];
    let matched = context["routeKey"].as_str().or(written["routeKey"].as_str());
    match matched {
        Some("POST /webhook") => return Ok(Route::Webhook),
        Some("POST /transactions") => return Ok(Route::Registration),
        Some(_) | None => {}
    }
    let path = context["http"]["path"].as_str().or(written["rawPath"].as_str()).unwrap_or_default();
    let path = path.trim_end_matches('/');
    let of_route = matched.and_then(|route| route.split_once(' ')).map(|(method, _)| method);
    let is_post = context["http"]["method"].as_str().or(of_route).is_some_and(|it| it.eq_ignore_ascii_case("POST"));
    let (webhook, registration) = (path.ends_with("/webhook"), path.ends_with("/transactions"));
    match (webhook || registration, is_post) {
        (false, _) => Err(RequestError::UnknownRoute),
        (true, false) => Err(RequestError::Method),
        (true, true) if webhook => Ok(Route::Webhook),
        (true, true) if context["authorizer"]["iam"].is_object() => Ok(Route::Registration),
        (true, true) => Err(RequestError::UnknownRoute),
    }
}

/// A header is found in any case of its name, is one that was sent, and no other one is there.
fn headers(request: &Request, written: &Value) {
    let sent = written["headers"].as_object().into_iter().flatten();
    let sent: Vec<(&String, &str)> = sent.filter_map(|(name, value)| Some((name, value.as_str()?))).collect();
    for name in [IV_HEADER, TAG_HEADER] {
        let values: Vec<&str> = sent.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|it| it.1).collect();
        let handed_over = request.headers().get(name);
        assert_eq!(handed_over.is_some(), !values.is_empty());
        let is_plain = values.iter().all(|value| value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        if let Some(value) = handed_over.filter(|_| is_plain) {
            assert!(values.iter().any(|sent| sent.as_bytes() == value.as_bytes()));
        }
    }
    assert!(request.headers().len() <= 3);
}

/// The body as it was sent: as text, or decoded.
fn body(request: &Request, written: &Value) {
    let text = written["body"].as_str().unwrap_or_default();
    if written["isBase64Encoded"] != Value::Bool(true) {
        return assert_eq!(ack::body(request), Ok(text.as_bytes()));
    }
    let decoded = STANDARD.decode(text).ok();
    match ack::body(request) {
        Ok(body) => assert_eq!(decoded.as_deref(), Some(body)),
        Err(error) => assert!(error == RequestError::BodyEncoding && decoded.is_none()),
    }
}
