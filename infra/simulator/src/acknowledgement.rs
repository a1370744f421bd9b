//! The acknowledgement, judged as strictly as the v2 documentation says (E.1.4): HTTP 200 and exactly
//! `{"statusCode": "000", "statusMsg": "Success", "notificationID": "<the same>"}`; any other body, another notificationID or
//! a time-out is a failed delivery.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// The statusCode of an acknowledgement by the v2 documentation.
pub const DEFAULT_STATUS_CODE: &str = "000";
/// The statusMsg of an acknowledgement.
pub const STATUS_MESSAGE: &str = "Success";
/// At most so much of an answer is read; more is a failed delivery.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What SPG made of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// Acknowledged.
    Delivered,
    /// Not acknowledged: SPG would report this to the merchant and try again.
    Failed(Reason),
    /// Never sent: the simulator lost it on purpose.
    Lost,
}

/// Why an attempt counts as failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "detail")]
pub enum Reason {
    /// The simulator has no webhook URL or no such key.
    NotConfigured(String),
    /// No connection, or it broke.
    Connection(String),
    /// No complete answer within the time-out.
    TimedOut,
    /// Another HTTP status than 200.
    HttpStatus(u16),
    /// More than [`ANSWER_BYTES_MAX`].
    TooLong,
    /// The body is not a JSON object.
    NotAnObject,
    /// A required field is absent.
    Missing(&'static str),
    /// A field has another value, or another JSON type, than the one required.
    Wrong { field: &'static str, expected: String, found: String },
    /// A field that the documentation does not name.
    Unexpected(String),
}

impl Verdict {
    /// Whether SPG counts the notification as delivered.
    pub fn is_delivered(&self) -> bool {
        match self {
            Self::Delivered => true,
            Self::Failed(_) | Self::Lost => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered => f.write_str("delivered"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
            Self::Lost => f.write_str("lost on purpose"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured(what) => write!(f, "{what}"),
            Self::Connection(error) => write!(f, "no connection: {error}"),
            Self::TimedOut => f.write_str("time-out"),
            Self::HttpStatus(status) => write!(f, "HTTP {status}"),
            Self::TooLong => write!(f, "answer over {ANSWER_BYTES_MAX} bytes"),
            Self::NotAnObject => f.write_str("answer is not a JSON object"),
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::Wrong { field, expected, found } => write!(f, "{field} is {found}, expected {expected}"),
            Self::Unexpected(field) => write!(f, "unexpected field {field}"),
        }
    }
}

/// Judges an answer.
pub fn judge(http_status: u16, body: &[u8], status_code: &str, notification_id: &str) -> Verdict {
    match check(http_status, body, status_code, notification_id) {
        Ok(()) => Verdict::Delivered,
        Err(reason) => Verdict::Failed(reason),
    }
}

fn check(http_status: u16, body: &[u8], status_code: &str, notification_id: &str) -> Result<(), Reason> {
    if http_status != 200 {
        return Err(Reason::HttpStatus(http_status));
    }
    if body.len() > ANSWER_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err(Reason::NotAnObject);
    };
    let required = [("statusCode", status_code), ("statusMsg", STATUS_MESSAGE), ("notificationID", notification_id)];
    for (field, expected) in required {
        let found = fields.remove(field).ok_or(Reason::Missing(field))?;
        if found.as_str() != Some(expected) {
            let expected = Value::from(expected).to_string();
            return Err(Reason::Wrong { field, expected, found: found.to_string() });
        }
    }
    match fields.into_iter().next() {
        None => Ok(()),
        Some((field, _)) => Err(Reason::Unexpected(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_strict() {
        let good = r#"{"statusCode":"000","statusMsg":"Success","notificationID":"n-1"}"#;
        let long = format!("{good}{}", " ".repeat(ANSWER_BYTES_MAX));
        let cases = [
            (200, good, "delivered"),
            (200, " {\"notificationID\":\"n-1\",\n \"statusMsg\":\"Success\", \"statusCode\":\"000\"}\n", "delivered"),
            (201, good, "failed: HTTP 201"),
            (202, good, "failed: HTTP 202"),
            (401, "", "failed: HTTP 401"),
            (503, good, "failed: HTTP 503"),
            (200, "", "failed: answer is not a JSON object"),
            (200, "OK", "failed: answer is not a JSON object"),
            (200, "[]", "failed: answer is not a JSON object"),
            (200, "{}", "failed: statusCode is missing"),
            (200, &long, "failed: answer over 16384 bytes"),
            (
                200,
                r#"{"statusCode":"200","statusMsg":"Success","notificationID":"n-1"}"#,
                r#"failed: statusCode is "200", expected "000""#,
            ),
            (
                200,
                r#"{"statusCode":0,"statusMsg":"Success","notificationID":"n-1"}"#,
                r#"failed: statusCode is 0, expected "000""#,
            ),
            (
                200,
                r#"{"statusCode":"000","statusMsg":"success","notificationID":"n-1"}"#,
                r#"failed: statusMsg is "success", expected "Success""#,
            ),
            (
                200,
                r#"{"statusCode":"000","statusMsg":"Success","notificationID":"n-2"}"#,
                r#"failed: notificationID is "n-2", expected "n-1""#,
            ),
            (
                200,
                r#"{"statusCode":"000","statusMsg":"Success","notificationId":"n-1"}"#,
                "failed: notificationID is missing",
            ),
            (200, r#"{"statusCode":"000","statusMsg":"Success"}"#, "failed: notificationID is missing"),
            (
                200,
                r#"{"statusCode":"000","statusMsg":"Success","notificationID":"n-1","extra":1}"#,
                "failed: unexpected field extra",
            ),
        ];
        for (status, body, expected) in cases {
            assert_eq!(judge(status, body.as_bytes(), "000", "n-1").to_string(), expected, "{status} {body:.80}");
        }
    }

    #[test]
    fn the_status_code_is_a_parameter() {
        let body = br#"{"statusCode":"200","statusMsg":"Success","notificationID":"n-1"}"#;
        assert!(judge(200, body, "200", "n-1").is_delivered());
        assert!(!judge(200, body, "000", "n-1").is_delivered());
    }
}
