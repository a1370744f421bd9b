//! Keys that have grown old are read again though everything opens, so that a key that leaked can be taken away.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

use std::sync::Mutex;
use std::time::Duration;

use ack::{Ack, Invocation, Queue, QueueError};
use serde_json::json;
use spg_domain::{Message, Timestamp};
use spg_gateway::webhook::WebhookKeys;
use spg_host::{Secret, SecretError, SecretSource, SecretText};
use spg_time::Clock;
use tests::events;
use tests::webhook::{KEY, encrypt, key_base64};

const LEAKED: [u8; 32] = *b"a key that somebody else knows!!";
const MINUTE: Duration = Duration::from_secs(60);

/// The secret as it is now; how often it was read, and whether it answers after the first time.
#[derive(Default)]
struct Source {
    text: Mutex<String>,
    reads: Mutex<u32>,
    silent: bool,
}

impl SecretSource for &Source {
    async fn read(&self) -> Result<SecretText, SecretError> {
        *self.reads.lock().unwrap() += 1;
        if self.silent && self.reads() > 1 {
            std::future::pending::<()>().await;
        }
        Ok(SecretText::new(self.text.lock().unwrap().clone()))
    }
}

impl Source {
    fn reads(&self) -> u32 {
        *self.reads.lock().unwrap()
    }
}

struct Taken;

impl Queue for Taken {
    async fn send(&self, _: &Message, _: Option<&str>) -> Result<(), QueueError> {
        Ok(())
    }
}

/// Moves when somebody sleeps.
struct TestClock(Mutex<Duration>);

impl TestClock {
    fn advance(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_780_000_000_000) + *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

type TestAck<'a> = Ack<&'a Source, Taken, TestClock>;

async fn started(secret: &Source) -> TestAck<'_> {
    *secret.text.lock().unwrap() = json!({"keys": [key_base64(&LEAKED), key_base64(&KEY)]}).to_string();
    let clock = TestClock(Mutex::default());
    let parse = |text: &str| WebhookKeys::parse(text).map_err(|error| error.to_string());
    let keys = Secret::load("webhook keys", secret, parse, clock.now()).await;
    Ack { keys, queue: Taken, clock, status_code: "000".to_owned() }
}

async fn answered(ack: &TestAck<'_>, key: &[u8; 32]) -> u16 {
    let payload = json!({"notificationID": "n1", "transactionID": "t1", "paymentStatus": "Success"});
    let (headers, body) = encrypt(key, &payload);
    let event = ack::readable(events::http_webhook(&headers, &body, false).to_string().as_bytes());
    let request = lambda_http::request::from_str(str::from_utf8(&event).unwrap()).unwrap();
    let deadline = ack.clock.now() + Duration::from_secs(9);
    ack.answer(&request, Invocation { trace: None, deadline }).await.answer.status().as_u16()
}

#[tokio::test]
async fn a_key_that_was_taken_away_is_refused_after_a_quarter_of_an_hour_and_one_webhook() {
    let secret = Source::default();
    let ack = started(&secret).await;
    *secret.text.lock().unwrap() = json!({"keys": [key_base64(&KEY)]}).to_string();
    ack.clock.advance(14 * MINUTE);
    assert_eq!((answered(&ack, &LEAKED).await, secret.reads()), (200, 1));
    ack.clock.advance(MINUTE);
    assert_eq!((answered(&ack, &LEAKED).await, secret.reads()), (200, 2));
    assert_eq!((answered(&ack, &KEY).await, secret.reads()), (200, 2), "they are young again");
    assert_eq!(answered(&ack, &LEAKED).await, 401);
}

#[tokio::test]
async fn a_secret_that_does_not_answer_delays_nobody_for_long() {
    let secret = Source { silent: true, ..Source::default() };
    let ack = started(&secret).await;
    ack.clock.advance(15 * MINUTE);
    let before = ack.clock.now();
    assert_eq!(answered(&ack, &KEY).await, 200);
    assert!(ack.clock.now().since(before) <= Duration::from_secs(1));
}
