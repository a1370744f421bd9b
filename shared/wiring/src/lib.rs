//! What the processor and the sweeper have in common: one reconciler, built from the environment.

mod config;
mod status_api;

use std::time::Duration;

pub use config::SettlingConfig;
use spg_host::{Aws, SystemClock};
use spg_ledger::Ledger;
use spg_reconcile::{Cooldown, Reconciler};
pub use status_api::{GuardedStatusApi, StatusApiError};

/// The reconciler as it runs on Lambda.
pub type LambdaReconciler = Reconciler<Ledger, GuardedStatusApi, SystemClock>;

/// Builds it and reads the Status API secret. A secret that cannot be used is logged, not fatal: notifications are then recorded and
/// stay due, instead of filling the dead-letter queue.
///
/// # Errors
/// [`StatusApiError`] where no request could ever be made: an unusable base URL, no TLS.
pub async fn reconciler(
    config: &SettlingConfig,
    aws: &Aws,
    question_timeout: Duration,
) -> Result<LambdaReconciler, StatusApiError> {
    let status_api = GuardedStatusApi::connect(&config.status_api, aws.secrets()).await?;
    Ok(Reconciler {
        store: Ledger::new(aws.dynamodb(), &config.table_name, &config.due_index_name).eventually_consistent(),
        status_api,
        clock: SystemClock,
        rules: config.rules(),
        question_timeout,
        cooldown: Cooldown::default(),
    })
}
