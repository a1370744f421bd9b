//! Seeded traffic: a burst of mixed payments with given shares of delivery faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::SimulatorError;
use crate::clock::SimTime;
use crate::delivery::{DeliveryPlan, DeliveryResult, Tamper, deliver, deliver_with_retries};
use crate::lifecycle::{Ending, Step, lifecycle};
use crate::notification::{Notification, Overrides};
use crate::payment::{Change, Kind, PaymentSpec};
use crate::seed::chance;
use crate::state::Shared;

/// What a burst is made of. Shares are percent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TrafficSpec {
    pub payments: u32,
    /// Notifications that are delivered two or three times.
    pub duplicates: u8,
    /// Payments whose notifications come in the opposite order.
    pub reorder: u8,
    /// Notifications that never come.
    pub lose: u8,
    /// Notifications of which a tampered copy comes first.
    pub tamper: u8,
    /// Notifications that come late, by up to the spread.
    pub delay: u8,
    /// All changes happen within so much simulated time, whatever they take in life.
    #[serde(rename = "spreadMilliseconds", with = "crate::clock::milliseconds")]
    pub spread: Duration,
    /// What is not acknowledged is sent again by SPG's schedule, and the burst waits for it.
    pub retries: bool,
}

impl Default for TrafficSpec {
    fn default() -> Self {
        Self {
            payments: 10,
            duplicates: 0,
            reorder: 0,
            lose: 0,
            tamper: 0,
            delay: 0,
            spread: Duration::from_secs(5),
            retries: false,
        }
    }
}

/// A burst that is planned, with all its payments created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Burst {
    pub payments: Vec<PlannedPayment>,
    #[serde(skip)]
    retries: bool,
}

/// One payment of a burst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedPayment {
    #[serde(rename = "transactionID")]
    pub transaction_id: String,
    pub kind: Kind,
    pub ending: Ending,
    /// Whether its notifications come in the opposite order.
    pub reordered: bool,
    /// Its first notification comes at this simulated time after the start of the burst.
    #[serde(rename = "startMilliseconds", with = "crate::clock::milliseconds")]
    pub start: Duration,
    /// Times are since the start of the burst.
    pub steps: Vec<Step>,
    /// One per notification: that of the creation, then one per step.
    pub notifications: Vec<PlannedNotification>,
}

/// How one notification of a burst is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedNotification {
    pub lost: bool,
    pub copies: u32,
    #[serde(rename = "delayMilliseconds", with = "crate::clock::milliseconds")]
    pub delay: Duration,
    /// A tampered copy that comes first.
    pub forgery: Tamper,
}

impl PlannedPayment {
    /// Whether no notification of it ever comes.
    pub fn is_lost(&self) -> bool {
        self.notifications.iter().all(|notification| notification.lost)
    }
}

/// What a burst came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficSummary {
    pub payments: usize,
    /// How many payments ended in each status.
    pub endings: BTreeMap<String, usize>,
    pub notifications: usize,
    pub duplicated: usize,
    pub reordered: usize,
    pub lost: usize,
    pub forged: usize,
    /// Attempts that were sent.
    pub attempts: usize,
    /// Genuine webhooks not acknowledged, and others that were.
    pub not_as_expected: usize,
    /// The first few of those, in words.
    pub complaints: Vec<String>,
}

/// Draws a burst from the seed and creates its payments.
pub fn plan(shared: &Shared, spec: &TrafficSpec) -> Result<Burst, SimulatorError> {
    let before = shared.lock().payments.len();
    let mut payments = Vec::new();
    for number in 0..spec.payments {
        let mut rng = shared.config.seed.stream("traffic", &format!("{before}/{number}"));
        let kind = match rng.random_range(0..100) {
            0..50 => Kind::MbWay,
            50..75 => Kind::Card,
            75..90 => Kind::Reference,
            90..95 => Kind::Authorisation,
            _rest => Kind::Cancellation,
        };
        let transaction_id = shared.create(PaymentSpec::new(kind, rng.random_range(1..50_000)))?;
        payments.push(plan_payment(transaction_id, kind, spec, &mut rng));
    }
    Ok(Burst { payments, retries: spec.retries })
}

fn plan_payment(transaction_id: String, kind: Kind, spec: &TrafficSpec, rng: &mut impl Rng) -> PlannedPayment {
    let ending = Ending::drawn(kind, rng);
    let mut steps = lifecycle(kind, ending, rng);
    let spread = u64::try_from(spec.spread.as_millis()).unwrap_or(u64::MAX);
    let mut times: Vec<u64> = (0..=steps.len()).map(|_| rng.random_range(0..=spread)).collect();
    times.sort_unstable();
    for (step, time) in steps.iter_mut().zip(&times[1..]) {
        step.after = Duration::from_millis(*time);
    }
    let notifications: Vec<_> = times.iter().map(|_| plan_notification(spec, spread, rng)).collect();
    let reordered = notifications.len() > 1 && chance(rng, spec.reorder);
    PlannedPayment {
        transaction_id,
        kind,
        ending,
        reordered,
        start: Duration::from_millis(times[0]),
        steps,
        notifications,
    }
}

fn plan_notification(spec: &TrafficSpec, spread: u64, rng: &mut impl Rng) -> PlannedNotification {
    const FORGERIES: [Tamper; 6] =
        [Tamper::Body, Tamper::Tag, Tamper::Iv, Tamper::Plaintext, Tamper::DamagedBase64, Tamper::ForgedKey];
    let duplicate = chance(rng, spec.duplicates);
    let copies = if duplicate { rng.random_range(2..=3) } else { 1 };
    let late = chance(rng, spec.delay);
    let delay = Duration::from_millis(rng.random_range(0..=spread));
    let forged = chance(rng, spec.tamper);
    let forgery = FORGERIES[rng.random_range(0..FORGERIES.len())];
    PlannedNotification {
        lost: chance(rng, spec.lose),
        copies,
        delay: if late { delay } else { Duration::ZERO },
        forgery: if forged { forgery } else { Tamper::None },
    }
}

/// Plays a burst to its end.
pub async fn play(shared: &Arc<Shared>, burst: Burst) -> TrafficSummary {
    let began = shared.clock.now();
    let mut summary = planned(&burst);
    let mut tasks = JoinSet::new();
    for payment in burst.payments {
        let shared = Arc::clone(shared);
        tasks.spawn(async move { play_payment(&shared, payment, began, burst.retries).await });
    }
    while let Some(results) = tasks.join_next().await {
        for result in results.unwrap_or_default() {
            count(&mut summary, &result);
        }
    }
    summary
}

fn planned(burst: &Burst) -> TrafficSummary {
    let mut summary = TrafficSummary { payments: burst.payments.len(), ..TrafficSummary::default() };
    for payment in &burst.payments {
        *summary.endings.entry(payment.ending.status().to_string()).or_default() += 1;
        summary.reordered += usize::from(payment.reordered);
        for notification in &payment.notifications {
            summary.notifications += 1;
            summary.lost += usize::from(notification.lost);
            summary.duplicated += usize::from(!notification.lost && notification.copies > 1);
            summary.forged += usize::from(notification.forgery != Tamper::None);
        }
    }
    summary
}

fn count(summary: &mut TrafficSummary, result: &DeliveryResult) {
    const COMPLAINTS_MAX: usize = 20;
    summary.attempts += usize::from(!result.is_lost());
    if !result.is_as_expected() {
        summary.not_as_expected += 1;
        if summary.complaints.len() < COMPLAINTS_MAX {
            summary.complaints.push(result.to_string());
        }
    }
}

async fn play_payment(
    shared: &Arc<Shared>,
    payment: PlannedPayment,
    began: SimTime,
    retries: bool,
) -> Vec<DeliveryResult> {
    let mut waiting = Vec::new();
    let mut in_flight = JoinSet::new();
    let changes =
        std::iter::once((payment.start, None)).chain(payment.steps.iter().map(|step| (step.after, Some(&step.change))));
    for ((after, change), planned) in changes.zip(&payment.notifications) {
        shared.clock.sleep_until(began.plus(after)).await;
        let Some(notification) = make(shared, &payment.transaction_id, change) else { continue };
        if payment.reordered {
            waiting.push((notification, *planned));
        } else {
            let (shared, planned) = (Arc::clone(shared), *planned);
            in_flight.spawn(async move { send(&shared, &notification, planned, retries).await });
        }
    }
    let mut results = Vec::new();
    for (notification, planned) in waiting.into_iter().rev() {
        results.extend(send(shared, &notification, planned, retries).await);
    }
    while let Some(sent) = in_flight.join_next().await {
        results.extend(sent.unwrap_or_default());
    }
    results
}

fn make(shared: &Shared, id: &str, change: Option<&Change>) -> Option<Notification> {
    if let Some(change) = change {
        shared.change(id, change).ok()?;
    }
    shared.notify(id, &Overrides::default()).ok()
}

async fn send(
    shared: &Arc<Shared>,
    notification: &Notification,
    planned: PlannedNotification,
    retries: bool,
) -> Vec<DeliveryResult> {
    shared.clock.sleep(planned.delay).await;
    let mut results = Vec::new();
    if planned.forgery != Tamper::None {
        results.extend(deliver(shared, notification, &DeliveryPlan::tampered(planned.forgery)).await);
    }
    let plan = DeliveryPlan { copies: planned.copies, lose: planned.lost, ..DeliveryPlan::default() };
    results.extend(if retries {
        deliver_with_retries(shared, notification, &plan).await
    } else {
        deliver(shared, notification, &plan).await
    });
    results
}

/// Lets one payment live: notifies its state now, then each step at its time after now. Deliveries do not hold up the truth.
pub async fn live(shared: &Arc<Shared>, id: &str, steps: Vec<Step>, plan: &DeliveryPlan) -> Vec<DeliveryResult> {
    let began = shared.clock.now();
    let mut in_flight = JoinSet::new();
    let changes =
        std::iter::once((Duration::ZERO, None)).chain(steps.iter().map(|step| (step.after, Some(&step.change))));
    for (after, change) in changes {
        shared.clock.sleep_until(began.plus(after)).await;
        let Some(notification) = make(shared, id, change) else { continue };
        let (shared, plan) = (Arc::clone(shared), plan.clone());
        in_flight.spawn(async move { deliver_with_retries(&shared, &notification, &plan).await });
    }
    let mut results = Vec::new();
    while let Some(sent) = in_flight.join_next().await {
        results.extend(sent.unwrap_or_default());
    }
    results
}
