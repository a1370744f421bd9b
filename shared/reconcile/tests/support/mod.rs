//! A Status API that says what it is told to, and a clock that moves only when someone sleeps.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input must fail")]

pub mod timed;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spg_domain::{
    Evidence, Facts, NoAnswerKind, Notification, NotificationId, PaymentStatus, Registration, Reply, Rules, ShortText,
    StatusAnswer, Timestamp, TransactionId,
};
use spg_reconcile::memory::MemoryStore;
use spg_reconcile::{CircuitBreaker, QueryMode, Reconciler, SettleError, Settlement, StatusApi, StatusQuery, Store};
use spg_time::Clock;

/// What the Status API does when it is asked.
#[derive(Debug, Clone)]
pub enum Said {
    Status(&'static str),
    Silent(NoAnswerKind),
    /// Rate-limited, with a Retry-After of so many seconds.
    Limited(u64),
    /// Something else happens while the query is in flight, then it answers.
    Meanwhile(Arc<dyn Meanwhile>, &'static str),
}

pub trait Meanwhile: std::fmt::Debug + Send + Sync {
    fn happen(&self);
}

#[derive(Debug, Default)]
pub struct ScriptedStatusApi {
    answers: Mutex<BTreeMap<String, VecDeque<Said>>>,
    pub queried: Mutex<Vec<String>>,
    /// The longest that each answer may take.
    pub timeouts: Mutex<Vec<Duration>>,
}

impl ScriptedStatusApi {
    /// Answers in this order; the last is repeated.
    pub fn script(&self, id: &str, answers: impl IntoIterator<Item = Said>) {
        self.answers.lock().unwrap().insert(id.to_owned(), answers.into_iter().collect());
    }

    pub fn queries(&self) -> usize {
        self.queried.lock().unwrap().len()
    }

    fn next(&self, id: &TransactionId) -> Said {
        self.queried.lock().unwrap().push(id.to_string());
        let mut answers = self.answers.lock().unwrap();
        let Some(queue) = answers.get_mut(id.as_str()) else { return Said::Silent(NoAnswerKind::NotFound) };
        if queue.len() > 1 { queue.pop_front().unwrap() } else { queue[0].clone() }
    }
}

impl StatusApi for ScriptedStatusApi {
    async fn query(&self, query: &StatusQuery) -> Reply {
        self.timeouts.lock().unwrap().push(query.timeout);
        let said = self.next(&query.transaction_id);
        let retry_after = if let Said::Limited(seconds) = said { Some(Duration::from_secs(seconds)) } else { None };
        let result = match said {
            Said::Status(text) => Ok(status_answer(text)),
            Said::Silent(kind) => Err(kind),
            Said::Limited(_) => Err(NoAnswerKind::RateLimited),
            Said::Meanwhile(event, text) => {
                event.happen();
                Ok(status_answer(text))
            }
        };
        Reply { result, http_status: None, return_code: None, retry_after, problem: None }
    }
}

#[derive(Debug, Clone, Default)]
pub struct StoppedClock(Arc<Mutex<Duration>>);

impl StoppedClock {
    pub fn advance(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        at(0) + *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

pub type TestReconciler = Reconciler<MemoryStore, ScriptedStatusApi, StoppedClock>;

pub fn reconciler() -> TestReconciler {
    Reconciler {
        store: MemoryStore::default(),
        status_api: ScriptedStatusApi::default(),
        clock: StoppedClock::default(),
        rules: Rules::default(),
        query_timeout: Duration::from_secs(8),
        circuit_breaker: CircuitBreaker::default(),
    }
}

/// Settles as the processor does, with half a minute of time.
pub async fn settle(reconciler: &TestReconciler, id: &str, evidence: &[Evidence]) -> Result<Settlement, SettleError> {
    let id = TransactionId::new(id).unwrap();
    let stored = reconciler.store.read(std::slice::from_ref(&id)).await?.remove(&id);
    let deadline = reconciler.clock.now() + Duration::from_secs(30);
    reconciler.settle(&id, stored, evidence, QueryMode::Claims, deadline).await
}

pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_780_000_000_000 + seconds * 1000)
}

pub fn status_answer(text: &str) -> StatusAnswer {
    StatusAnswer { payment_status: PaymentStatus::parse(text).unwrap(), transaction_id: None, facts: facts() }
}

/// What the merchant registers of a payment at this terminal.
pub fn register(terminal: &str) -> Evidence {
    let terminal_id = Some(ShortText::new(terminal).unwrap());
    let registration = Registration { payment_status: None, facts: Facts { terminal_id, ..facts() } };
    Evidence::Registration { registration, received_at: at(0) }
}

pub fn notify(notification_id: &str, status: &str) -> Evidence {
    let notification = Notification {
        notification_id: NotificationId::new(notification_id).unwrap(),
        payment_status: Some(PaymentStatus::parse(status).unwrap()),
        facts: facts(),
        return_code: None,
    };
    Evidence::Notification { notification, received_at: at(0) }
}

fn facts() -> Facts {
    let short_text = |text| Some(ShortText::new(text).unwrap());
    Facts { payment_method: short_text("MBWAY"), payment_type: short_text("PURS"), ..Facts::default() }
}
