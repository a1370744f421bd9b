//! One scenario while it is played: what it does to SPG, what it waits for, what it checks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use spg_simulator::seed::alphanumeric;
use spg_simulator::{Change, DeliveryPlan, DeliveryResult, Notification, PaymentSpec, WireStyle};
use spg_time::{Clock as _, SystemClock};
use tokio::time::Instant;

use crate::outcomes::{self, Event};
use crate::{Checks, Failure, Fixture, Item, item};

/// The contract: with a healthy Status API a claim is confirmed within so long.
pub const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);
/// What is acknowledged is stored, and what is stored is published, within so long on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);
/// As SPG's are.
const TRANSACTION_ID_LETTERS: usize = 20;

/// How often the table is looked at: often at first, then rarely.
const POLL_FIRST: Duration = Duration::from_millis(300);
const POLL_LATER: Duration = Duration::from_millis(1500);
const POLL_FIRST_FOR: Duration = Duration::from_secs(12);

/// What must be so at the end of the whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub transaction_id: String,
    /// The stored status; none: nothing is stored.
    pub status: Option<String>,
    /// The events in words.
    pub events: String,
}

/// A scenario in progress.
pub struct Scene {
    pub name: &'static str,
    pub fixture: Arc<Fixture>,
    pub checks: Checks,
    pub ends: Vec<End>,
    /// In the order of creation.
    pub ids: Vec<String>,
    pub registrations: usize,
    /// Instead of what the transactions' items, events and deliveries say: for many transactions.
    pub delivered_in_words: Option<String>,
    pub stored_in_words: Option<String>,
    pub events_in_words: Option<String>,
    pub time_to_final_in_words: Option<String>,
    /// It has lost the table: what was final may become so again.
    pub table_lost: bool,
    /// Epoch milliseconds: what the time to final counts from.
    marked_at: u64,
    pub time_to_final: Option<Duration>,
}

impl Scene {
    pub fn new(name: &'static str, fixture: Arc<Fixture>) -> Self {
        Self {
            name,
            fixture,
            checks: Checks::default(),
            ends: Vec::new(),
            ids: Vec::new(),
            registrations: 0,
            delivered_in_words: None,
            stored_in_words: None,
            events_in_words: None,
            time_to_final_in_words: None,
            table_lost: false,
            marked_at: SystemClock.now().millis(),
            time_to_final: None,
        }
    }

    pub fn say(&self, what: &str) {
        self.fixture.say(self.name, what);
    }

    /// The time to final counts from now.
    pub fn mark(&mut self) {
        self.marked_at = SystemClock.now().millis();
    }

    /// A payment that SPG has from now on. Its id and style come from the seed and the scenario, whatever runs beside it.
    pub fn create(&mut self, mut spec: PaymentSpec) -> Result<String, Failure> {
        let mut rng = self.fixture.spg.config().seed.stream("demo", &format!("{}/{}", self.name, self.ids.len()));
        let drawn_id = alphanumeric(&mut rng, TRANSACTION_ID_LETTERS);
        spec.transaction_id.get_or_insert(drawn_id);
        spec.style.get_or_insert(WireStyle::drawn(&mut rng));
        let id = self.fixture.spg.create(spec)?;
        self.say(&format!("payment {id}"));
        self.ids.push(id.clone());
        Ok(id)
    }

    /// The merchant's backend registers it, with its own view of some facts.
    pub async fn register_as(&mut self, id: &str, own: &[(&str, Value)]) -> Result<(), Failure> {
        let mut registration = self.fixture.spg.registration(id)?;
        for (field, value) in own {
            registration[*field] = value.clone();
        }
        let answer = self.fixture.spg.post_json(&self.fixture.info.registration_url, registration.to_string()).await?;
        self.registrations += 1;
        self.say(&format!("registration: HTTP {answer}"));
        self.checks.equal("the registration is taken", 202, answer);
        Ok(())
    }

    pub async fn register(&mut self, id: &str) -> Result<(), Failure> {
        self.register_as(id, &[]).await
    }

    /// The truth changes; the time to final counts from now.
    pub fn becomes(&mut self, id: &str, change: impl Into<Change>) -> Result<(), Failure> {
        self.mark();
        Ok(self.fixture.spg.set_status(id, change)?)
    }

    /// Delivers as planned.
    pub async fn deliver(&mut self, notification: &Notification, plan: &DeliveryPlan) -> Vec<DeliveryResult> {
        let results = self.fixture.spg.deliver(notification, plan).await;
        for result in &results {
            let how = result.tamper.name().map(|how| format!(" ({how})")).unwrap_or_default();
            let http = result.http_status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
            let answer = if result.is_lost() { "lost".to_owned() } else { http };
            self.say(&format!("webhook {}{how}: {answer}", result.claims));
        }
        results
    }

    /// Delivers as planned and checks that each copy is acknowledged as SPG demands it.
    pub async fn deliver_genuine(&mut self, notification: &Notification, plan: &DeliveryPlan) {
        for result in self.deliver(notification, plan).await {
            self.checks.equal(format!("webhook {} acknowledged", result.claims), "delivered", &result.verdict);
        }
    }

    /// A webhook of what is so now, once.
    pub async fn notify(&mut self, id: &str) -> Result<Notification, Failure> {
        let notification = self.fixture.spg.notification(id)?;
        self.deliver_genuine(&notification, &DeliveryPlan::default()).await;
        Ok(notification)
    }

    /// The truth changes and a webhook says so.
    pub async fn becomes_and_notifies(&mut self, id: &str, change: impl Into<Change>) -> Result<(), Failure> {
        self.becomes(id, change)?;
        self.notify(id).await?;
        Ok(())
    }

    /// The truth changes and its webhook is lost.
    pub async fn becomes_unheard(&mut self, id: &str, change: impl Into<Change>) -> Result<(), Failure> {
        self.becomes(id, change)?;
        let notification = self.fixture.spg.notification(id)?;
        self.deliver(&notification, &DeliveryPlan::lost()).await;
        Ok(())
    }

    /// Waits until `ready` finds something.
    ///
    /// # Errors
    /// It does not within `within`.
    pub async fn until<T>(&self, what: &str, within: Duration, ready: impl Fn() -> Option<T>) -> Result<T, Failure> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = ready() {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                return Err(format!("{what}: not within {} s", within.as_secs()).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the stored item is as wanted.
    ///
    /// # Errors
    /// It is not within `within`, or the table cannot be read.
    pub async fn until_item(
        &self,
        id: &str,
        what: &str,
        within: Duration,
        wanted: impl Fn(&Item) -> bool,
    ) -> Result<Item, Failure> {
        let began = Instant::now();
        loop {
            let found = self.fixture.item(id).await?;
            if let Some(item) = found.as_ref().filter(|item| wanted(item)) {
                self.say(&format!("stored: {}, version {}", item.evidence(), item.version));
                return Ok(item.clone());
            }
            if began.elapsed() >= within {
                let words = item::in_words(found.as_ref()).replace('\n', "; ");
                return Err(format!("{what}: not within {} s; stored is {words}", within.as_secs()).into());
            }
            let pause = if began.elapsed() < POLL_FIRST_FOR { POLL_FIRST } else { POLL_LATER };
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits until so many notifications are recorded.
    ///
    /// # Errors
    /// As [`Scene::until_item`].
    pub async fn recorded(&self, id: &str, notifications: usize) -> Result<Item, Failure> {
        let what = format!("{notifications} notifications recorded");
        self.until_item(id, &what, SOON, |item| item.notifications.len() == notifications).await
    }

    /// Waits until the notification queue is empty; returns how much is left on it in the end.
    ///
    /// # Errors
    /// The queue cannot be asked.
    pub async fn emptied(&self) -> Result<u64, Failure> {
        let deadline = Instant::now() + SOON;
        loop {
            let waiting = self.fixture.clients.waiting(&self.fixture.info.queue_url).await?;
            if waiting == 0 || Instant::now() >= deadline {
                return Ok(waiting);
            }
            tokio::time::sleep(POLL_FIRST).await;
        }
    }

    /// Waits until a status answer has made it `status`, in time.
    ///
    /// # Errors
    /// As [`Scene::until_item`].
    pub async fn confirmed(&mut self, id: &str, status: &str, within: Duration) -> Result<Item, Failure> {
        // A little longer, so that what was late is reported as late.
        let item =
            self.until_item(id, &format!("{status} stored"), within + SOON, |item| item.status == status).await?;
        let took = Duration::from_millis(item.since().unwrap_or_default().saturating_sub(self.marked_at));
        let limit = format!("within {} s", within.as_secs());
        self.checks.that(format!("{status} in time"), took <= within, limit, format!("{} ms", took.as_millis()));
        let source = item.history.last().map(|step| step.source.as_str()).unwrap_or_default();
        self.checks.equal(format!("{status} by the evidence of"), "StatusApi", source);
        self.time_to_final = Some(took);
        Ok(item)
    }

    /// Checks the status and the published events, now (waiting for those that are still to come) and at the end of the run.
    pub async fn ends_as(&mut self, id: &str, status: &str, expected: &[&str]) -> Result<(), Failure> {
        let enough = |events: &Vec<Event>| events.len() >= expected.len();
        let waited = self.until("events", SOON, || Some(self.fixture.outcomes.of(id)).filter(enough)).await;
        let found = waited.unwrap_or_else(|_| self.fixture.outcomes.of(id));
        let expected = if expected.is_empty() { "none".to_owned() } else { expected.join("; ") };
        self.say(&format!("published: {}", outcomes::in_words(&found)));
        self.checks.equal("events published", &expected, outcomes::in_words(&found));
        let stored = self.fixture.item(id).await?.map(|item| item.status);
        self.checks.equal("status stored", status, stored.as_deref().unwrap_or("nothing"));
        self.ends.push(End { transaction_id: id.to_owned(), status: Some(status.to_owned()), events: expected });
        Ok(())
    }

    /// Checks that nothing of it was stored, asked or published, now and at the end of the run.
    pub async fn ends_as_nothing(&mut self, id: &str) -> Result<(), Failure> {
        let stored = self.fixture.item(id).await?;
        self.checks.equal("stored", "nothing", item::in_words(stored.as_ref()));
        self.queried(id, 0);
        let none = "none".to_owned();
        self.checks.equal("events published", &none, outcomes::in_words(&self.fixture.outcomes.of(id)));
        self.ends.push(End { transaction_id: id.to_owned(), status: None, events: none });
        Ok(())
    }

    /// How many queries SPG has had about it.
    pub fn queries(&self, id: &str) -> usize {
        self.fixture.spg.queries(id).len()
    }

    /// Checks that exactly so many queries were asked.
    pub fn queried(&mut self, id: &str, times: usize) {
        let found = self.queries(id);
        self.checks.equal("queries to the Status API", times, found);
    }

    /// Checks that between so many and so many queries were asked.
    pub fn asked_between(&mut self, id: &str, least: usize, most: usize) {
        let found = self.queries(id);
        let held = (least..=most).contains(&found);
        self.checks.that("queries to the Status API", held, format!("{least} to {most}"), found);
    }
}
