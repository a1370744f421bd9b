//! What goes back to the HTTP API.

use lambda_http::http::StatusCode;
use lambda_http::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use lambda_http::{Body, Response};
use serde_json::json;
use spg_domain::TransactionId;
use spg_gateway::webhook::Acknowledgement;

use crate::rejection::Rejection;

/// 200: the webhook is on the queue and SPG may forget it.
pub(crate) fn acknowledged(acknowledgement: &Acknowledgement<'_>) -> Result<Response<Body>, serde_json::Error> {
    Ok(json(StatusCode::OK, serde_json::to_string(acknowledgement)?))
}

/// 202: the registration is on the queue.
pub(crate) fn registered(id: &TransactionId) -> Response<Body> {
    json(StatusCode::ACCEPTED, json!({"transactionID": id}).to_string())
}

pub(crate) fn rejected(rejection: &Rejection) -> Response<Body> {
    let status = rejection.http_status();
    let mut answer = json(status, json!({"error": rejection.message()}).to_string());
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    answer
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[cfg(test)]
mod tests {
    use spg_domain::NotificationId;

    use crate::request::RequestError;

    use super::*;

    fn check(answer: Response<Body>, status: u16, allow: Option<&str>, body: &str) {
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers().get(ALLOW).map(HeaderValue::as_bytes), allow.map(str::as_bytes));
        assert_eq!(answer.into_body(), Body::Text(body.to_owned()));
    }

    #[test]
    fn json_with_its_status_and_headers() {
        let id = NotificationId::new("n\"1").unwrap();
        let acknowledgement = acknowledged(&Acknowledgement::new("000", &id)).unwrap();
        check(acknowledgement, 200, None, r#"{"statusCode":"000","statusMsg":"Success","notificationID":"n\"1"}"#);
        let rejection = Rejection::Request(RequestError::Method);
        check(rejected(&rejection), 405, Some("POST"), r#"{"error":"only POST is allowed"}"#);
        check(registered(&TransactionId::new("t1").unwrap()), 202, None, r#"{"transactionID":"t1"}"#);
    }
}
