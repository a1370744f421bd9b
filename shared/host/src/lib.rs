//! What every function needs to start on Lambda: configuration, AWS's clients, secrets, logs and metrics.
//!
//! Knows nothing of SPG, of transactions or of any function. The only place that reads the environment and AWS's credentials.

mod aws;
mod catch_panic;
mod config;
mod env;
mod logs;
mod metrics;
#[cfg(feature = "secrets")]
mod secrets;
mod start;
mod trace;

pub use aws::{Aws, CallLimits, Service};
pub use catch_panic::{Panicked, catch_panic};
pub use config::AwsConfig;
pub use env::{ConfigError, Env, Problem};
pub use logs::{LogLevel, invocation_span};
pub use metrics::{MetricSource, Metrics};
#[cfg(feature = "secrets")]
pub use secrets::{ManagedSecret, Secret, SecretError, SecretSource, SecretText};
pub use start::{finish, start};
#[cfg(feature = "sqs")]
pub use trace::sqs_trace_attributes;
pub use trace::trace_header;
