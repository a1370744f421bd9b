//! What the simulator knows, behind one lock that is never held across a wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use time::Duration as CalendarDuration;
use tokio::sync::{Semaphore, broadcast};
use tokio::task::{AbortHandle, JoinHandle};

use crate::SimulatorError;
use crate::answer::{Answer, FaultRule, Reply, apply_faults};
use crate::clock::{Clock, SimTime};
use crate::config::Config;
use crate::crypto::WebhookKey;
use crate::delivery::DeliveryResult;
use crate::event::Event;
use crate::notification::{Notification, Overrides};
use crate::orders::Book;
use crate::payment::{Change, Payment, PaymentSpec, Status};
use crate::{seed, wire};

/// The newest queries are kept for the report, at most so many.
pub const QUERIES_KEPT_MAX: usize = 200_000;

/// A query to the Status API and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusQuery {
    /// Counted from 1 over all queries.
    pub number: u64,
    #[serde(rename = "transactionID")]
    pub transaction_id: String,
    /// When it arrived.
    #[serde(rename = "atMilliseconds")]
    pub at: SimTime,
    /// The HTTP status of the answer; absent if the connection was closed instead.
    pub http: Option<u16>,
    /// The paymentStatus answered, or the fault.
    pub answered: String,
    /// Wall time by which the answer was held back.
    pub latency_milliseconds: u64,
    /// False while the answer is held back, and for good if the asking side did not wait for it.
    pub sent: bool,
}

/// A notification with every attempt to deliver it.
#[derive(Clone, Debug)]
pub struct NotificationRecord {
    pub notification: Notification,
    pub made_at: SimTime,
    pub attempts_begun: u32,
    pub deliveries: Vec<DeliveryResult>,
}

/// Everything that changes.
pub struct State {
    pub webhook_url: Option<String>,
    /// Where the webhooks of one terminal go instead.
    pub terminal_webhook_urls: HashMap<String, String>,
    pub keys: Vec<WebhookKey>,
    pub payments: Vec<Payment>,
    pub index: HashMap<String, usize>,
    pub notifications: Vec<NotificationRecord>,
    pub queries: VecDeque<StatusQuery>,
    pub queries_total: u64,
    queries_by_transaction: HashMap<String, u64>,
    scripts: HashMap<String, VecDeque<Answer>>,
    pub faults: Vec<FaultRule>,
    /// What merchants have ordered over HTTP.
    pub orders: Book,
}

impl State {
    /// The state at the start.
    pub fn new(config: &Config) -> Self {
        let mut keys = config.keys.clone();
        if keys.is_empty() {
            let mut bytes = [0; crate::crypto::KEY_BYTES];
            rand::RngCore::fill_bytes(&mut config.seed.stream("key", "0"), &mut bytes);
            keys.push(WebhookKey::from_bytes(bytes));
        }
        Self {
            webhook_url: config.webhook_url.clone(),
            terminal_webhook_urls: HashMap::new(),
            keys,
            payments: Vec::new(),
            index: HashMap::new(),
            notifications: Vec::new(),
            queries: VecDeque::new(),
            queries_total: 0,
            queries_by_transaction: HashMap::new(),
            scripts: HashMap::new(),
            faults: Vec::new(),
            orders: Book::new(config.ending),
        }
    }

    /// The payment of a transactionID.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn payment(&mut self, id: &str) -> Result<&mut Payment, SimulatorError> {
        let unknown = || SimulatorError::UnknownTransaction(id.to_owned());
        let position = self.index.get(id).ok_or_else(unknown)?;
        self.payments.get_mut(*position).ok_or_else(unknown)
    }

    /// Where the webhooks of a transaction go.
    pub fn webhook_url_of(&self, id: &str) -> Option<String> {
        let terminal = self.index.get(id).and_then(|position| self.payments.get(*position)).map(|it| &it.spec.terminal);
        let own = terminal.and_then(|terminal| self.terminal_webhook_urls.get(terminal));
        own.or(self.webhook_url.as_ref()).cloned()
    }

    /// The record of a notification.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownNotification`]
    pub fn notification(&mut self, number: u64) -> Result<&mut NotificationRecord, SimulatorError> {
        let unknown = SimulatorError::UnknownNotification(number);
        let position = number.checked_sub(1).and_then(|position| usize::try_from(position).ok());
        position.and_then(|position| self.notifications.get_mut(position)).ok_or(unknown)
    }

    /// Appends answers to a payment's script.
    pub fn script(&mut self, id: &str, answers: Vec<Answer>) {
        self.scripts.entry(id.to_owned()).or_default().extend(answers);
    }

    /// Drops what is left of a payment's script.
    pub fn clear_script(&mut self, id: &str) {
        self.scripts.remove(id);
    }

    fn next_scripted(&mut self, id: &str) -> Option<Answer> {
        let script = self.scripts.get_mut(id)?;
        while script.front().is_some_and(|answer| answer.times == 0) {
            script.pop_front();
        }
        let answer = script.front_mut()?;
        if answer.times != u32::MAX {
            answer.times -= 1;
        }
        Some(answer.clone())
    }
}

/// What all parts of a running simulator share.
pub struct Shared {
    pub config: Config,
    pub clock: Clock,
    pub client: reqwest::Client,
    pub in_flight: Semaphore,
    pub events: broadcast::Sender<Event>,
    state: Mutex<State>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Shared {
    /// Shares a fresh state.
    pub fn new(config: Config, client: reqwest::Client) -> Self {
        const EVENTS_BUFFERED: usize = 4096;
        Self {
            clock: Clock::start(config.time_scale),
            client,
            in_flight: Semaphore::new(config.deliveries_in_flight_max.max(1)),
            events: broadcast::channel(EVENTS_BUFFERED).0,
            state: Mutex::new(State::new(&config)),
            tasks: Mutex::new(Vec::new()),
            config,
        }
    }

    /// Starts work in the background, which ends with the simulator.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let task = tokio::spawn(work);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.abort_handle());
        task
    }

    /// Ends all background work at once.
    pub fn abort_all(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// The state, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever listens.
    pub fn tell(&self, event: Event) {
        // Nobody listening is no error.
        let _nobody = self.events.send(event);
    }

    /// Creates a payment.
    pub fn create(&self, spec: PaymentSpec) -> Result<String, SimulatorError> {
        let now = self.clock.now();
        let mut state = self.lock();
        let number = u64::try_from(state.payments.len()).unwrap_or(u64::MAX).saturating_add(1);
        let original = spec.same_reference_as.clone();
        let mut payment = Payment::create(spec, number, self.config.seed, now);
        if let Some(original) = original {
            payment.reference.clone_from(&state.payment(&original)?.reference);
        }
        let id = payment.transaction_id.clone();
        if state.index.contains_key(&id) {
            return Err(SimulatorError::DuplicateTransaction(id));
        }
        let status = payment.truth().status.clone();
        let position = state.payments.len();
        state.index.insert(id.clone(), position);
        state.payments.push(payment);
        drop(state);
        self.tell(Event::Created { at: now, transaction_id: id.clone(), status });
        Ok(id)
    }

    /// Changes the truth about a payment.
    pub fn change(&self, id: &str, change: &Change) -> Result<(), SimulatorError> {
        let now = self.clock.now();
        self.lock().payment(id)?.change(change, now);
        self.tell(Event::Changed { at: now, transaction_id: id.to_owned(), status: change.status.clone() });
        Ok(())
    }

    /// Makes a notification of what is so now.
    pub fn notify(&self, id: &str, overrides: &Overrides) -> Result<Notification, SimulatorError> {
        let made_at = self.clock.now();
        let mut state = self.lock();
        let payment = state.payment(id)?;
        payment.notifications += 1;
        let drawn = format!("{}/{}", payment.number, payment.notifications);
        let notification_id = overrides
            .notification_id
            .clone()
            .unwrap_or_else(|| seed::uuid(&mut self.config.seed.stream("notification", &drawn)));
        let truth = match &overrides.change {
            Some(change) => payment.truth().after(change, payment.method()),
            None => payment.truth().clone(),
        };
        let mut shown = payment.clone();
        if let Some(terminal) = &overrides.terminal {
            shown.spec.terminal.clone_from(terminal);
        }
        // One second per notification, not the clock: the dates replay with the seed.
        let seconds = i64::try_from(payment.number.saturating_add(payment.notifications)).unwrap_or(i64::MAX);
        let date = self.config.epoch.saturating_add(CalendarDuration::seconds(seconds));
        let mut payload = wire::notification(&shown, &truth, &notification_id, date);
        if let Some(patch) = &overrides.merge {
            wire::merge(&mut payload, patch);
        }
        let claims = payload["paymentStatus"].as_str().map_or(truth.status, |text| Status::from(text.to_owned()));
        let payload = overrides.raw.clone().unwrap_or_else(|| payload.to_string());
        let number = u64::try_from(state.notifications.len()).unwrap_or(u64::MAX).saturating_add(1);
        let notification =
            Notification { number, notification_id, transaction_id: id.to_owned(), claims, drawn_for: drawn, payload };
        let record = NotificationRecord {
            notification: notification.clone(),
            made_at,
            attempts_begun: 0,
            deliveries: Vec::new(),
        };
        state.notifications.push(record);
        Ok(notification)
    }

    /// Decides the answer to a query at its arrival, and records it. Returns the query's number.
    pub fn query(&self, id: &str, refusal: Option<Reply>) -> (u64, Reply) {
        let now = self.clock.now();
        let mut state = self.lock();
        let reply = refusal.unwrap_or_else(|| self.decide(&mut state, id, now));
        state.queries_total += 1;
        let query = StatusQuery {
            number: state.queries_total,
            transaction_id: id.to_owned(),
            at: now,
            http: (!reply.close).then_some(reply.http),
            answered: reply.what.clone(),
            latency_milliseconds: u64::try_from(reply.latency.as_millis()).unwrap_or(u64::MAX),
            sent: false,
        };
        if state.queries.len() == QUERIES_KEPT_MAX {
            state.queries.pop_front();
        }
        let number = query.number;
        state.queries.push_back(query.clone());
        drop(state);
        self.tell(Event::Queried(query));
        (number, reply)
    }

    fn decide(&self, state: &mut State, id: &str, now: SimTime) -> Reply {
        let count = state.queries_by_transaction.entry(id.to_owned()).or_insert(0);
        *count += 1;
        let query = *count;
        let known =
            state.payment(id).ok().filter(|payment| !payment.spec.unknown_to_status_api).map(|payment| payment.clone());
        let (truth, stale) = match &known {
            None => (Reply::error(404, "E0101", "unknown transaction"), None),
            Some(payment) => {
                let shown = payment.shown(now);
                if let Some(answer) = state.next_scripted(id) {
                    return Reply::scripted(&answer, payment, shown);
                }
                let before = payment.truths.len().saturating_sub(2);
                (Reply::truth(payment, shown), Some(Reply::truth(payment, &payment.truths[before].truth)))
            }
        };
        apply_faults(truth, stale, &mut state.faults, self.config.seed, id, query)
    }

    /// Notes that the answer to a query was sent.
    pub fn answered(&self, number: u64) {
        let mut state = self.lock();
        if let Some(query) = state.queries.iter_mut().rev().find(|query| query.number == number) {
            query.sent = true;
        }
    }
}
