//! Webhooks over real HTTP to a merchant that opens and acknowledges them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Answer, start};
use serde_json::{Value, json};
use spg_simulator::crypto::CryptoError;
use spg_simulator::{
    Amount, Change, Config, DeliveryPlan, Ending, Kind, Overrides, PaymentSpec, Reason, Status, Tamper, Verdict,
    WebhookKey, lifecycle, retry,
};

fn verdicts(results: &[spg_simulator::DeliveryResult]) -> Vec<String> {
    results.iter().map(|result| result.verdict.to_string()).collect()
}

#[tokio::test]
async fn a_genuine_webhook_is_opened_and_acknowledged() {
    let (spg, merchant) = start(Config::default()).await;
    let id = spg.create(PaymentSpec::new(Kind::MbWay, 1590)).unwrap();
    let notification = spg.notification(&id).unwrap();
    spg.set_status(&id, Status::Success).unwrap();
    let results = spg.deliver(&notification, &DeliveryPlan::default()).await;
    assert_eq!(verdicts(&results), ["delivered"]);
    let payload = &merchant.payloads()[0];
    assert_eq!(payload["paymentStatus"], "Pending", "fixed when it was made");
    assert_eq!(
        (&payload["transactionID"], &payload["notificationID"]),
        (&json!(id), &json!(notification.notification_id))
    );
    assert_eq!(merchant.received()[0].content_type, "text/plain");
}

#[tokio::test]
async fn a_terminal_may_have_an_address_of_its_own() {
    let (spg, merchant) = start(Config::default()).await;
    let ours = spg.create(PaymentSpec::new(Kind::MbWay, 1590)).unwrap();
    let other = spg.create(PaymentSpec::new(Kind::MbWay, 1590).terminal("60001")).unwrap();
    // Nobody listens on port 1.
    spg.set_terminal_webhook_url("60001", Some("http://127.0.0.1:1/webhook"));
    assert!(spg.notify(&ours).await.unwrap()[0].verdict.is_delivered());
    let refused = spg.notify(&other).await.unwrap();
    assert!(matches!(refused[0].verdict, Verdict::Failed(Reason::Connection(_))), "{refused:?}");
    assert_eq!(merchant.payloads().len(), 1);
    spg.set_terminal_webhook_url("60001", None);
    assert!(spg.notify(&other).await.unwrap()[0].verdict.is_delivered());
}

#[tokio::test]
async fn copies_come_with_ivs_of_their_own() {
    let (spg, merchant) = start(Config::default()).await;
    let id = spg.create(PaymentSpec::new(Kind::Card, 100)).unwrap();
    let notification = spg.notification(&id).unwrap();
    let at_once = DeliveryPlan { at_once: true, content_type: "application/json".into(), ..DeliveryPlan::copies(5) };
    assert_eq!(spg.deliver(&notification, &at_once).await.len(), 5);
    assert_eq!(spg.deliver(&notification, &DeliveryPlan::copies(2)).await.last().unwrap().attempt, 6);
    let received = merchant.received();
    let mut ivs: Vec<_> = received.iter().map(|one| one.envelope.iv.clone()).collect();
    ivs.sort();
    ivs.dedup();
    assert_eq!(ivs.len(), 7);
    assert!(received.iter().all(|one| one.opened == received[0].opened));
    assert_eq!(received[0].content_type, "application/json");
}

#[tokio::test]
async fn nothing_tampered_can_be_opened() {
    let (spg, merchant) = start(Config::default()).await;
    let id = spg.create(PaymentSpec::new(Kind::Card, 100)).unwrap();
    let notification = spg.notification(&id).unwrap();
    let unreadable = |part| Err(CryptoError::Encoding(part));
    let cases = [
        (Tamper::Body, Err(CryptoError::Authentication)),
        (Tamper::Tag, Err(CryptoError::Authentication)),
        (Tamper::Iv, Err(CryptoError::Authentication)),
        (Tamper::ForgedKey, Err(CryptoError::Authentication)),
        (Tamper::Plaintext, unreadable("the body")),
        (Tamper::DamagedBase64, unreadable("the body")),
        (Tamper::PlaintextWithoutHeaders, unreadable("X-Initialization-Vector")),
        (Tamper::MissingHeaders, unreadable("X-Initialization-Vector")),
        (Tamper::EmptyBody, Err(CryptoError::Authentication)),
    ];
    for (tamper, expected) in cases {
        let results = spg.deliver(&notification, &DeliveryPlan::tampered(tamper)).await;
        assert_eq!(merchant.received().last().unwrap().opened, expected, "{tamper:?}");
        assert!(results[0].is_as_expected() && !results[0].verdict.is_delivered());
    }
    let report = spg.report();
    assert_eq!((report.summary.refused, report.summary.failed, report.is_as_expected()), (9, 0, true));

    // A merchant who acknowledges a forgery is caught.
    let forged = json!({"statusCode": "000", "statusMsg": "Success", "notificationID": notification.notification_id});
    merchant.next_answers([Answer::Fixed(200, forged.to_string())]);
    assert!(!spg.deliver(&notification, &DeliveryPlan::tampered(Tamper::Body)).await[0].is_as_expected());
    assert!(!spg.report().is_as_expected());
    assert!(spg.report().table().contains("1 FORGED"));
}

#[tokio::test]
async fn a_plan_chooses_the_key() {
    let (spg, merchant) = start(Config::default()).await;
    let (old, new) = (spg.keys()[0].clone(), WebhookKey::from_bytes([9; 32]));
    spg.set_keys(vec![old, new.clone()]);
    let id = spg.create(PaymentSpec::new(Kind::Card, 100)).unwrap();
    let notification = spg.notification(&id).unwrap();
    assert_eq!(spg.deliver(&notification, &DeliveryPlan::key(1)).await[0].http_status, Some(401));
    merchant.keys.lock().unwrap().push(new);
    assert_eq!(verdicts(&spg.deliver(&notification, &DeliveryPlan::key(1)).await), ["delivered"]);
    assert_eq!(verdicts(&spg.deliver(&notification, &DeliveryPlan::key(2)).await), ["failed: there is no such key"]);
}

#[tokio::test]
async fn answers_are_judged_and_reported() {
    let (spg, merchant) = start(Config { acknowledgement_timeout: Duration::from_secs(2), ..Config::default() }).await;
    let id = spg.create(PaymentSpec::new(Kind::Card, 100)).unwrap();
    let notification = spg.notification(&id).unwrap();
    merchant.next_answers([Answer::Fixed(202, String::new()), Answer::Fixed(200, "OK".into()), Answer::Never]);
    let results = spg.deliver(&notification, &DeliveryPlan::copies(3)).await;
    assert_eq!(verdicts(&results), ["failed: HTTP 202", "failed: answer is not a JSON object", "failed: time-out"]);
    let lost_answer = DeliveryPlan { lose_answer: true, ..DeliveryPlan::default() };
    let lost = spg.deliver(&notification, &lost_answer).await;
    assert_eq!(
        (lost[0].http_status, &lost[0].verdict, lost[0].is_as_expected()),
        (Some(200), &Verdict::Failed(Reason::TimedOut), true)
    );
    assert_eq!(verdicts(&spg.deliver(&notification, &DeliveryPlan::lost()).await), ["lost on purpose"]);
    assert_eq!(merchant.received().len(), 4);
    let table = spg.report().table();
    assert!(table.contains("what SPG would report to the merchant") && table.contains("failed: HTTP 202"), "{table}");

    spg.set_webhook_url("http://127.0.0.1:1/webhook");
    let refused = spg.deliver(&notification, &DeliveryPlan::default()).await;
    assert!(matches!(refused[0].verdict, Verdict::Failed(Reason::Connection(_))), "{refused:?}");
    let unanswered = spg.deliver(&notification, &DeliveryPlan::tampered(Tamper::Body)).await;
    assert!(!unanswered[0].is_as_expected(), "no connection refuses no forgery");
}

#[tokio::test]
async fn retries_follow_the_schedule_until_acknowledged() {
    // Five minutes pass within ten milliseconds.
    let (spg, merchant) = start(Config { time_scale: 30_000, ..Config::default() }).await;
    let id = spg.create(PaymentSpec::new(Kind::Card, 100)).unwrap();
    merchant.next_answers((0..6).map(|_| Answer::Fixed(503, String::new())));
    let notification = spg.notification(&id).unwrap();
    let results = spg.deliver_with_retries(&notification, &DeliveryPlan::default()).await.unwrap();
    assert_eq!(results.len(), 7);
    assert!(results[6].verdict.is_delivered());
    let first = results[0].at.0;
    for (result, planned) in results.iter().zip(retry::schedule()) {
        let came = result.at.0.checked_sub(first).unwrap();
        assert!(came >= planned, "attempt {} came after {came:?}, planned {planned:?}", result.attempt);
    }
    assert!(spg.report().is_as_expected(), "delivered in the end");
}

#[tokio::test]
async fn retries_end_after_two_months() {
    // Two months pass within a second.
    let (spg, merchant) = start(Config { time_scale: 5_000_000, ..Config::default() }).await;
    let id = spg.create(PaymentSpec::new(Kind::Card, 100)).unwrap();
    merchant.next_answers((0..1000).map(|_| Answer::Fixed(500, String::new())));
    let notification = spg.notification(&id).unwrap();
    let results = spg.deliver_with_retries(&notification, &DeliveryPlan::default()).await.unwrap();
    assert_eq!(results.len(), retry::schedule().count());
    assert_eq!(spg.report().summary.failed, 1);
}

#[tokio::test]
async fn a_notification_may_differ_from_the_truth() {
    let (spg, merchant) = start(Config::default()).await;
    let id = spg.create(PaymentSpec::new(Kind::Card, 1590).style(Default::default())).unwrap();
    let genuine = spg.notification(&id).unwrap();
    let others = [
        Overrides::same_id_as(&genuine).amount(Amount::from_cents(1)),
        Overrides::claiming(Status::Declined),
        Overrides { terminal: Some("7".into()), ..Overrides::default() },
        Overrides::default().merge(json!({"transactionID": null, "notificationID": "x/y"})),
    ];
    for overrides in &others {
        let notification = spg.notification_with(&id, overrides).unwrap();
        spg.deliver(&notification, &DeliveryPlan::default()).await;
    }
    let raw = spg.notification_with(&id, &Overrides { raw: Some("not JSON".into()), ..Overrides::default() }).unwrap();
    spg.deliver(&raw, &DeliveryPlan::default()).await;
    let payloads = merchant.payloads();
    assert_eq!(
        (&payloads[0]["notificationID"], &payloads[0]["amount"]["value"]),
        (&json!(genuine.notification_id), &json!(0.01))
    );
    assert_eq!(payloads[1]["paymentStatus"], "Declined");
    assert_eq!(payloads[2]["merchant"]["terminalId"], 7);
    assert_eq!((payloads[3].get("transactionID"), &payloads[3]["notificationID"]), (None, &json!("x/y")));
    assert_eq!(merchant.received()[4].opened.as_deref(), Ok("not JSON"));
    assert_eq!(spg.payment(&id).unwrap().truth().status, Status::Pending, "the truth is as it was");
}

#[tokio::test]
async fn a_payment_lives_on_the_scaled_clock() {
    let (spg, merchant) = start(Config { time_scale: 10_000, ..Config::default() }).await;
    let id = spg.create(PaymentSpec::new(Kind::Card, 1590)).unwrap();
    let steps = lifecycle(Kind::Card, Ending::DeclinedAfterwards, &mut spg.config().seed.stream("test", ""));
    let results = spg.play(&id, steps, &DeliveryPlan::default()).unwrap().await.unwrap();
    assert_eq!(results.len(), 4);
    let mut claimed: Vec<_> = merchant.payloads().iter().map(|payload| payload["paymentStatus"].clone()).collect();
    claimed.sort_by_key(Value::to_string);
    assert_eq!(claimed, ["Declined", "InProcessing", "Pending", "Success"]);
    let truth: Vec<_> = spg.payment(&id).unwrap().truths.iter().map(|moment| moment.truth.status.to_string()).collect();
    assert_eq!(truth, ["Pending", "InProcessing", "Success", "Declined"]);
}

#[tokio::test]
async fn a_reference_can_be_generated_paid_and_paid_again() {
    let (spg, merchant) = start(Config::default()).await;
    let id = spg.create(PaymentSpec::new(Kind::Reference, 5000).payment_type("PURS")).unwrap();
    spg.set_status(&id, Change::reference_generated()).unwrap();
    spg.notify(&id).await.unwrap();
    spg.set_status(&id, Status::Success).unwrap();
    spg.notify(&id).await.unwrap();
    let again = PaymentSpec::new(Kind::Reference, 5000).same_reference_as(&id);
    let again = spg.create(again).unwrap();
    spg.set_status(&again, Status::Success).unwrap();
    spg.notify(&again).await.unwrap();
    let payloads = merchant.payloads();
    let seen = |at: usize| payloads[at]["paymentReference"]["status"].as_str().unwrap();
    assert_eq!([seen(0), seen(1), seen(2)], ["UNPAID", "PAID", "PAID"]);
    assert_eq!(payloads[0]["paymentReference"]["reference"], payloads[2]["paymentReference"]["reference"]);
    assert_ne!(payloads[0]["transactionID"], payloads[2]["transactionID"]);
}

#[tokio::test]
async fn nothing_goes_on_after_the_end() {
    let (spg, merchant) = start(Config { time_scale: 100_000, ..Config::default() }).await;
    let url = spg.base_url();
    let id = spg.create(PaymentSpec::new(Kind::Card, 100)).unwrap();
    merchant.next_answers((0..100_000).map(|_| Answer::Fixed(500, String::new())));
    let retries = spg.deliver_with_retries(&spg.notification(&id).unwrap(), &DeliveryPlan::default());
    drop(spg);
    assert!(retries.await.unwrap_err().is_cancelled());
    let gone = async { while reqwest::get(format!("{url}/control/report")).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}
