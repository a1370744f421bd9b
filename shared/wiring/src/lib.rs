//! What the processor and the sweeper have in common: one reconciler, built from the environment, and its numbers as metrics.

mod config;
mod status_api;

use std::time::Duration;

pub use config::SettlingConfig;
use spg_host::{Aws, ManagedSecret, Metrics};
use spg_ledger::Ledger;
use spg_reconcile::{CircuitBreaker, Reconciler, Tally};
use spg_time::SystemClock;
pub use status_api::{GuardedStatusApi, StatusApiError};

/// The reconciler as it runs on Lambda.
pub type LambdaReconciler = Reconciler<Ledger, GuardedStatusApi<ManagedSecret>, SystemClock>;

/// Builds it and reads the Status API secret. A secret that cannot be used is logged, not fatal: notifications are then recorded and
/// stay due, instead of filling the dead-letter queue.
///
/// # Errors
/// [`StatusApiError`] where no request could ever be made: an unusable base URL, no TLS.
pub async fn reconciler(
    config: &SettlingConfig,
    aws: &Aws,
    query_timeout: Duration,
) -> Result<LambdaReconciler, StatusApiError> {
    let secret = ManagedSecret { client: aws.secrets(), id: config.status_api_secret.clone() };
    let status_api = GuardedStatusApi::connect(&config.status_api_url, secret).await?;
    Ok(Reconciler {
        store: Ledger::new(aws.dynamodb(), &config.table_name, &config.due_index_name).eventually_consistent(),
        status_api,
        clock: SystemClock,
        rules: config.rules.clone(),
        query_timeout,
        circuit_breaker: CircuitBreaker::default(),
    })
}

/// The numbers of settlements as metrics.
pub fn count(tallies: impl IntoIterator<Item = Tally>, metrics: &mut Metrics) {
    for tally in tallies {
        match tally {
            Tally::Count(name) => metrics.count(name, 1),
            Tally::Counts(name, n) => metrics.count(name, u64::try_from(n).unwrap_or(u64::MAX)),
            Tally::CountBy(name, kind) => metrics.count_by(name, kind, 1),
            Tally::Duration(name, duration) => metrics.duration(name, duration),
        }
    }
}
