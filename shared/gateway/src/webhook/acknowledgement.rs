//! The acknowledgement (E.1.3): what SPG must read to stop retrying.

use serde::Serialize;
use spg_domain::NotificationId;

/// The statusCode that the v2 documentation demands.
pub const STATUS_CODE_DEFAULT: &str = "000";

/// The body of a 200. SPG's editions contradict one another about the statusCode, so it is a deployment parameter; it is always
/// written as a JSON string, although an integer `200` has been seen accepted in production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acknowledgement<'a> {
    #[serde(rename = "statusCode")]
    status_code: &'a str,
    #[serde(rename = "statusMsg")]
    status_msg: &'static str,
    #[serde(rename = "notificationID")]
    notification_id: &'a str,
}

impl<'a> Acknowledgement<'a> {
    pub fn new(status_code: &'a str, notification_id: &'a NotificationId) -> Self {
        Self { status_code, status_msg: "Success", notification_id: notification_id.as_str() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status_code: &str, notification_id: &str, expected: &str) {
        let id = NotificationId::new(notification_id).unwrap();
        assert_eq!(serde_json::to_string(&Acknowledgement::new(status_code, &id)).unwrap(), expected);
    }

    #[test]
    fn as_documented() {
        check(
            STATUS_CODE_DEFAULT,
            "b6571d90-35d6-41a6-b7b1-732464b1e58c",
            r#"{"statusCode":"000","statusMsg":"Success","notificationID":"b6571d90-35d6-41a6-b7b1-732464b1e58c"}"#,
        );
        check("200", "\"ç\n", r#"{"statusCode":"200","statusMsg":"Success","notificationID":"\"ç\n"}"#);
    }
}
