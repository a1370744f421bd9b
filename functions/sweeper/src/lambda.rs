//! The function as it runs on Lambda.

use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::de::IgnoredAny;
use spg_domain::Timestamp;
use spg_host::{Aws, CallLimits, ManagedSecret, MetricSource, Service, invocation_span};
use spg_ledger::Ledger;
use spg_time::SystemClock;
use spg_wiring::{GuardedStatusApi, StatusApiError, reconciler};
use tracing::Instrument;

use crate::{Config, StoreFailed, Sweep};

/// Longest wait for one status answer: one production client needs 30 seconds.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(30);

/// Ready to sweep.
pub type LambdaSweep = Sweep<Ledger, GuardedStatusApi<ManagedSecret>, SystemClock>;

/// What Lambda gets.
impl From<StoreFailed> for Diagnostic {
    fn from(error: StoreFailed) -> Self {
        Self { error_type: "StoreFailed".to_owned(), error_message: error.to_string() }
    }
}

impl LambdaSweep {
    /// Reads the Status API secret and warms the connection to the table.
    ///
    /// # Errors
    /// [`StatusApiError`] where the Status API could never be asked.
    pub async fn new(config: Config) -> Result<Self, StatusApiError> {
        let aws = Aws::new(&config.settling.aws, CallLimits::USUAL);
        aws.warm(&[Service::DynamoDb]).await;
        let reconciler = reconciler(&config.settling, &aws, QUERY_TIMEOUT).await?;
        Ok(Self { reconciler, queries_concurrent: config.queries_concurrent })
    }

    /// Sweeps. The event does not matter: being called is the reason.
    ///
    /// # Errors
    /// [`StoreFailed`] if calls of the store failed; what was settled is settled all the same.
    pub async fn handle(&self, event: LambdaEvent<IgnoredAny>, source: &MetricSource) -> Result<(), StoreFailed> {
        let context = event.context;
        let sweep = self.sweep(Timestamp::from_millis(context.deadline));
        let (swept, metrics) = sweep.instrument(invocation_span(&context.request_id)).await;
        metrics.flush(source);
        swept.map(|_| ())
    }
}
