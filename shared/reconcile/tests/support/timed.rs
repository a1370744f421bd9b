//! Time that passes while everybody waits, so that several queries and writes are in flight at once. For tests whose runtime is paused.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use spg_domain::{Decision, Reply, Rules, Timestamp, Transaction, TransactionId, Write};
use spg_reconcile::memory::MemoryStore;
use spg_reconcile::{
    CircuitBreaker, Due, DueIndex, Reconciler, StatusApi, StatusQuery, Store, StoreError, SweepLimits, SweepReport,
    Sweeper, Written,
};
use spg_time::Clock;
use tokio::time::{Instant, sleep};

use super::{Said, ScriptedStatusApi, at, notify};

/// Whoever sleeps more often than this does not wait: it is busy.
const SLEEPS_MAX: usize = 10_000;

/// Tokio's paused time: it jumps to the next moment at which somebody wakes.
#[derive(Debug)]
pub struct PausedClock {
    start: Instant,
    sleeps: AtomicUsize,
}

impl PausedClock {
    /// How often somebody has waited for a moment, and not only for an answer.
    pub fn sleeps(&self) -> usize {
        self.sleeps.load(Relaxed)
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        at(0) + self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        assert!(self.sleeps.fetch_add(1, Relaxed) < SLEEPS_MAX, "it is busy");
        sleep(duration).await;
    }
}

/// What was done about which transaction, and how many milliseconds after the start.
#[derive(Debug)]
pub struct Journal {
    start: Instant,
    entries: Mutex<Vec<(u128, String)>>,
}

impl Journal {
    fn note(&self, id: &TransactionId) {
        self.entries.lock().unwrap().push((self.start.elapsed().as_millis(), id.to_string()));
    }

    /// When this one was noted.
    pub fn of(&self, id: &str) -> Vec<u128> {
        self.entries.lock().unwrap().iter().filter(|(_, noted)| noted == id).map(|(millis, _)| *millis).collect()
    }

    /// How many were noted at this moment.
    pub fn count_at(&self, millis: u128) -> usize {
        self.entries.lock().unwrap().iter().filter(|(at, _)| *at == millis).count()
    }

    pub fn len(&self) -> usize {
        self.entries.lock().unwrap().len()
    }
}

/// A Status API that takes its time.
#[derive(Debug)]
pub struct TimedStatusApi {
    script: ScriptedStatusApi,
    takes: Mutex<BTreeMap<String, Duration>>,
    pub queried: Journal,
    in_flight: AtomicUsize,
    pub in_flight_max: AtomicUsize,
}

impl StatusApi for TimedStatusApi {
    async fn query(&self, query: &StatusQuery) -> Reply {
        self.queried.note(&query.transaction_id);
        let in_flight = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.in_flight_max.fetch_max(in_flight, Relaxed);
        let takes = self.takes.lock().unwrap().get(query.transaction_id.as_str()).copied();
        sleep(takes.unwrap_or_default()).await;
        self.in_flight.fetch_sub(1, Relaxed);
        self.script.query(query).await
    }
}

/// A store whose writes take a while, with as many shards as a test wants and an index that may lag.
#[derive(Debug)]
pub struct TimedStore {
    memory: MemoryStore,
    pub shards: u32,
    pub write_takes: Duration,
    /// What the index shows besides what the table has as due.
    pub stale: Vec<Due>,
    pub written: Journal,
}

impl Store for TimedStore {
    async fn read(&self, ids: &[TransactionId]) -> Result<BTreeMap<TransactionId, Transaction>, StoreError> {
        self.memory.read(ids).await
    }

    async fn write(&self, write: &Write) -> Result<Written, StoreError> {
        self.written.note(&write.transaction.id);
        if !self.write_takes.is_zero() {
            sleep(self.write_takes).await;
        }
        self.memory.write(write).await
    }
}

impl DueIndex for TimedStore {
    fn shards(&self) -> u32 {
        self.shards
    }

    async fn due(&self, shard: u32, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let shard_of = |id: &TransactionId| id.as_str().bytes().map(u32::from).sum::<u32>() % self.shards;
        let mut all = self.memory.due(0, until, usize::MAX).await?;
        all.extend(self.stale.iter().filter(|due| due.at <= until).cloned());
        all.retain(|due| shard_of(&due.id) == shard);
        all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        all.truncate(limit);
        Ok(all)
    }
}

pub type TimedReconciler = Reconciler<TimedStore, TimedStatusApi, PausedClock>;

pub fn timed_reconciler() -> TimedReconciler {
    let start = Instant::now();
    let journal = || Journal { start, entries: Mutex::default() };
    Reconciler {
        store: TimedStore {
            memory: MemoryStore::default(),
            shards: 1,
            write_takes: Duration::ZERO,
            stale: Vec::new(),
            written: journal(),
        },
        status_api: TimedStatusApi {
            script: ScriptedStatusApi::default(),
            takes: Mutex::default(),
            queried: journal(),
            in_flight: AtomicUsize::new(0),
            in_flight_max: AtomicUsize::new(0),
        },
        clock: PausedClock { start, sleeps: AtomicUsize::new(0) },
        rules: Rules::default(),
        query_timeout: Duration::from_secs(8),
        circuit_breaker: CircuitBreaker::default(),
    }
}

/// An open transaction, due so many milliseconds after the start, whose queries take so many and are answered so.
pub async fn open(it: &TimedReconciler, id: &str, due: u64, takes: u64, said: impl IntoIterator<Item = Said>) {
    store_due(&it.store.memory, id, at(0) + Duration::from_millis(due)).await;
    it.status_api.takes.lock().unwrap().insert(id.to_owned(), Duration::from_millis(takes));
    it.status_api.script.script(id, said);
}

/// Stores an open transaction that is due at `due`.
pub async fn store_due(store: &MemoryStore, id: &str, due: Timestamp) {
    let rules = Rules::default();
    let mut decision = Decision::new(TransactionId::new(id).unwrap(), None, &rules);
    decision.apply(&notify("first", "Pending"), at(0));
    let mut write = decision.into_write().unwrap();
    write.transaction.next_check_at = Some(due);
    assert_eq!(store.write(&write).await.unwrap(), Written::Done);
}

pub async fn sweep(reconciler: &TimedReconciler, queries_concurrent: usize) -> SweepReport {
    let (deadline, horizon) = (at(55), at(47));
    Sweeper::new(reconciler, SweepLimits { queries_concurrent, deadline, horizon }).run().await
}
