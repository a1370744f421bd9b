//! Opens webhooks as the product does: one JSON object a line in (`key`, `iv`, `tag`, `body`, the last three as they came), one
//! a line out: what the notification says, or `refused` with the reason. For comparing with other implementations; its
//! output is without personal data, as the queue message is.
#![allow(clippy::print_stdout, reason = "a filter between two processes")]

use std::error::Error;
use std::io::stdin;

use serde::Deserialize;
use serde_json::{Value, json};
use spg_gateway::webhook::{WebhookKeys, open, parse_notification};

#[derive(Deserialize)]
struct Webhook {
    key: String,
    iv: Option<String>,
    tag: Option<String>,
    body: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in stdin().lines() {
        let webhook: Webhook = serde_json::from_str(&line?)?;
        println!("{}", read(&webhook).unwrap_or_else(|error| json!({"refused": error.to_string()})));
    }
    Ok(())
}

fn read(webhook: &Webhook) -> Result<Value, Box<dyn Error>> {
    let keys = WebhookKeys::parse(&webhook.key)?;
    let header = |value: &Option<String>| value.clone().map(String::into_bytes);
    let (iv, tag) = (header(&webhook.iv), header(&webhook.tag));
    let plaintext = open(webhook.body.as_bytes(), iv.as_deref(), tag.as_deref(), &keys)?;
    let parsed = parse_notification(plaintext.as_ref())?;
    Ok(json!({
        "transactionID": parsed.transaction_id,
        "notification": parsed.notification,
        "dropped": parsed.dropped,
    }))
}
