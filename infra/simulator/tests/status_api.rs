//! The Status API over real HTTP.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{eventually, queried_status, query, status_query};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use spg_simulator::{
    Amount, Answer, Change, Config, Credentials, Fault, FaultRule, Kind, PaymentSpec, Simulator, Status,
};

async fn start() -> Simulator {
    Simulator::start(Config::default()).await.unwrap()
}

fn mb_way(id: &str) -> PaymentSpec {
    PaymentSpec::new(Kind::MbWay, 1590).transaction_id(id).style(Default::default())
}

#[tokio::test]
async fn checks_token_then_client_id_then_transaction() {
    let spg = start().await;
    spg.create(mb_way("t1")).unwrap();
    let cases = [
        ("t1", None, None, 401),
        ("t1", Some("Bearer wrong"), Some("simulated-client"), 401),
        ("t1", Some("simulated-token"), Some("simulated-client"), 401),
        ("t1", Some("Bearer simulated-token"), None, 403),
        ("t1", Some("Bearer simulated-token"), Some("wrong"), 403),
        ("t1", Some("Bearer simulated-token"), Some("simulated-client"), 200),
        ("t2", Some("Bearer simulated-token"), Some("simulated-client"), 404),
        ("t2", Some("Bearer wrong"), Some("simulated-client"), 401),
    ];
    for (id, token, client_id, expected) in cases {
        let mut request = reqwest::Client::new().get(format!("{}/payments/{id}/status", spg.status_api_url()));
        request = token.into_iter().fold(request, |request, token| request.header("Authorization", token));
        request = client_id.into_iter().fold(request, |request, id| request.header("X-IBM-Client-Id", id));
        assert_eq!(request.send().await.unwrap().status(), expected, "{id} {token:?} {client_id:?}");
    }
    let post = reqwest::Client::new().post(format!("{}/payments/t1/status", spg.status_api_url()));
    assert_eq!(post.send().await.unwrap().status(), 405);
    let answers: Vec<_> = spg.queries("t1").iter().map(|query| query.http).collect();
    assert_eq!(answers, [401, 401, 401, 403, 403, 200].map(Some));
    assert_eq!(spg.queries_total(), 8);
}

#[tokio::test]
async fn a_terminal_may_have_credentials_of_its_own() {
    let own = Credentials { token: "own".to_owned(), client_id: "own-client".to_owned() };
    let config = Config { terminal_credentials: BTreeMap::from([("7".to_owned(), own)]), ..Config::default() };
    let spg = Simulator::start(config).await.unwrap();
    spg.create(mb_way("ours")).unwrap();
    spg.create(mb_way("theirs").terminal("7")).unwrap();
    assert_eq!(query(&spg, "ours").await.0, 200);
    assert_eq!(query(&spg, "theirs").await.0, 401);
    let request = reqwest::Client::new().get(format!("{}/payments/theirs/status", spg.status_api_url()));
    let request = request.bearer_auth("own").header("X-IBM-Client-Id", "own-client");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn any_transaction_id_can_be_queried() {
    let spg = start().await;
    for id in ["a/b", "a?b=c", "a#b", "100%", "é 漢 🦀", "..a", "a%2Fb", "\u{1}", "a&b+c;d\\e\"f"] {
        spg.create(mb_way(id)).unwrap();
        let encoded = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
        let (status, answer) = query(&spg, &encoded).await;
        assert_eq!((status, &answer["transactionID"]), (200, &json!(id)), "{id}");
        assert_eq!(spg.queries(id).len(), 1, "{id}");
    }
}

#[tokio::test]
async fn shows_the_truth_after_its_lag() {
    // An hour passes within a second.
    let spg = Simulator::start(Config { time_scale: 3600, ..Config::default() }).await.unwrap();
    let id = spg.create(mb_way("t1").lag(Duration::from_secs(7200))).unwrap();
    spg.set_status(&id, Status::Success).unwrap();
    assert_eq!(queried_status(&spg, &id).await, "Pending");
    let waiting = async { while queried_status(&spg, &id).await != "Success" {} };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    let queries = spg.queries(&id);
    let first_success = queries.iter().find(|query| query.answered == "Success").unwrap();
    assert!(first_success.at.0 >= Duration::from_secs(7200));
}

#[tokio::test]
async fn a_script_is_answered_in_order_and_then_the_truth() {
    let spg = start().await;
    let id = spg.create(mb_way("t1")).unwrap();
    let script = vec![
        Answer::showing(Status::Other("Partial".into())),
        Answer::showing(Change::from(Status::Success).amount(Amount::from_cents(9900))).times(2),
        Answer::truth().merge(json!({"amount": null, "merchant": {"terminalId": "7"}})),
        Answer::http(408),
    ];
    spg.script(&id, script).unwrap();
    assert_eq!(queried_status(&spg, &id).await, "Partial");
    for _turn in 0..2 {
        let (_, answer) = query(&spg, &id).await;
        assert_eq!((&answer["paymentStatus"], &answer["amount"]["value"]), (&json!("Success"), &json!(99.0)));
    }
    let (_, answer) = query(&spg, &id).await;
    assert_eq!((answer.get("amount"), &answer["merchant"]["terminalId"]), (None, &json!("7")));
    assert_eq!(query(&spg, &id).await.0, 408);
    assert_eq!(
        query(&spg, &id).await,
        (200, spg_simulator::wire::status_answer(&spg.payment(&id).unwrap(), spg.payment(&id).unwrap().truth()))
    );
}

#[tokio::test]
async fn a_slow_answer_is_made_stale_by_a_later_fast_one() {
    let spg = start().await;
    let id = spg.create(mb_way("t1")).unwrap();
    let slow = Answer::showing(Status::Success).latency(Duration::from_millis(1500));
    spg.script(&id, vec![slow, Answer::showing(Status::Declined)]).unwrap();
    let slow = tokio::spawn({
        let (spg, id) = (spg.clone(), id.clone());
        async move { queried_status(&spg, &id).await }
    });
    eventually("the first query arrives", || spg.queries(&id).len() == 1).await;
    assert_eq!(queried_status(&spg, &id).await, "Declined");
    assert!(!slow.is_finished());
    assert_eq!(slow.await.unwrap(), "Success");
}

#[tokio::test]
async fn faults_strike_over_http() {
    let spg = start().await;
    let id = spg.create(mb_way("t1")).unwrap();
    spg.set_status(&id, Status::Success).unwrap();
    let retry_after = Fault::TooManyRequests { retry_after_seconds: Some(3) };
    for (fault, http, body) in [
        (Fault::Unavailable, 503, "503 Service Unavailable"),
        (retry_after, 429, "returnStatus"),
        (Fault::Status { http: 500 }, 500, "upstream error"),
        (Fault::Garbage, 200, "It works!"),
        (Fault::Stale, 200, "\"paymentStatus\":\"Pending\""),
        (Fault::Latency { min_milliseconds: 5, max_milliseconds: 10 }, 200, "\"paymentStatus\":\"Success\""),
    ] {
        spg.set_faults(vec![FaultRule::times(fault, 1)]);
        let response = status_query(&spg, &id).send().await.unwrap();
        assert_eq!(response.status(), http, "{fault:?}");
        let header = response.headers().get("Retry-After").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header.as_deref(), (fault == retry_after).then_some("3"));
        let text = response.text().await.unwrap();
        assert!(text.contains(body), "{fault:?}: {text}");
        assert_eq!(queried_status(&spg, &id).await, "Success", "the fault is over");
    }
    spg.set_faults(vec![FaultRule::times(Fault::Closed, 1)]);
    assert!(status_query(&spg, &id).send().await.is_err(), "closed without an answer");
    assert_eq!(queried_status(&spg, &id).await, "Success");
    assert_eq!(spg.queries(&id)[12].http, None);
}

#[tokio::test]
async fn a_query_that_was_not_waited_for_stays_unanswered() {
    let spg = start().await;
    let id = spg.create(mb_way("t1")).unwrap();
    spg.script(&id, vec![Answer::truth().latency(Duration::from_secs(3600))]).unwrap();
    let impatient = status_query(&spg, &id).timeout(Duration::from_millis(500)).send().await;
    assert!(impatient.unwrap_err().is_timeout());
    assert_eq!(queried_status(&spg, &id).await, "Pending");
    let sent: Vec<_> = spg.queries(&id).iter().map(|query| query.sent).collect();
    assert_eq!(sent, [false, true]);
}

#[tokio::test]
async fn the_backoffice_test_is_unknown_here() {
    let spg = start().await;
    let id = spg.create(PaymentSpec::backoffice_test()).unwrap();
    assert_eq!(id, "WebhookTest");
    assert_eq!(query(&spg, &id).await.0, 404);
}
