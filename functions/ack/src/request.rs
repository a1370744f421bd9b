//! What a request is: which of the two ways in, and its body. Of what comes from `lambda_http` and was [`crate::readable`] before.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};

use crate::event::BODY_ENCODING;

const WEBHOOK_ROUTE: &str = "POST /webhook";
const REGISTRATION_ROUTE: &str = "POST /transactions";
const WEBHOOK_PATH: &str = "/webhook";
const REGISTRATION_PATH: &str = "/transactions";

/// The two ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Webhook,
    Registration,
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

impl Route {
    /// By the route that the API matched. Where it matched none of its own, by method and path; then a registration must have been
    /// signed, because no route has seen to it.
    ///
    /// # Errors
    /// [`RequestError::UnknownRoute`] (404) or [`RequestError::Method`] (405).
    pub fn of(request: &Request) -> Result<Self, RequestError> {
        let context = context(request);
        match context.and_then(|context| context.route_key.as_deref()) {
            Some(WEBHOOK_ROUTE) => Ok(Self::Webhook),
            Some(REGISTRATION_ROUTE) => Ok(Self::Registration),
            Some(_) | None => Self::by_path(request, context.is_some_and(is_signed)),
        }
    }

    fn by_path(request: &Request, signed: bool) -> Result<Self, RequestError> {
        let route = match request.uri().path() {
            WEBHOOK_PATH => Self::Webhook,
            REGISTRATION_PATH => Self::Registration,
            _ => return Err(RequestError::UnknownRoute),
        };
        if !request.method().as_str().eq_ignore_ascii_case("POST") {
            return Err(RequestError::Method);
        }
        if route == Self::Registration && !signed {
            return Err(RequestError::UnknownRoute);
        }
        Ok(route)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Registration => "registration",
        }
    }
}

/// The body as it was sent.
///
/// # Errors
/// [`RequestError::BodyEncoding`] (400).
pub fn body(request: &Request) -> Result<&[u8], RequestError> {
    if request.headers().contains_key(BODY_ENCODING) {
        return Err(RequestError::BodyEncoding);
    }
    Ok(request.body())
}

/// The value of a header; names are compared without regard to case.
pub(crate) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a [u8]> {
    request.headers().get(name).map(|value| value.as_bytes())
}

fn context(request: &Request) -> Option<&ApiGatewayV2httpRequestContext> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => Some(context),
        _ => None,
    }
}

fn is_signed(context: &ApiGatewayV2httpRequestContext) -> bool {
    context.authorizer.as_ref().is_some_and(|authorizer| authorizer.iam.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(event: &Value) -> Request {
        let readable = crate::readable(event.to_string().as_bytes());
        lambda_http::request::from_str(std::str::from_utf8(&readable).unwrap()).unwrap()
    }

    fn check(context: &Value, expected: Result<Route, RequestError>) {
        assert_eq!(Route::of(&request(&json!({"requestContext": context}))), expected, "{context}");
    }

    #[test]
    fn by_the_route_that_the_api_matched() {
        check(&json!({"routeKey": "POST /webhook"}), Ok(Route::Webhook));
        check(&json!({"routeKey": "POST /transactions"}), Ok(Route::Registration));
        let elsewhere = json!({"method": "POST", "path": "/transactions"});
        check(&json!({"routeKey": "POST /webhook", "http": elsewhere}), Ok(Route::Webhook));
        assert_eq!(Route::of(&request(&json!({"routeKey": "POST /webhook"}))), Ok(Route::Webhook));
    }

    #[test]
    fn by_method_and_path_where_no_route_of_ours_matched() {
        let at = |method, path| json!({"routeKey": "$default", "http": {"method": method, "path": path}});
        check(&at("POST", "/webhook"), Ok(Route::Webhook));
        check(&at("post", "/prod/webhook/"), Ok(Route::Webhook));
        check(&at("GET", "/webhook"), Err(RequestError::Method));
        check(&at("PO ST", "/webhook"), Err(RequestError::Method));
        check(&at("POST", "/other"), Err(RequestError::UnknownRoute));
        check(&at("POST", ""), Err(RequestError::UnknownRoute));
        check(&json!({"http": {"method": "POST", "path": "/webhook"}}), Ok(Route::Webhook));
        check(&json!({"routeKey": "PUT /webhook", "http": {"path": "/webhook"}}), Err(RequestError::Method));
        check(&json!({"routeKey": "POST /{proxy+}", "http": {"path": "/webhook"}}), Ok(Route::Webhook));
        check(&json!({"routeKey": "ANY /{proxy+}"}), Err(RequestError::UnknownRoute));
        check(&json!({"http": {"path": "/webhook"}}), Err(RequestError::Method));
        check(&json!({}), Err(RequestError::UnknownRoute));
    }

    #[test]
    fn a_registration_by_path_must_have_been_signed() {
        let http = json!({"method": "POST", "path": "/transactions"});
        check(&json!({"http": http}), Err(RequestError::UnknownRoute));
        for authorizer in [json!({"iam": null}), json!({"iam": 5}), json!({"jwt": {}}), json!("iam")] {
            check(&json!({"http": http, "authorizer": authorizer}), Err(RequestError::UnknownRoute));
        }
        check(&json!({"http": http, "authorizer": {"iam": {"userArn": "arn"}}}), Ok(Route::Registration));
    }

    #[test]
    fn headers_in_any_case_and_bodies_in_either_encoding() {
        let event = json!({
            "headers": {"x-initialization-vector": "iv", "X-AUTHENTICATION-TAG": "tag"},
            "body": "YWJj",
            "isBase64Encoded": true,
        });
        let encoded = request(&event);
        assert_eq!(header(&encoded, "X-Initialization-Vector"), Some(b"iv".as_slice()));
        assert_eq!(header(&encoded, "X-Authentication-Tag"), Some(b"tag".as_slice()));
        assert_eq!(header(&encoded, "X-Other"), None);
        assert_eq!(body(&encoded), Ok(b"abc".as_slice()));
        assert_eq!(body(&request(&json!({"body": "YWJj"}))), Ok(b"YWJj".as_slice()));
        assert_eq!(body(&request(&json!({}))), Ok(b"".as_slice()));
        let broken = request(&json!({"body": "!", "isBase64Encoded": true}));
        assert_eq!(body(&broken), Err(RequestError::BodyEncoding));
    }
}
