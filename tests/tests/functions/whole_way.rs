//! One payment through all parts: webhook, message, item, image of the stream, event.

use serde_json::{Value, json};
use tests::aws::BusEvent;
use tests::events::{self, SqsRecord};
use tests::{Function, schema};

use crate::support::{Stand, answer, cost, deliver, payload, process, says};

const NOTHING: [String; 0] = [];

/// The functions of one deployment.
pub struct Deployment {
    pub stand: Stand,
    pub ack: Function,
    pub processor: Function,
    pub publisher: Function,
}

impl Deployment {
    pub fn new() -> Self {
        let stand = Stand::new();
        let [ack, processor, publisher] = ["ack", "processor", "publisher"].map(|name| stand.start(name));
        Self { stand, ack, processor, publisher }
    }

    /// Delivers a webhook, takes its message off the queue, and publishes what the stream says of the transaction.
    /// Returns the event, if there is one.
    pub fn webhook(&self, payload: &Value) -> Option<BusEvent> {
        self.stand.reset_calls();
        let answer = deliver(&self.ack, payload);
        assert_eq!((answer.status, &answer.json()["notificationID"]), (200, &payload["notificationID"]));
        let records: Vec<SqsRecord> = self.stand.aws.queued().iter().map(SqsRecord::from).collect();
        assert_eq!(process(&self.processor, &records), NOTHING);
        let image = self.stand.aws.table().raw_item(payload["transactionID"].as_str().unwrap()).unwrap();
        self.publisher.invoke(events::dynamodb_stream(&[image])).unwrap();
        let mut events = self.stand.aws.events();
        assert!(events.len() <= 1, "{events:?}");
        events.pop().inspect(check_event)
    }
}

/// The event is what its schema says, to the last field.
fn check_event(event: &BusEvent) {
    let schema = schema::of_event(&event.detail_type);
    let whole = json!({"source": event.source, "detail-type": event.detail_type, "detail": event.detail});
    assert_eq!(schema::violations(&schema, &whole), NOTHING);
    let described = schema["properties"]["detail"]["properties"].as_object().unwrap();
    let fields = event.detail.as_object().unwrap();
    assert_eq!(fields.keys().collect::<Vec<_>>(), described.keys().collect::<Vec<_>>());
    assert_eq!(
        event.detail["eventId"],
        format!("{}#{}", event.detail["transactionID"].as_str().unwrap(), event.detail["sequence"])
    );
}

fn sequence(event: &BusEvent) -> u64 {
    event.detail["sequence"].as_u64().unwrap()
}

#[test]
fn a_payment_is_confirmed_corrected_and_told_once_per_change() {
    let way = Deployment::new();
    way.stand.status_api.script("t1", [says("t1", "Success")]);
    let event = way.webhook(&payload("t1", "n1", "Success")).unwrap();
    assert_eq!(event.detail_type, "Transaction Finalised");
    let first = sequence(&event);
    assert_eq!(Some(first), way.stand.item("t1")["published"]["at"].as_u64(), "the decision's clock");
    assert_eq!((&event.detail["paid"], &event.detail["paymentStatus"]), (&json!(true), &json!("Success")));
    assert_eq!(event.detail["amount"], json!({"value": "15.90", "currency": "EUR"}));
    assert_eq!(event.detail["occurredAt"], "2026-03-12T10:48:44.000Z");
    assert_eq!(event.detail["reason"], Value::Null);
    let calls =
        [("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 1), ("events:PutEvents", 1), ("sqs:SendMessage", 1)];
    assert_eq!(way.stand.cost(), cost(calls, 1), "one payment, from the webhook to the bus");

    // C.4's decline after the authorisation.
    way.stand.status_api.script("t1", [says("t1", "Declined")]);
    let event = way.webhook(&payload("t1", "n2", "Declined")).unwrap();
    assert_eq!((event.detail_type.as_str(), sequence(&event) > first), ("Transaction Corrected", true));
    assert_eq!((&event.detail["paid"], &event.detail["previousStatus"]), (&json!(false), &json!("Success")));
    assert_eq!(event.detail["reason"], "PostAuthorisationDecline");
    let item = way.stand.item("t1");
    assert_eq!((&item["paymentStatus"], &item["version"]), (&json!("Declined"), &json!(2)));
}

#[test]
fn a_mismatch_needs_attention_and_is_not_paid() {
    let way = Deployment::new();
    let mut other = answer("t1", "Success");
    other["amount"]["value"] = json!(1.59);
    way.stand.status_api.always("t1", tests::Reply::json(200, &other));
    let event = way.webhook(&payload("t1", "n1", "Success")).unwrap();
    assert_eq!(
        (event.detail_type.as_str(), &event.detail["reason"]),
        ("Transaction Needs Attention", &json!("AmountMismatch"))
    );
    assert_eq!((&event.detail["paid"], &event.detail["paymentStatus"]), (&json!(false), &json!("Pending")));
    assert_eq!(event.detail["confirmedAt"], Value::Null);
    assert_eq!(way.stand.item("t1")["paymentStatus"], "Pending");
}

#[test]
fn a_timeout_may_be_tried_again_and_a_cancellation_is_not_paid() {
    let way = Deployment::new();
    way.stand.status_api.always("t1", says("t1", "Timeout"));
    let event = way.webhook(&payload("t1", "n1", "Timeout")).unwrap();
    assert_eq!((&event.detail["paymentStatus"], &event.detail["retryEligible"]), (&json!("Timeout"), &json!(true)));

    let mut cancelled = answer("t2", "Success");
    cancelled["paymentType"] = json!("CANC");
    way.stand.status_api.always("t2", tests::Reply::json(200, &cancelled));
    let mut webhook = payload("t2", "n1", "Success");
    webhook["paymentType"] = json!("CANC");
    let event = way.webhook(&webhook).unwrap();
    assert_eq!((&event.detail["paymentStatus"], &event.detail["paid"]), (&json!("Success"), &json!(false)));
}

#[test]
fn a_webhook_that_says_nothing_new_publishes_nothing() {
    let way = Deployment::new();
    assert_eq!(way.webhook(&payload("t1", "n1", "Pending")), None);
    way.stand.status_api.always("t1", says("t1", "Success"));
    assert!(way.webhook(&payload("t1", "n2", "Success")).is_some());
    assert_eq!(way.webhook(&payload("t1", "n3", "Pending")), None);
    assert_eq!(way.webhook(&payload("t1", "n4", "Success")), None);
}
