//! A table and a Status API in virtual time: the real conditions, shards and costs, with latencies that are chosen.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spg_domain::{NoAnswerKind, Reply, Timestamp, Transaction, TransactionId, Write};
use spg_ledger::{SHARDS, shard_of};
use spg_reconcile::{Due, DueIndex, StatusApi, StatusQuery, Store, StoreError, Written};
use spg_time::Clock;

use crate::payments;
use crate::virtual_time::VirtualTime;

/// What DynamoDB reads for half a unit, eventually consistent.
const QUERY_UNIT_BYTES: usize = 4096;
/// An entry of the due index: the names and values of transactionID (18 bytes), dueShard and nextCheckAt.
const ENTRY_BYTES: usize = 13 + 18 + 8 + 2 + 11 + 8;

/// What is final and due so much later is not looked at again in any run: it is not kept.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(12 * 3600);

/// The transactions that are not settled, and the index of what is due. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct ModelStore {
    time: VirtualTime,
    latency: Duration,
    state: Arc<Mutex<Stored>>,
}

#[derive(Debug)]
struct Stored {
    items: HashMap<TransactionId, Transaction>,
    index: Vec<BTreeSet<(Timestamp, TransactionId)>>,
    /// Changes that the index does not show yet.
    lagging: VecDeque<IndexChange>,
    index_lag: Duration,
    costs: Costs,
    /// Of each that was confirmed: when it was first seen, and when it was confirmed.
    confirmed: Vec<(Timestamp, Timestamp)>,
    /// What was due at, and when it was settled.
    lateness: Vec<Duration>,
    index_writes: IndexWrites,
}

/// Writes of the due index, by shard: of the present second, and the most in any second. One that moves an entry is two.
#[derive(Debug, Clone, Default)]
struct IndexWrites {
    second: u64,
    now: [u64; SHARDS as usize],
    most: [u64; SHARDS as usize],
    all: u64,
}

#[derive(Debug)]
struct IndexChange {
    visible_at: Timestamp,
    id: TransactionId,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// What the table was asked.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Costs {
    pub queries: u64,
    /// In half units, as DynamoDB rounds them.
    pub query_half_units: u64,
    pub reads: u64,
    pub items_read: u64,
    pub writes: u64,
    pub writes_lost: u64,
}

impl ModelStore {
    pub fn new(time: &VirtualTime, latency: Duration, index_lag: Duration) -> Self {
        let state = Stored {
            items: HashMap::new(),
            index: vec![BTreeSet::new(); SHARDS as usize],
            lagging: VecDeque::new(),
            index_lag,
            costs: Costs::default(),
            confirmed: Vec::new(),
            lateness: Vec::new(),
            index_writes: IndexWrites::default(),
        };
        Self { time: time.clone(), latency, state: Arc::new(Mutex::new(state)) }
    }

    /// Puts a transaction into the table, as if it had been there for long.
    pub fn put(&self, transaction: Transaction) {
        let mut state = self.lock();
        if let Some(at) = transaction.next_check_at {
            state.index[shard_of(&transaction.id) as usize].insert((at, transaction.id.clone()));
        }
        state.items.insert(transaction.id.clone(), transaction);
    }

    pub fn costs(&self) -> Costs {
        self.lock().costs
    }

    /// How many transactions nobody has confirmed that were first seen before this moment.
    pub fn open_before(&self, moment: Timestamp) -> usize {
        self.lock().items.values().filter(|it| it.lifecycle.as_final().is_none() && it.first_seen_at < moment).count()
    }

    /// Takes out what was confirmed since the last look: when it was first seen, and when it was confirmed.
    pub fn take_confirmed(&self) -> Vec<(Timestamp, Timestamp)> {
        std::mem::take(&mut self.lock().confirmed)
    }

    /// Takes out how long what was settled by a query had been due.
    pub fn take_lateness(&self) -> Vec<Duration> {
        std::mem::take(&mut self.lock().lateness)
    }

    /// Writes of the due index: all, and the most of one shard within a second.
    pub fn index_writes(&self) -> (u64, u64) {
        let state = self.lock();
        let writes = &state.index_writes;
        (writes.all, writes.most.iter().chain(&writes.now).max().copied().unwrap_or_default())
    }

    async fn wait(&self) {
        self.time.sleep(self.latency).await;
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for ModelStore {
    async fn read(&self, ids: &[TransactionId]) -> Result<BTreeMap<TransactionId, Transaction>, StoreError> {
        self.wait().await;
        let mut state = self.lock();
        state.costs.reads += 1;
        // A key that is not there costs as much as an item of up to 4 KB.
        state.costs.items_read += ids.len() as u64;
        Ok(ids.iter().filter_map(|id| Some((id.clone(), state.items.get(id)?.clone()))).collect())
    }

    async fn write(&self, write: &Write) -> Result<Written, StoreError> {
        self.wait().await;
        let now = self.time.now();
        let mut state = self.lock();
        state.costs.writes += 1;
        let id = &write.transaction.id;
        let stored = state.items.get(id);
        let seen = |it: &Transaction| write.recorded.iter().any(|id| it.notifications.contains_key(id));
        if stored.map(|it| it.version) != write.expected_version || stored.is_some_and(seen) {
            let lost = Written::Lost(stored.cloned().map(Box::new));
            state.costs.writes_lost += 1;
            return Ok(lost);
        }
        let from = stored.and_then(|it| it.next_check_at);
        let was_final = stored.is_some_and(|it| it.lifecycle.as_final().is_some());
        let new = &write.transaction;
        let to = new.next_check_at;
        if let Some(at) = from.filter(|at| *at <= now) {
            state.lateness.push(now.since(at));
        }
        if !was_final && new.lifecycle.as_final().is_some() {
            state.confirmed.push((new.first_seen_at, now));
        }
        let touched = if from == to { 0 } else { u64::from(from.is_some()) + u64::from(to.is_some()) };
        let shard = shard_of(id);
        state.index_writes.count(now, shard, touched);
        let visible_at = now + state.index_lag;
        let is_over = new.lifecycle.as_final().is_some() && to.is_none_or(|at| at.since(now) > FORGOTTEN_AFTER);
        state.lagging.push_back(IndexChange { visible_at, id: id.clone(), from, to: to.filter(|_| !is_over) });
        if is_over {
            state.items.remove(id);
        } else {
            state.items.insert(id.clone(), new.clone());
        }
        Ok(Written::Done)
    }
}

impl DueIndex for ModelStore {
    fn shards(&self) -> u32 {
        SHARDS
    }

    async fn due(&self, shard: u32, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.wait().await;
        let now = self.time.now();
        let mut state = self.lock();
        state.catch_up(now);
        let entries = state.index[shard as usize].iter().take_while(|(at, _)| *at <= until).take(limit);
        let due: Vec<Due> = entries.map(|(at, id)| Due { id: id.clone(), at: *at }).collect();
        state.costs.queries += 1;
        let units = (due.len() * ENTRY_BYTES).div_ceil(QUERY_UNIT_BYTES).max(1);
        state.costs.query_half_units += units as u64;
        Ok(due)
    }
}

impl IndexWrites {
    fn count(&mut self, now: Timestamp, shard: u32, writes: u64) {
        if now.seconds() != self.second {
            for (most, now) in self.most.iter_mut().zip(&mut self.now) {
                *most = (*most).max(std::mem::take(now));
            }
            self.second = now.seconds();
        }
        self.now[shard as usize] += writes;
        self.all += writes;
    }
}

impl Stored {
    fn catch_up(&mut self, now: Timestamp) {
        while let Some(change) = self.lagging.pop_front_if(|change| change.visible_at <= now) {
            let shard = &mut self.index[shard_of(&change.id) as usize];
            if let Some(at) = change.from {
                shard.remove(&(at, change.id.clone()));
            }
            if let Some(at) = change.to {
                shard.insert((at, change.id));
            }
        }
    }
}

impl Costs {
    /// What came on top.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            queries: self.queries - before.queries,
            query_half_units: self.query_half_units - before.query_half_units,
            reads: self.reads - before.reads,
            items_read: self.items_read - before.items_read,
            writes: self.writes - before.writes,
            writes_lost: self.writes_lost - before.writes_lost,
        }
    }

    /// Read units per so many transactions that were due; an item is under 4 KB, half a unit.
    #[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a ratio for people, not money")]
    pub fn read_units_per(&self, settled: u64) -> f64 {
        (self.items_read + self.query_half_units) as f64 / 2.0 / settled.max(1) as f64
    }
}

/// How the Status API behaves.
#[derive(Debug, Clone)]
pub struct ApiSpec {
    pub latency: Duration,
    /// Of a thousand queries, so many are answered only after `slow_latency`.
    pub slow_per_mille: u32,
    pub slow_latency: Duration,
    /// Queries a second that it takes; more are answered 429, to come again after a second.
    pub limit_per_second: Option<u32>,
    /// It answers 503 from here ...
    pub down_from: Timestamp,
    /// ... until here.
    pub down_until: Timestamp,
}

/// A Status API that says Success of everything. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct ModelApi {
    time: VirtualTime,
    spec: ApiSpec,
    state: Arc<Mutex<ApiState>>,
}

#[derive(Debug)]
struct ApiState {
    rng: fastrand::Rng,
    /// The second, and the queries that were taken in it.
    second: (u64, u32),
    queried: QueryCounts,
}

/// The queries that the Status API got.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryCounts {
    pub answered: u64,
    pub limited: u64,
    pub failed: u64,
    /// Nobody waited long enough.
    pub timed_out: u64,
}

impl QueryCounts {
    /// What came on top.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            answered: self.answered - before.answered,
            limited: self.limited - before.limited,
            failed: self.failed - before.failed,
            timed_out: self.timed_out - before.timed_out,
        }
    }
}

impl ModelApi {
    pub fn new(time: &VirtualTime, spec: ApiSpec, seed: u64) -> Self {
        let state = ApiState { rng: fastrand::Rng::with_seed(seed), second: (0, 0), queried: QueryCounts::default() };
        Self { time: time.clone(), spec, state: Arc::new(Mutex::new(state)) }
    }

    pub fn queried(&self) -> QueryCounts {
        self.lock().queried
    }

    fn lock(&self) -> MutexGuard<'_, ApiState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this query is one too many in its second.
    fn limits(&self) -> bool {
        let Some(limit) = self.spec.limit_per_second else { return false };
        let second = self.time.now().seconds();
        let mut state = self.lock();
        if state.second.0 != second {
            state.second = (second, 0);
        }
        state.second.1 += 1;
        state.second.1 > limit
    }

    fn latency(&self) -> Duration {
        let slow = self.lock().rng.u32(0..1000) < self.spec.slow_per_mille;
        if slow { self.spec.slow_latency } else { self.spec.latency }
    }
}

impl StatusApi for ModelApi {
    async fn query(&self, query: &StatusQuery) -> Reply {
        let latency = self.latency();
        if latency > query.timeout {
            self.time.sleep(query.timeout).await;
            self.lock().queried.timed_out += 1;
            return Reply::none(NoAnswerKind::Unavailable, "timed out");
        }
        let limited = self.limits();
        self.time.sleep(latency).await;
        let now = self.time.now();
        let mut state = self.lock();
        if limited {
            state.queried.limited += 1;
            let retry_after = Some(Duration::from_secs(1));
            return Reply { retry_after, ..Reply::none(NoAnswerKind::RateLimited, "rate limited") };
        }
        if (self.spec.down_from..self.spec.down_until).contains(&now) {
            state.queried.failed += 1;
            return Reply::none(NoAnswerKind::Unavailable, "server error");
        }
        state.queried.answered += 1;
        let result = Ok(payments::success(&query.transaction_id));
        Reply { result, http_status: None, return_code: None, retry_after: None, problem: None }
    }
}
