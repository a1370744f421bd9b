//! The processor and the sweeper in virtual time: the real settling and the real sweep, as Lambda would start them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use spg_domain::{Rules, Timestamp, TransactionId};
use spg_reconcile::{CircuitBreaker, QueryMode, Reconciler, Store};
use spg_time::Clock;

use crate::model::{ModelApi, ModelStore};
use crate::payments;
use crate::virtual_time::VirtualTime;

const MINUTE: Duration = Duration::from_secs(60);
/// As the template says.
const PROCESSOR_TIMEOUT: Duration = Duration::from_secs(30);
const SWEEPER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for one answer in the processor.
const PROCESSOR_QUERY_TIMEOUT: Duration = Duration::from_secs(8);

/// At the full minute, when the scheduler calls.
pub fn start() -> Timestamp {
    Timestamp::from_millis(1_780_000_020_000)
}

type ModelReconciler = Reconciler<ModelStore, ModelApi, VirtualTime>;

/// One table and one Status API.
#[derive(Debug, Clone)]
pub struct System {
    pub time: VirtualTime,
    pub store: ModelStore,
    pub api: ModelApi,
    pub rules: Rules,
}

/// The processes of the processor. Each has a cool-down of its own.
#[derive(Debug, Default)]
pub struct Processors {
    idle: Mutex<Vec<ModelReconciler>>,
    started: AtomicUsize,
}

impl System {
    fn reconciler(&self, query_timeout: Duration) -> ModelReconciler {
        Reconciler {
            store: self.store.clone(),
            status_api: self.api.clone(),
            clock: self.time.clone(),
            rules: self.rules.clone(),
            query_timeout,
            circuit_breaker: CircuitBreaker::default(),
        }
    }

    /// Notifications of successes in one invocation of a processor that has nothing else to do: one read, and each settled at once.
    pub async fn notify(&self, processors: &Processors, ids: Vec<TransactionId>) {
        let processor = processors.take().unwrap_or_else(|| self.reconciler(PROCESSOR_QUERY_TIMEOUT));
        let now = self.time.now();
        let mut found = processor.store.read(&ids).await.unwrap_or_default();
        let settled = ids.iter().map(|id| {
            let (stored, processor) = (found.remove(id), &processor);
            async move {
                let claim = [payments::claims_success(id, now)];
                processor.settle(id, stored, &claim, QueryMode::Claims, now + PROCESSOR_TIMEOUT).await
            }
        });
        let settled = join_all(settled).await;
        debug_assert!(settled.iter().all(Result::is_ok), "the modelled table takes everything");
        processors.lock().push(processor);
    }

    /// As the scheduler and Lambda do it, for ever. `queries_concurrent` is `StatusApiConcurrency`; absent: its default.
    pub async fn sweep_each_minute(&self, queries_concurrent: Option<usize>) {
        let reconciler = self.reconciler(sweeper::QUERY_TIMEOUT);
        let queries_concurrent = queries_concurrent.unwrap_or(sweeper::QUERIES_CONCURRENT_DEFAULT);
        let sweep = sweeper::Sweep { reconciler, queries_concurrent };
        loop {
            let now = self.time.now();
            let (swept, _) = sweep.sweep(now + SWEEPER_TIMEOUT).await;
            debug_assert!(swept.is_ok(), "the modelled table takes everything");
            let next = now + MINUTE;
            self.time.sleep(next.since(self.time.now())).await;
        }
    }
}

impl Processors {
    /// How many there are: as many as were at work at the same time.
    pub fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<ModelReconciler> {
        let idle = self.lock().pop();
        if idle.is_none() {
            self.started.fetch_add(1, Ordering::Relaxed);
        }
        idle
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<ModelReconciler>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One batch of notifications after the other, evenly, for ever.
pub async fn traffic(system: &System, processors: &Processors, per_second: u32, batch: u32) {
    let mut in_flight = FuturesUnordered::new();
    let began = system.time.now();
    let batch = u64::from(batch.max(1));
    for n in 0_u64.. {
        // A batch is there when its last notification is.
        let arrives = began + Duration::from_micros((n + 1) * batch * 1_000_000 / u64::from(per_second.max(1)));
        let mut arrival = std::pin::pin!(system.time.sleep(arrives.since(system.time.now())).fuse());
        loop {
            // What is in flight goes on while the next is waited for.
            futures::select_biased! {
                () = arrival => break,
                () = in_flight.select_next_some() => {}
            }
        }
        let ids = (n * batch..(n + 1) * batch).map(|n| payments::id('n', n)).collect();
        in_flight.push(system.notify(processors, ids));
    }
}
