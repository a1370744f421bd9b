use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use spg_simulator::Verdict::{Delivered, Failed};
use spg_simulator::{
    Change, Config, DeliveryResult, Kind, Notification, PaymentSpec, Reason, SimTime, Simulator, Status, Tamper,
    TrafficSpec,
};

use super::*;
use crate::item::Step;
use crate::load::latency::{self, FromWebhook, Moments, Sample};

/// When it was stored, and when the merchant had the event.
const STORED_AT: u64 = 1_000;
const TOLD_AT: u64 = 1_200;

/// One payment that became Success and was acknowledged, stored and told as it should be; a test spoils one thing.
struct Story {
    planned: PlannedPayment,
    truth: Payment,
    report: PaymentReport,
    item: Option<Item>,
    events: Vec<Event>,
}

impl Story {
    async fn new() -> Self {
        let spg = Simulator::start(Config::default()).await.unwrap();
        let like = spg.plan_burst(&TrafficSpec { payments: 1, ..TrafficSpec::default() }).unwrap().payments.remove(0);
        let id = spg.create(PaymentSpec::new(Kind::MbWay, 1590)).unwrap();
        spg.set_status(&id, Change::from(Status::Success)).unwrap();
        let notification: Notification = spg.notification(&id).unwrap();
        let mut report = spg.report().payments.remove(1);
        report.notifications[0].outcome = Outcome::Delivered;
        let step = Step { to: "Success".to_owned(), source: "StatusApi".to_owned(), at: STORED_AT };
        let item = Item {
            status: "Success".to_owned(),
            version: 2,
            sequence: 1,
            notifications: BTreeMap::from([(notification.notification_id, "Claimed".to_owned())]),
            history: vec![step],
            ..Item::default()
        };
        let planned = PlannedPayment { transaction_id: id.clone(), ending: Ending::Success, ..like };
        Self { planned, truth: spg.payment(&id).unwrap(), report, item: Some(item), events: vec![event(&id, 1, true)] }
    }

    fn seen(&self) -> Seen<'_> {
        let Self { planned, truth, report, item, events } = self;
        Seen { planned, truth, report: Some(report), item: item.as_ref(), events, told_at: Some(TOLD_AT) }
    }

    fn verdict(&self) -> Verdict {
        compare(&[self.seen()])
    }

    /// The webhook of its end as it was sent at these moments.
    fn sent(&mut self, attempts: &[(u64, bool, Tamper)]) {
        let notification = &mut self.report.notifications[0];
        let attempt = |&(at, delivered, tamper): &(u64, bool, Tamper)| DeliveryResult {
            notification: notification.number,
            notification_id: notification.notification_id.clone(),
            transaction_id: self.planned.transaction_id.clone(),
            claims: notification.claims.clone(),
            attempt: 0,
            at: SimTime(Duration::from_millis(at)),
            tamper,
            key: 0,
            took_milliseconds: 7,
            http_status: None,
            answer: String::new(),
            answer_lost: false,
            verdict: if delivered { Delivered } else { Failed(Reason::TimedOut) },
        };
        notification.attempts = attempts.iter().map(attempt).collect();
    }

    fn sample(&self) -> Sample {
        latency::samples(&[self.seen()], 0, &Told).remove(0)
    }

    /// How many were lost, wrong and twice.
    fn counts(&self) -> (usize, usize, usize) {
        let verdict = self.verdict();
        assert_eq!(verdict.held(), verdict == Verdict::default());
        (verdict.lost.len(), verdict.wrong.len(), verdict.duplicated.len())
    }

    fn item(&mut self) -> &mut Item {
        self.item.as_mut().unwrap()
    }
}

fn event(id: &str, sequence: u64, paid: bool) -> Event {
    let detail: Value = json!({
        "schemaVersion": 1, "eventId": format!("{id}#{sequence}"), "transactionID": id, "sequence": sequence, "version": 1 + sequence,
        "paymentStatus": "Success", "previousStatus": "Pending", "paid": paid, "retryEligible": false,
        "merchantTransactionId": null, "terminalId": null, "paymentMethod": null, "paymentType": null, "amount": null,
        "occurredAt": null, "confirmedAt": null, "reason": null,
    });
    Event { detail_type: "Transaction Finalised".to_owned(), source: "spg.transactions".to_owned(), detail }
}

/// SPG's change was at 400; a webhook was sent when its attempt says so.
struct Told;

impl Moments for Told {
    fn ended(&self, _seen: &Seen<'_>) -> u64 {
        400
    }

    fn sent(&self, webhook: &DeliveryResult) -> u64 {
        u64::try_from(webhook.at.0.as_millis()).unwrap()
    }
}

#[tokio::test]
async fn times_run_from_the_change_and_from_the_first_genuine_webhook_to_the_state_and_to_the_event() {
    let mut story = Story::new().await;
    story.sent(&[(450, false, Tamper::Body), (500, false, Tamper::None), (900, true, Tamper::None)]);
    let sample = story.sample();
    assert_eq!((sample.took_milliseconds, sample.told_milliseconds), (600, Some(800)));
    assert_eq!(sample.webhook, Some(FromWebhook { acknowledged: 407, stored: 500, told: 700 }));
}

#[tokio::test]
async fn what_was_stored_before_its_webhook_was_not_found_by_it() {
    let mut story = Story::new().await;
    assert_eq!(story.sample().webhook, None, "no webhook was sent");
    story.sent(&[(1_001, true, Tamper::None)]);
    assert_eq!(story.sample().webhook, None, "the state was known before");
    story.sent(&[(1_000, true, Tamper::None)]);
    assert_eq!(story.sample().webhook, Some(FromWebhook { acknowledged: 7, stored: 0, told: 200 }));
    story.report.notifications[0].claims = Status::Pending;
    assert_eq!(story.sample().webhook, None, "no webhook claimed the end");
}

#[tokio::test]
async fn as_it_should_be_also_when_an_event_comes_again() {
    let mut story = Story::new().await;
    assert_eq!(story.verdict(), Verdict::default());
    story.events.push(story.events[0].clone());
    assert_eq!(story.counts(), (0, 0, 0));
}

#[tokio::test]
async fn what_is_missing_is_lost() {
    let mut story = Story::new().await;
    story.events.clear();
    assert_eq!(story.counts(), (3, 0, 0), "an outcome is stored and not told: {:?}", story.verdict());

    let mut story = Story::new().await;
    story.item().notifications.clear();
    assert_eq!(story.counts(), (1, 0, 0));

    let mut story = Story::new().await;
    story.item().status = "Pending".to_owned();
    assert_eq!(story.counts(), (1, 0, 0));

    let mut story = Story::new().await;
    story.item = None;
    assert!(story.verdict().lost.len() >= 2, "{:?}", story.verdict());

    let mut story = Story::new().await;
    story.report.notifications[0].outcome = Outcome::Failed;
    assert_eq!(story.counts(), (1, 0, 0));
}

#[tokio::test]
async fn what_spg_does_not_say_is_wrong() {
    let mut story = Story::new().await;
    story.item().status = "Declined".to_owned();
    assert_eq!(story.counts(), (0, 1, 0));

    let mut story = Story::new().await;
    story.item().history[0].source = "Notification".to_owned();
    assert_eq!(story.counts(), (0, 1, 0));

    let mut story = Story::new().await;
    story.events[0].detail["paid"] = json!(false);
    assert_eq!(story.counts(), (0, 1, 0));

    let mut story = Story::new().await;
    story.report.notifications[0].outcome = Outcome::Lost;
    assert_eq!(story.counts(), (0, 1, 0), "recorded, and never sent");

    let mut story = Story::new().await;
    story.item().attention.insert("Lapsed".to_owned());
    assert_eq!(story.counts(), (0, 1, 0));
}

#[tokio::test]
async fn one_effect_told_twice_is_twice() {
    let mut story = Story::new().await;
    story.events.push(event(story.events[0].transaction_id(), 1, false));
    assert_eq!(story.counts().2, 1, "other content: {:?}", story.verdict());

    let mut story = Story::new().await;
    story.events.push(event(story.events[0].transaction_id(), 2, true));
    assert_eq!(story.counts().2, 2, "finalised twice, and one more than is stored: {:?}", story.verdict());

    let mut story = Story::new().await;
    story.events[0] = event(story.events[0].transaction_id(), 2, true);
    assert_eq!(story.counts().2, 1, "not as it is stored: {:?}", story.verdict());
}
