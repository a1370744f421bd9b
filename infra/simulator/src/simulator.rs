//! A running simulator, to be driven step by step.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::answer::{Answer, FaultRule};
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::WebhookKey;
use crate::delivery::{self, DeliveryPlan, DeliveryResult};
use crate::event::Event;
use crate::lifecycle::Step;
use crate::notification::{Notification, Overrides};
use crate::payment::{Change, Payment, PaymentSpec};
use crate::report::Report;
use crate::state::{Shared, StatusQuery};
use crate::traffic::{self, Burst, TrafficSpec, TrafficSummary};
use crate::{control, orders, server, status_api, wire};

/// What can go wrong when driving a simulator.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    #[error("cannot listen on 127.0.0.1:{port}")]
    Bind { port: u16, source: std::io::Error },
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    #[error("unknown transaction {0}")]
    UnknownTransaction(String),
    #[error("transaction {0} exists already")]
    DuplicateTransaction(String),
    #[error("unknown notification {0}")]
    UnknownNotification(u64),
}

/// A running simulator. Clones drive the same one; with the last clone its server and its background work end.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.abort_all();
    }
}

impl Simulator {
    /// Starts listening on 127.0.0.1.
    ///
    /// # Errors
    /// [`SimulatorError::Bind`] if the port is taken, [`SimulatorError::Client`] if no HTTP client can be made.
    pub async fn start(config: Config) -> Result<Self, SimulatorError> {
        // Err only says that a provider is installed already, which is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(config.acknowledgement_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(SimulatorError::Client)?;
        let port = config.port;
        let bind = |source| SimulatorError::Bind { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let shared = Arc::new(Shared::new(config, client));
        let router = status_api::router(Arc::clone(&shared))
            .merge(orders::router(Arc::clone(&shared)))
            .merge(control::router(Arc::clone(&shared)));
        shared.spawn(server::serve(listener, router));
        Ok(Self { inner: Arc::new(Inner { shared, address }) })
    }

    /// Ends the server and all background work at once, whoever else holds a clone.
    pub fn stop(&self) {
        self.shared().abort_all();
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// `http://127.0.0.1:{port}`
    pub fn base_url(&self) -> String {
        format!("http://{}", self.inner.address)
    }

    /// The Status API's base: what a merchant configures.
    pub fn status_api_url(&self) -> String {
        format!("{}{}", self.base_url(), self.shared().config.base_path)
    }

    /// The clock of everything that SPG does by itself.
    pub fn clock(&self) -> Clock {
        self.shared().clock
    }

    /// What it was started with.
    pub fn config(&self) -> &Config {
        &self.shared().config
    }

    /// Where webhooks go from now on.
    pub fn set_webhook_url(&self, url: &str) {
        self.shared().lock().webhook_url = Some(url.to_owned());
    }

    /// Where the webhooks of one terminal go from now on, as the Backoffice allows it; none: where all go.
    pub fn set_terminal_webhook_url(&self, terminal: &str, url: Option<&str>) {
        let urls = &mut self.shared().lock().terminal_webhook_urls;
        match url {
            Some(url) => urls.insert(terminal.to_owned(), url.to_owned()),
            None => urls.remove(terminal),
        };
    }

    /// Where webhooks go, if it is set.
    pub fn webhook_url(&self) -> Option<String> {
        self.shared().lock().webhook_url.clone()
    }

    /// The Backoffice's secrets from now on; a plan chooses one by its position.
    pub fn set_keys(&self, keys: Vec<WebhookKey>) {
        self.shared().lock().keys = keys;
    }

    /// The Backoffice's secrets.
    pub fn keys(&self) -> Vec<WebhookKey> {
        self.shared().lock().keys.clone()
    }

    /// How the payments end that a merchant orders over HTTP from now on.
    pub fn set_ending(&self, ending: crate::lifecycle::Ending) {
        self.shared().lock().orders.ending = ending;
    }

    /// Creates a payment and returns its transactionID. Nothing is notified by itself.
    ///
    /// # Errors
    /// [`SimulatorError::DuplicateTransaction`]; [`SimulatorError::UnknownTransaction`] for `same_reference_as`.
    pub fn create(&self, spec: PaymentSpec) -> Result<String, SimulatorError> {
        self.shared().create(spec)
    }

    /// A payment as it is now.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn payment(&self, id: &str) -> Result<Payment, SimulatorError> {
        self.shared().lock().payment(id).cloned()
    }

    /// Changes the truth. Any change is possible, also one that SPG would never make.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn set_status(&self, id: &str, change: impl Into<Change>) -> Result<(), SimulatorError> {
        self.shared().change(id, &change.into())
    }

    /// How much later the Status API shows the changes of a payment that are made from now on, in simulated time. What it
    /// shows already, it goes on showing.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn set_lag(&self, id: &str, lag: std::time::Duration) -> Result<(), SimulatorError> {
        self.shared().lock().payment(id)?.lag = lag;
        Ok(())
    }

    /// Appends answers to a payment's script; when it is used up, the truth is answered again.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn script(&self, id: &str, answers: Vec<Answer>) -> Result<(), SimulatorError> {
        let mut state = self.shared().lock();
        state.payment(id)?;
        state.script(id, answers);
        Ok(())
    }

    /// Drops what is left of a payment's script.
    pub fn clear_script(&self, id: &str) {
        self.shared().lock().clear_script(id);
    }

    /// Replaces the faults of the Status API; an empty list ends them all.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.shared().lock().faults = rules;
    }

    /// Makes a notification of what is so now. Its payload stays as it is, whenever it is delivered.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn notification(&self, id: &str) -> Result<Notification, SimulatorError> {
        self.notification_with(id, &Overrides::default())
    }

    /// Makes a notification that differs from the truth.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn notification_with(&self, id: &str, overrides: &Overrides) -> Result<Notification, SimulatorError> {
        self.shared().notify(id, overrides)
    }

    /// Delivers as planned, without SPG's retries, and returns every attempt.
    pub async fn deliver(&self, notification: &Notification, plan: &DeliveryPlan) -> Vec<DeliveryResult> {
        delivery::deliver(self.shared(), notification, plan).await
    }

    /// Makes a notification of what is so now and delivers it once, genuine and at once.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub async fn notify(&self, id: &str) -> Result<Vec<DeliveryResult>, SimulatorError> {
        let notification = self.notification(id)?;
        Ok(self.deliver(&notification, &DeliveryPlan::default()).await)
    }

    /// Delivers in the background with SPG's retries on the scaled clock, until acknowledged or two months are over.
    pub fn deliver_with_retries(
        &self,
        notification: &Notification,
        plan: &DeliveryPlan,
    ) -> JoinHandle<Vec<DeliveryResult>> {
        let (shared, notification, plan) = (Arc::clone(self.shared()), notification.clone(), plan.clone());
        self.shared().spawn(async move { delivery::deliver_with_retries(&shared, &notification, &plan).await })
    }

    /// Lets a payment live in the background: notifies its state now, then each step at its time, with SPG's retries.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn play(
        &self,
        id: &str,
        steps: Vec<Step>,
        plan: &DeliveryPlan,
    ) -> Result<JoinHandle<Vec<DeliveryResult>>, SimulatorError> {
        self.payment(id)?;
        let (shared, id, plan) = (Arc::clone(self.shared()), id.to_owned(), plan.clone());
        Ok(self.shared().spawn(async move { traffic::live(&shared, &id, steps, &plan).await }))
    }

    /// Plans a burst of payments and creates them all, so that they can be registered before it is played.
    ///
    /// # Errors
    /// [`SimulatorError::DuplicateTransaction`] if a drawn transactionID exists already.
    pub fn plan_burst(&self, spec: &TrafficSpec) -> Result<Burst, SimulatorError> {
        traffic::plan(self.shared(), spec)
    }

    /// Plays a burst to its end.
    pub async fn play_burst(&self, burst: Burst) -> TrafficSummary {
        traffic::play(self.shared(), burst).await
    }

    /// The queries about a transaction so far, also about one that does not exist.
    pub fn queries(&self, id: &str) -> Vec<StatusQuery> {
        let state = self.shared().lock();
        state.queries.iter().filter(|query| query.transaction_id == id).cloned().collect()
    }

    /// How many queries have been asked in all.
    pub fn queries_total(&self) -> u64 {
        self.shared().lock().queries_total
    }

    /// The merchant's own initial response as the body for `POST /transactions`.
    ///
    /// # Errors
    /// [`SimulatorError::UnknownTransaction`]
    pub fn registration(&self, id: &str) -> Result<Value, SimulatorError> {
        self.shared().lock().payment(id).map(|payment| wire::registration(payment))
    }

    /// Posts JSON with the simulator's own client: for playing the merchant's backend. Returns the HTTP status.
    ///
    /// # Errors
    /// No connection, or no answer in time.
    pub async fn post_json(&self, url: &str, body: String) -> Result<u16, reqwest::Error> {
        let request = self.shared().client.post(url).header("Content-Type", "application/json").body(body);
        Ok(request.send().await?.status().as_u16())
    }

    /// What SPG knows and would have reported to the merchant.
    pub fn report(&self) -> Report {
        Report::of(self.shared())
    }

    /// What happens from now on, as it happens. Who reads too slowly misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.shared().events.subscribe()
    }
}
