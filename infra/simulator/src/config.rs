//! What a simulator is started with.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::acknowledgement::DEFAULT_STATUS_CODE;
use crate::clock::default_epoch;
use crate::crypto::WebhookKey;
use crate::lifecycle::Ending;
use crate::orders::Bodies;
use crate::seed::Seed;

/// How long SPG waits for an acknowledgement. SIBS does not publish its time-out; this is a guess on the short side.
pub const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// At most so many webhooks are in flight at once.
pub const DELIVERIES_IN_FLIGHT_MAX: usize = 64;

/// A bearer token and a client id of the Status API.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub token: String,
    pub client_id: String,
}

/// What a simulator is started with. [`Default`] listens on any free port, in real time, with seed 1.
#[derive(Clone)]
pub struct Config {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    pub seed: Seed,
    /// Simulated seconds per second of wall time.
    pub time_scale: u32,
    /// Where the simulated calendar starts; fixed by default, so that the dates in payloads replay.
    pub epoch: OffsetDateTime,
    /// The path of the Status API's base.
    pub base_path: String,
    /// Where webhooks go; may be set later.
    pub webhook_url: Option<String>,
    /// The Backoffice's secrets, the first is the one used by default. Empty: one is drawn from the seed.
    pub keys: Vec<WebhookKey>,
    /// Credentials of all terminals that have none of their own.
    pub credentials: Credentials,
    pub terminal_credentials: BTreeMap<String, Credentials>,
    /// The statusCode that an acknowledgement must have.
    pub acknowledgement_status_code: String,
    /// Wall time.
    pub acknowledgement_timeout: Duration,
    pub deliveries_in_flight_max: usize,
    /// How payments end that a merchant orders over HTTP; may be changed later.
    pub ending: Ending,
    /// Which bodies of such orders are accepted.
    pub bodies: Bodies,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            seed: Seed(1),
            time_scale: 1,
            epoch: default_epoch(),
            base_path: "/api/v2".to_owned(),
            webhook_url: None,
            keys: Vec::new(),
            credentials: Credentials { token: "simulated-token".to_owned(), client_id: "simulated-client".to_owned() },
            terminal_credentials: BTreeMap::new(),
            acknowledgement_status_code: DEFAULT_STATUS_CODE.to_owned(),
            acknowledgement_timeout: ACKNOWLEDGEMENT_TIMEOUT,
            deliveries_in_flight_max: DELIVERIES_IN_FLIGHT_MAX,
            ending: Ending::Success,
            bodies: Bodies::Documented,
        }
    }
}
