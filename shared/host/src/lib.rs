//! What every function needs to start: configuration, clients, secrets, logs, metrics and the clock.
//!
//! Knows nothing of SPG, of transactions or of any function. The only place that reads the wall clock, the environment and
//! AWS's credentials.

mod aws;
mod chain;
mod clock;
mod config;
mod env;
mod isolate;
mod logs;
mod metrics;
#[cfg(feature = "secrets")]
mod secrets;
mod start;
mod throttle;
mod trace;

pub use aws::{Aws, CallLimits, Service};
pub use chain::chain;
pub use clock::{Deadline, SystemClock};
pub use config::{AwsConfig, RulesConfig, StatusApiConfig};
pub use env::{ConfigError, Env, Problem};
pub use isolate::{Panicked, isolate};
pub use logs::{LogLevel, invocation_span};
pub use metrics::{MetricSource, Metrics};
#[cfg(feature = "secrets")]
pub use secrets::{SecretError, SecretSource, SecretText};
pub use start::{finish, start};
pub use throttle::Throttle;
#[cfg(feature = "sqs")]
pub use trace::sqs_trace_attributes;
pub use trace::trace_header;
