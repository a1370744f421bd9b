//! The functions with the environment that template.yaml gives them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::aws::{Aws, Table};
use crate::function::Launch;
use crate::status_api::StatusApi;
use crate::{binaries, webhook};

/// The secret with the webhook keys.
pub const WEBHOOK_KEYS_SECRET: &str = "spg-webhooks/webhook-keys";
/// The secret with the Status API's credentials.
pub const STATUS_API_SECRET: &str = "spg-webhooks/status-api";
/// The stack's name, which stands in every metric.
pub const STACK: &str = "spg-webhooks";
/// The bus of the published events.
pub const EVENT_BUS: &str = "spg-outcomes";

/// One of the four functions, ready to be started or changed further; the secrets that it reads are put in place:
/// [`webhook::KEY`] and the credentials that the Status API accepts.
pub fn launch(function: &str, aws: &Aws, status_api: &StatusApi) -> Launch {
    launch_binary(function, binaries::function(function), aws, status_api)
}

/// As [`launch`], from this binary.
pub fn launch_binary(function: &str, binary: impl AsRef<Path>, aws: &Aws, status_api: &StatusApi) -> Launch {
    set_webhook_keys(aws, &[webhook::KEY]);
    set_status_credentials(aws, StatusApi::TOKEN, StatusApi::CLIENT_ID);
    let launch = Launch::new(function, binary).aws(aws).env("STACK_NAME", STACK);
    let with_store = |launch: Launch| {
        launch
            .env("TABLE_NAME", Table::NAME)
            .env("STATUS_API_URL", status_api.url())
            .env("STATUS_API_SECRET", STATUS_API_SECRET)
    };
    match function {
        "ack" => launch.env("QUEUE_URL", aws.queue_url()).env("WEBHOOK_KEYS_SECRET", WEBHOOK_KEYS_SECRET),
        "processor" => with_store(launch).env("QUEUE_URL", aws.queue_url()).env("DLQ_URL", aws.dlq_url()),
        "sweeper" => with_store(launch).env("DUE_INDEX_NAME", Table::DUE_INDEX),
        "publisher" => launch.env("EVENT_BUS_NAME", EVENT_BUS),
        other => panic!("{other} is none of the functions"),
    }
}

/// Replaces the webhook keys, as a rotation does.
pub fn set_webhook_keys(aws: &Aws, keys: &[webhook::WebhookKey]) {
    let keys: Vec<String> = keys.iter().map(|key| STANDARD.encode(key)).collect();
    aws.set_secret(WEBHOOK_KEYS_SECRET, &json!({ "keys": keys }));
}

/// Replaces the Status API's default credentials.
pub fn set_status_credentials(aws: &Aws, token: &str, client_id: &str) {
    aws.set_secret(STATUS_API_SECRET, &json!({"default": {"token": token, "clientId": client_id}}));
}
