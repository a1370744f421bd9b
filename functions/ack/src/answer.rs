//! What goes back to the HTTP API, in payload format 2.0.

use serde::Serialize;
use serde_json::json;
use spg_domain::TransactionId;
use spg_gateway::webhook::Acknowledgement;

use crate::rejection::Rejection;

/// An answer with a JSON body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    pub status_code: u16,
    headers: Headers,
    pub body: String,
    is_base64_encoded: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Headers {
    content_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<&'static str>,
}

impl HttpAnswer {
    /// 200: the webhook is on the queue and SPG may forget it.
    pub(crate) fn acknowledged(acknowledgement: &Acknowledgement<'_>) -> Result<Self, serde_json::Error> {
        Ok(Self::json(200, serde_json::to_string(acknowledgement)?))
    }

    /// 202: the registration is on the queue.
    pub(crate) fn registered(id: &TransactionId) -> Self {
        Self::json(202, json!({"transactionID": id}).to_string())
    }

    pub(crate) fn rejected(rejection: &Rejection) -> Self {
        let status = rejection.http_status();
        let mut answer = Self::json(status, json!({"error": rejection.told()}).to_string());
        answer.headers.allow = (status == 405).then_some("POST");
        answer
    }

    fn json(status_code: u16, body: String) -> Self {
        let headers = Headers { content_type: "application/json", allow: None };
        Self { status_code, headers, body, is_base64_encoded: false }
    }
}

#[cfg(test)]
mod tests {
    use spg_domain::NotificationId;

    use crate::request::RequestError;

    use super::*;

    #[test]
    fn as_the_http_api_wants_it() {
        let id = NotificationId::new("n\"1").unwrap();
        let answer = HttpAnswer::acknowledged(&Acknowledgement::new("000", &id)).unwrap();
        let expected = json!({
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": r#"{"statusCode":"000","statusMsg":"Success","notificationID":"n\"1"}"#,
            "isBase64Encoded": false,
        });
        assert_eq!(serde_json::to_value(answer).unwrap(), expected);
        let refused = serde_json::to_value(HttpAnswer::rejected(&Rejection::Request(RequestError::Method))).unwrap();
        assert_eq!(refused["headers"]["allow"], "POST");
        assert_eq!(refused["body"], r#"{"error":"only POST is allowed"}"#);
        let registered = HttpAnswer::registered(&TransactionId::new("t1").unwrap());
        assert_eq!((registered.status_code, registered.body.as_str()), (202, r#"{"transactionID":"t1"}"#));
    }
}
