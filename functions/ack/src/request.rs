//! What the HTTP API hands over: its event in payload format 2.0, and only what is needed of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

const WEBHOOK_ROUTE: &str = "POST /webhook";
const REGISTRATION_ROUTE: &str = "POST /transactions";
const WEBHOOK_PATH: &str = "/webhook";
const REGISTRATION_PATH: &str = "/transactions";
/// What an API without routes of its own calls its only one.
const CATCH_ALL_ROUTE: &str = "$default";

/// The event. Everything may be absent: what it means is decided here and not by the deserialiser.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpEvent {
    route_key: Option<String>,
    raw_path: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<String>,
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext {
    route_key: Option<String>,
    http: Http,
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Http {
    method: Option<String>,
    path: Option<String>,
}

/// Who signed the request, if the route asked for that.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Authorizer {
    iam: Option<IgnoredAny>,
}

/// The two ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Webhook,
    Registration,
}

impl Route {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Registration => "registration",
        }
    }
}

/// What is not a request to this function. Nothing of its content is in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("nothing is here")]
    UnknownRoute,
    #[error("only POST is allowed")]
    Method,
    #[error("the body is not Base64, although it is marked as such")]
    BodyEncoding,
}

impl HttpEvent {
    /// By the route that the API matched. Where it matched none of its own, by method and path; then a registration must have
    /// been signed, because no route has seen to it.
    ///
    /// # Errors
    /// [`RequestError::UnknownRoute`] (404) or [`RequestError::Method`] (405).
    pub fn route(&self) -> Result<Route, RequestError> {
        let context = &self.request_context;
        let matched = context.route_key.as_deref().or(self.route_key.as_deref());
        match matched.filter(|route| *route != CATCH_ALL_ROUTE) {
            Some(WEBHOOK_ROUTE) => Ok(Route::Webhook),
            Some(REGISTRATION_ROUTE) => Ok(Route::Registration),
            Some(other) => self.route_by_path(other.split_once(' ').map(|(method, _)| method)),
            None => self.route_by_path(None),
        }
    }

    fn route_by_path(&self, route_method: Option<&str>) -> Result<Route, RequestError> {
        let context = &self.request_context;
        let path = context.http.path.as_deref().or(self.raw_path.as_deref()).unwrap_or_default();
        let path = path.trim_end_matches('/');
        let route = if path.ends_with(WEBHOOK_PATH) {
            Route::Webhook
        } else if path.ends_with(REGISTRATION_PATH) {
            Route::Registration
        } else {
            return Err(RequestError::UnknownRoute);
        };
        let method = context.http.method.as_deref().or(route_method).unwrap_or_default();
        if !method.eq_ignore_ascii_case("POST") {
            return Err(RequestError::Method);
        }
        let signed = context.authorizer.as_ref().is_some_and(|authorizer| authorizer.iam.is_some());
        if route == Route::Registration && !signed {
            return Err(RequestError::UnknownRoute);
        }
        Ok(route)
    }

    /// The value of a header; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let headers = self.headers.as_ref()?;
        headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_bytes())
    }

    /// The body as it was sent; the API encodes what it takes for binary.
    ///
    /// # Errors
    /// [`RequestError::BodyEncoding`] (400).
    pub fn body(&self) -> Result<Cow<'_, [u8]>, RequestError> {
        let body = self.body.as_deref().unwrap_or_default();
        if !self.is_base64_encoded {
            return Ok(Cow::Borrowed(body.as_bytes()));
        }
        STANDARD.decode(body).map(Cow::Owned).map_err(|_| RequestError::BodyEncoding)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(value: Value) -> HttpEvent {
        serde_json::from_value(value).unwrap()
    }

    fn check(context: Value, expected: Result<Route, RequestError>) {
        let route = event(json!({"requestContext": context})).route();
        assert_eq!(route, expected, "{context}");
    }

    #[test]
    fn by_the_route_that_the_api_matched() {
        check(json!({"routeKey": "POST /webhook"}), Ok(Route::Webhook));
        check(json!({"routeKey": "POST /transactions"}), Ok(Route::Registration));
        let elsewhere = json!({"method": "POST", "path": "/transactions"});
        check(json!({"routeKey": "POST /webhook", "http": elsewhere}), Ok(Route::Webhook));
        assert!(matches!(event(json!({"routeKey": "POST /webhook"})).route(), Ok(Route::Webhook)));
    }

    #[test]
    fn by_method_and_path_where_no_route_of_ours_matched() {
        let at = |method, path| json!({"routeKey": "$default", "http": {"method": method, "path": path}});
        check(at("POST", "/webhook"), Ok(Route::Webhook));
        check(at("post", "/prod/webhook/"), Ok(Route::Webhook));
        check(at("GET", "/webhook"), Err(RequestError::Method));
        check(at("POST", "/other"), Err(RequestError::UnknownRoute));
        check(json!({"http": {"method": "POST", "path": "/webhook"}}), Ok(Route::Webhook));
        check(json!({"routeKey": "PUT /webhook", "http": {"path": "/webhook"}}), Err(RequestError::Method));
        check(json!({"routeKey": "ANY /{proxy+}"}), Err(RequestError::UnknownRoute));
        check(json!({}), Err(RequestError::UnknownRoute));
    }

    #[test]
    fn a_registration_by_path_must_have_been_signed() {
        let http = json!({"method": "POST", "path": "/transactions"});
        check(json!({"http": http}), Err(RequestError::UnknownRoute));
        check(json!({"http": http, "authorizer": {"iam": null}}), Err(RequestError::UnknownRoute));
        check(json!({"http": http, "authorizer": {"jwt": {}}}), Err(RequestError::UnknownRoute));
        check(json!({"http": http, "authorizer": {"iam": {"userArn": "arn"}}}), Ok(Route::Registration));
    }

    #[test]
    fn headers_in_any_case_and_bodies_in_either_encoding() {
        let event = event(json!({
            "headers": {"x-initialization-vector": "iv", "X-AUTHENTICATION-TAG": "tag"},
            "body": "YWJj",
            "isBase64Encoded": true,
        }));
        assert_eq!(event.header("X-Initialization-Vector"), Some(b"iv".as_slice()));
        assert_eq!(event.header("X-Authentication-Tag"), Some(b"tag".as_slice()));
        assert_eq!(event.header("X-Other"), None);
        assert_eq!(event.body().unwrap().as_ref(), b"abc");
        assert_eq!(HttpEvent { is_base64_encoded: false, ..event }.body().unwrap().as_ref(), b"YWJj");
        let broken = HttpEvent { body: Some("!".to_owned()), is_base64_encoded: true, ..HttpEvent::default() };
        assert!(matches!(broken.body(), Err(RequestError::BodyEncoding)));
    }

    #[test]
    fn absent_and_null_parts_are_no_error() {
        let event = event(json!({"headers": null, "body": null, "requestContext": {"authorizer": null}}));
        assert_eq!(event.header("a"), None);
        assert!(event.body().unwrap().is_empty());
    }
}
