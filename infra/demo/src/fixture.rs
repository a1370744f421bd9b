//! Everything that the scenarios share: the stack, the simulated SPG, and the eyes on what comes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use spg_local::{Stack, StackInfo};
use spg_simulator::{Config, Credentials, Seed, SimTime, Simulator, WebhookKey};
use spg_time::{Clock as _, SystemClock};
use tokio::time::Instant;

use crate::{Clients, Failure, Inbox, Item, Options, Outcomes, Program};

/// SPG repeats what is not acknowledged after 5 minutes of its own time: here after 10 seconds.
const TIME_SCALE: u32 = 30;
/// The machine may be a small one, and the emulator is no API Gateway.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(20);
/// More at once only waits inside the emulator.
const DELIVERIES_IN_FLIGHT_MAX: usize = 16;
/// A Success is queried once more after so long, so that a demo shows it.
pub const RECHECK_SUCCESS_AFTER: Duration = Duration::from_secs(30);
/// A terminal of another merchant.
pub const OTHER_TERMINAL: &str = "77777";
/// Two webhook keys, as during a rotation. They open nothing outside this machine.
pub const KEYS: [[u8; 32]; 2] = [[0x5a; 32], [0xa5; 32]];

/// A terminal of the merchant's own whose webhooks may be cut off without cutting off the others'.
pub const OWN_ADDRESS_TERMINAL: &str = "60001";

/// Shared by all scenarios.
pub struct Fixture {
    pub program: &'static Program,
    /// The folder of the stack.
    pub dir: PathBuf,
    pub spg: Simulator,
    pub info: StackInfo,
    pub clients: Clients,
    pub outcomes: Outcomes,
    /// The dead-letter queue's messages so far, if the program takes them.
    pub dead_letters: Inbox,
    began: Instant,
    /// Epoch milliseconds of the simulated clock's zero.
    simulated_zero: u64,
}

impl Fixture {
    /// Starts the simulated SPG, brings the stack up and begins to watch.
    ///
    /// # Errors
    /// Anything that keeps the stack from being complete.
    pub async fn up(program: &'static Program, options: &Options) -> Result<Self, Failure> {
        Self::with_functions_port(program, options, None).await
    }

    /// As [`Fixture::up`]; the functions reach the emulated AWS by this port.
    ///
    /// # Errors
    /// As [`Fixture::up`].
    pub async fn with_functions_port(
        program: &'static Program,
        options: &Options,
        functions_port: Option<u16>,
    ) -> Result<Self, Failure> {
        let keys: Vec<WebhookKey> = KEYS.into_iter().map(WebhookKey::from_bytes).collect();
        let spg = Simulator::start(Config {
            seed: Seed(options.seed),
            time_scale: TIME_SCALE,
            keys: keys.clone(),
            credentials: Credentials {
                token: spg_local::STATUS_API_TOKEN_DEFAULT.to_owned(),
                client_id: spg_local::STATUS_API_CLIENT_ID_DEFAULT.to_owned(),
            },
            acknowledgement_timeout: ACKNOWLEDGEMENT_TIMEOUT,
            deliveries_in_flight_max: DELIVERIES_IN_FLIGHT_MAX,
            ..Config::default()
        })
        .await?;
        let simulated_zero = SystemClock.now().millis().saturating_sub(millis(spg.clock().wall(spg.clock().now().0)));
        let wanted = stack_options(options, &spg, keys.get(..program.keys).unwrap_or(&keys));
        let wanted = spg_local::Options { functions_port, ..wanted };
        let dir = wanted.dir.clone();
        let info = tokio::task::spawn_blocking(move || Stack::up(&wanted)).await??;
        spg.set_webhook_url(&info.webhook_url);
        let clients = Clients::new(&info);
        let outcomes = Outcomes::subscribe(&clients, &info.event_bus).await?;
        let dead_letters = if program.takes_dead_letters {
            Inbox::open(clients.sqs.clone(), info.dlq_url.clone())
        } else {
            Inbox::default()
        };
        Ok(Self { program, dir, spg, info, clients, outcomes, dead_letters, began: Instant::now(), simulated_zero })
    }

    /// Says what happens, with the time since the fixture was up.
    pub fn say(&self, who: &str, what: &str) {
        let since = self.began.elapsed();
        eprintln!("{:>4}.{} s  {who:<42} {what}", since.as_secs(), since.subsec_millis() / 100);
    }

    /// # Errors
    /// The table cannot be read.
    pub async fn item(&self, id: &str) -> Result<Option<Item>, Failure> {
        self.clients.item(&self.info.table, id).await
    }

    /// # Errors
    /// The table cannot be read.
    pub async fn items(&self, ids: &[String]) -> Result<BTreeMap<String, Item>, Failure> {
        self.clients.items(&self.info.table, ids).await
    }

    /// Dead letters about a transaction.
    pub fn dead_letters_about(&self, id: &str) -> Vec<Value> {
        self.dead_letters.bodies().into_iter().filter(|dead_letter| dead_letter["transactionID"] == id).collect()
    }

    /// How many lines of a function's log have all of these texts in them.
    pub fn log_lines(&self, function: &str, texts: &[&str]) -> usize {
        let log = fs::read(self.info.logs.join(format!("{function}.log"))).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        log.lines().filter(|line| texts.iter().all(|text| line.contains(text))).count()
    }

    /// The sum of a count in a function's metrics, kinds taken together.
    pub fn metric(&self, function: &str, name: &str) -> u64 {
        let log = fs::read(self.info.logs.join(format!("{function}.log"))).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let documents = log.lines().filter(|line| line.contains("CloudWatchMetrics"));
        let documents = documents.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        documents.filter(|document| document.get("Kind").is_none()).filter_map(|document| document[name].as_u64()).sum()
    }

    /// What a duration on the wall clock is on the simulator's.
    pub fn simulated(&self, wall: Duration) -> Duration {
        self.spg.clock().simulated(wall)
    }

    /// The wall clock in epoch milliseconds.
    pub fn now_millis(&self) -> u64 {
        SystemClock.now().millis()
    }

    /// A moment of the simulated clock in epoch milliseconds.
    pub fn epoch_millis(&self, at: SimTime) -> u64 {
        self.simulated_zero + millis(self.spg.clock().wall(at.0))
    }
}

pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn stack_options(options: &Options, spg: &Simulator, keys: &[WebhookKey]) -> spg_local::Options {
    let ours =
        [spg_simulator::spec::DEFAULT_TERMINAL, spg_simulator::spec::BACKOFFICE_TEST_TERMINAL, OWN_ADDRESS_TERMINAL];
    let parameter = |name: &str, value: String| (name.to_owned(), value);
    let dir = std::path::absolute(&options.dir).unwrap_or_else(|_| Path::new(&options.dir).to_path_buf());
    spg_local::Options {
        port: options.port,
        status_api_url: Some(spg.status_api_url()),
        webhook_keys: keys.iter().map(WebhookKey::to_base64).collect(),
        parameters: vec![
            parameter("TerminalIds", ours.join(",")),
            parameter("RecheckSuccessAfter", RECHECK_SUCCESS_AFTER.as_secs().to_string()),
        ],
        ..spg_local::Options::new(dir)
    }
}
