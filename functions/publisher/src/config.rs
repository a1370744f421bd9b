//! What this function reads from its environment.

use spg_host::{AwsConfig, Env};

#[derive(Debug, Clone)]
pub struct Config {
    pub aws: AwsConfig,
    /// The merchant's bus, by name or ARN.
    pub event_bus: String,
}

impl Config {
    /// `EVENT_BUS_NAME`. None: problems were noted.
    pub fn read(env: &mut Env) -> Option<Self> {
        let aws = AwsConfig::read(env);
        let event_bus = env.required("EVENT_BUS_NAME", "the name of the event bus");
        Some(Self { aws: aws?, event_bus: event_bus? })
    }
}
