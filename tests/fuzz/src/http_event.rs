//! The event of the HTTP API: whose request it is, and what it carries.

use ack::{HttpEvent, RequestError, Route};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize as _;
use serde_json::Value;
use spg_gateway::registration::parse_registration;
use spg_gateway::webhook::{IV_HEADER, TAG_HEADER, open, parse_notification};

use crate::envelope;

pub fn http_event(data: &[u8]) {
    let Ok(written) = serde_json::from_slice::<Value>(data) else { return };
    // From the value: of a name that is there twice, both readings then see the last.
    let event = HttpEvent::deserialize(&written);
    if !is_as_documented(&written) {
        return;
    }
    let event = event.expect("an event of the HTTP API is read");
    let route = route(&event, &written);
    headers(&event, &written);
    let Some(body) = body(&event, &written) else { return };
    match route {
        Ok(Route::Webhook) => {
            let (iv, tag) = (event.header(IV_HEADER), event.header(TAG_HEADER));
            if let Ok(plaintext) = open(&body, iv, tag, &envelope::keys()) {
                assert!(iv.is_some() && tag.is_some());
                let _ = parse_notification(plaintext.as_ref());
            }
        }
        Ok(Route::Registration) => drop(parse_registration(&body)),
        Err(_) => {}
    }
}

/// By the documentation of payload format 2.0, with everything that may be absent left out at will.
fn is_as_documented(event: &Value) -> bool {
    let text = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.is_string());
    let object = |value: Option<&Value>| value.is_none_or(Value::is_object);
    let texts = |value: &Value| value.as_object().is_some_and(|map| map.values().all(Value::is_string));
    let context = event.get("requestContext");
    let http = context.and_then(|context| context.get("http"));
    event.is_object()
        && [event.get("routeKey"), event.get("rawPath"), event.get("body")].into_iter().all(text)
        && event.get("isBase64Encoded").is_none_or(Value::is_boolean)
        && event.get("headers").is_none_or(texts)
        && [context, http].into_iter().all(object)
        && context.and_then(|context| context.get("authorizer")).is_none_or(|it| it.is_null() || it.is_object())
        && text(context.and_then(|context| context.get("routeKey")))
        && [http.and_then(|http| http.get("method")), http.and_then(|http| http.get("path"))].into_iter().all(text)
}

/// A registration was signed, or came by the route that asks for a signature.
fn route(event: &HttpEvent, written: &Value) -> Result<Route, RequestError> {
    let route = event.route();
    let context = &written["requestContext"];
    let matched = context["routeKey"].as_str().or(written["routeKey"].as_str());
    let path = context["http"]["path"].as_str().or(written["rawPath"].as_str()).unwrap_or_default();
    let method = context["http"]["method"].as_str();
    let signed = !context["authorizer"]["iam"].is_null();
    match route {
        Ok(Route::Registration) => {
            assert!(matched == Some("POST /transactions") || (signed && path.contains("/transactions")));
        }
        Ok(Route::Webhook) => assert!(matched == Some("POST /webhook") || path.contains("/webhook")),
        Err(error) => {
            assert!(matched != Some("POST /webhook") && matched != Some("POST /transactions"));
            assert_ne!(error, RequestError::BodyEncoding);
        }
    }
    if !matches!(matched, Some("POST /webhook" | "POST /transactions")) && route.is_ok() {
        assert!(method.is_none_or(|method| method.eq_ignore_ascii_case("POST")));
    }
    route
}

/// A header is found in any case of its name, and is one that was sent.
fn headers(event: &HttpEvent, written: &Value) {
    let Some(sent) = written["headers"].as_object() else {
        return assert!(event.header(IV_HEADER).is_none());
    };
    for name in [IV_HEADER, TAG_HEADER] {
        let named = sent.iter().filter(|(key, value)| key.eq_ignore_ascii_case(name) && value.is_string());
        let values: Vec<&[u8]> = named.filter_map(|(_, value)| value.as_str()).map(str::as_bytes).collect();
        assert_eq!(event.header(name).is_some(), !values.is_empty());
        assert!(event.header(name).is_none_or(|value| values.contains(&value)));
        assert_eq!(event.header(name), event.header(&name.to_ascii_lowercase()));
    }
}

/// The body as it was sent: as text, or decoded.
fn body(event: &HttpEvent, written: &Value) -> Option<Vec<u8>> {
    let text = written["body"].as_str().unwrap_or_default();
    if written["isBase64Encoded"] != Value::Bool(true) {
        assert_eq!(event.body().as_deref(), Ok(text.as_bytes()));
        return Some(text.as_bytes().to_vec());
    }
    let decoded = STANDARD.decode(text).ok();
    match event.body() {
        Ok(body) => assert_eq!(decoded.as_deref(), Some(&*body)),
        Err(error) => assert!(error == RequestError::BodyEncoding && decoded.is_none()),
    }
    decoded
}
