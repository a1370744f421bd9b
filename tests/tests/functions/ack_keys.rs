//! Webhook keys: several at once, rotation, none.

use serde_json::json;
use tests::webhook::{self, KEY, WebhookKey};
use tests::{Fault, Function, deployed};

use crate::support::{Stand, cost, deliver, payload, post, register};

const NEXT_KEY: WebhookKey = *b"spg-webhooks the next key, 32 by";
const OTHER_KEY: WebhookKey = *b"spg-webhooks somebody else's key";

/// The HTTP status of a webhook under this key.
fn status(ack: &Function, key: &WebhookKey) -> u16 {
    let (headers, body) = webhook::encrypt(key, &payload("t1", "n1", "Pending"));
    post(ack, &headers, &body).status
}

#[test]
fn every_active_key_opens() {
    let stand = Stand::new();
    let launch = stand.launch("ack");
    deployed::set_webhook_keys(&stand.aws, &[NEXT_KEY, KEY]);
    let ack = launch.start().unwrap();
    assert_eq!((status(&ack, &KEY), status(&ack, &NEXT_KEY)), (200, 200));
    assert_eq!(stand.cost(), cost([("sqs:SendMessage", 2)], 0), "without another look at the secret");
}

#[test]
fn a_rotated_key_is_found_by_reading_the_secret_again_once() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    deployed::set_webhook_keys(&stand.aws, &[NEXT_KEY]);
    assert_eq!(status(&ack, &KEY), 200, "nothing is read again without need");
    assert_eq!(stand.aws.count("secretsmanager:GetSecretValue"), 0);
    assert_eq!(status(&ack, &NEXT_KEY), 200);
    assert_eq!(status(&ack, &NEXT_KEY), 200);
    assert_eq!(stand.cost(), cost([("secretsmanager:GetSecretValue", 1), ("sqs:SendMessage", 3)], 0));
    assert_eq!((status(&ack, &KEY), status(&ack, &OTHER_KEY)), (401, 401), "the old key is gone");
    assert_eq!(stand.aws.count("secretsmanager:GetSecretValue"), 1, "once a minute, whoever sends what");
}

#[test]
fn a_secret_that_cannot_be_read_or_used_leaves_the_keys_as_they_are() {
    for broken in [json!({"keys": []}), json!({"keys": ["canary"]}), json!("canary")] {
        let stand = Stand::new();
        let ack = stand.start("ack");
        stand.aws.set_secret(deployed::WEBHOOK_KEYS_SECRET, &broken);
        assert_eq!((status(&ack, &OTHER_KEY), status(&ack, &KEY)), (401, 200), "{broken}");
        assert!(!ack.logs().contains("canary"), "{}", ack.logs().text());
    }
    let stand = Stand::new();
    let ack = stand.start("ack");
    stand.aws.inject(Fault::on("secretsmanager:GetSecretValue").error(403, "AccessDeniedException"));
    assert_eq!((status(&ack, &OTHER_KEY), status(&ack, &KEY)), (401, 200));
}

#[test]
fn without_a_key_webhooks_are_sent_back_and_registrations_taken() {
    let stand = Stand::new();
    let launch = stand.launch("ack");
    deployed::set_webhook_keys(&stand.aws, &[]);
    let ack = launch.start().unwrap();
    let answer = deliver(&ack, &payload("t1", "n1", "Success"));
    assert_eq!((answer.status, stand.aws.queued().len()), (503, 0), "SPG tries again");
    assert_eq!(status(&ack, &KEY), 503);
    assert_eq!(stand.cost(), cost([("secretsmanager:GetSecretValue", 1)], 0));
    assert_eq!(register(&ack, &json!({"transactionID": "t1"})).status, 202);
}

#[test]
fn the_first_key_is_found_by_the_first_webhook() {
    let stand = Stand::new();
    let launch = stand.launch("ack");
    stand.aws.inject(Fault::on("secretsmanager:GetSecretValue").first(1).error(403, "AccessDeniedException"));
    let ack = launch.start().unwrap();
    assert_eq!(status(&ack, &KEY), 200);
    assert_eq!(stand.cost(), cost([("secretsmanager:GetSecretValue", 1), ("sqs:SendMessage", 1)], 0));
}
