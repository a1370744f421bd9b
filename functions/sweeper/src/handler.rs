//! One sweep: its limits, its log line, its numbers.

use std::time::Duration;

use spg_domain::Timestamp;
use spg_host::Metrics;
use spg_reconcile::{DueIndex, Reconciler, StatusApi, Store, SweepLimits, SweepReport, Sweeper};
use spg_time::Clock;
use spg_wiring::count;

/// What is left of an invocation for its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);
/// The next run begins after a minute: what falls due later is its matter.
const RUN_MAX: Duration = Duration::from_secs(55);
/// Nothing is waited for that falls due with less time than this to ask and store.
const WAIT_MARGIN: Duration = Duration::from_secs(8);

/// The function's logic, over any store, Status API and clock.
#[derive(Debug)]
pub struct Sweep<S, A, C> {
    pub reconciler: Reconciler<S, A, C>,
    /// Queries to the Status API in flight at once, at most.
    pub queries_concurrent: usize,
}

/// Calls of the store failed: what they were about stays due.
#[derive(Debug, thiserror::Error)]
#[error("{calls} calls of the store failed; what they were about stays due")]
pub struct StoreFailed {
    calls: usize,
}

impl<S, A, C> Sweep<S, A, C>
where
    S: Store + DueIndex + Sync,
    A: StatusApi + Sync,
    C: Clock + Sync,
{
    /// Sweeps in an invocation that must have ended at `deadline`. [`StoreFailed`]: Lambda must know that it did not all succeed.
    pub async fn sweep(&self, deadline: Timestamp) -> (Result<SweepReport, StoreFailed>, Metrics) {
        let report = Sweeper::new(&self.reconciler, self.limits(deadline)).run().await;
        tracing::info!(
            settled = report.settlements.len(),
            latenessMs = u64::try_from(report.lateness_max.as_millis()).unwrap_or(u64::MAX),
            outage = report.outage,
            unfinished = report.unfinished,
            "swept"
        );
        let mut metrics = Metrics::default();
        count(report.tallies(), &mut metrics);
        let swept = match report.store_failures {
            0 => Ok(report),
            calls => Err(StoreFailed { calls }),
        };
        (swept, metrics)
    }

    fn limits(&self, invocation_deadline: Timestamp) -> SweepLimits {
        let now = self.reconciler.clock.now();
        let time = invocation_deadline.since(now).saturating_sub(ANSWER_MARGIN).min(RUN_MAX);
        SweepLimits {
            queries_concurrent: self.queries_concurrent,
            deadline: now + time,
            horizon: now + time.saturating_sub(WAIT_MARGIN),
        }
    }
}
