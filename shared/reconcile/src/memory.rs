//! A store in memory: the same conditions as the table, and an index that is never stale. For tests and the simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use spg_domain::{Timestamp, Transaction, TransactionId, Write};

use crate::{Due, DueIndex, Store, StoreError, Written};

/// All transactions, and every write that was made, in order.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    transactions: BTreeMap<TransactionId, Transaction>,
    writes: Vec<Write>,
    reads: usize,
    /// In the index, but not to be read.
    hidden: BTreeSet<TransactionId>,
    /// Calls that still succeed before one fails.
    fails_after: Option<usize>,
}

impl MemoryStore {
    pub fn transaction(&self, id: &TransactionId) -> Option<Transaction> {
        self.lock().transactions.get(id).cloned()
    }

    /// The accepted writes.
    pub fn writes(&self) -> Vec<Write> {
        self.lock().writes.clone()
    }

    /// How many changes of this transaction were published.
    pub fn published(&self, id: &TransactionId) -> usize {
        let is_it = |write: &&Write| write.transaction.id == *id && write.transaction.change.is_published();
        self.lock().writes.iter().filter(is_it).count()
    }

    /// Calls of `read`, of whatever size.
    pub fn reads(&self) -> usize {
        self.lock().reads
    }

    /// Lets one call fail, after `n` that succeed.
    pub fn fail_after(&self, n: usize) {
        self.lock().fails_after = Some(n);
    }

    /// Lets reads leave a transaction out that the index still shows.
    pub fn hide(&self, id: &TransactionId) {
        self.lock().hidden.insert(id.clone());
    }

    fn call(&self, operation: &'static str) -> Result<MutexGuard<'_, State>, StoreError> {
        let mut state = self.lock();
        if state.fails_after == Some(0) {
            state.fails_after = None;
            return Err(StoreError { operation, source: "asked to fail".into() });
        }
        state.fails_after = state.fails_after.map(|n| n - 1);
        Ok(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    async fn read(&self, ids: &[TransactionId]) -> Result<BTreeMap<TransactionId, Transaction>, StoreError> {
        let mut state = self.call("read")?;
        state.reads += 1;
        let seen = ids.iter().filter(|id| !state.hidden.contains(*id));
        Ok(seen.filter_map(|id| Some((id.clone(), state.transactions.get(id)?.clone()))).collect())
    }

    async fn write(&self, write: &Write) -> Result<Written, StoreError> {
        let mut state = self.call("write")?;
        let stored = state.transactions.get(&write.transaction.id);
        let seen = |t: &Transaction| write.recorded.iter().any(|id| t.notifications.contains_key(id));
        if stored.map(|t| t.version) != write.expected_version || stored.is_some_and(seen) {
            return Ok(Written::Lost(stored.cloned().map(Box::new)));
        }
        state.transactions.insert(write.transaction.id.clone(), write.transaction.clone());
        state.writes.push(write.clone());
        Ok(Written::Done)
    }
}

impl DueIndex for MemoryStore {
    fn shards(&self) -> u32 {
        1
    }

    async fn due(&self, _shard: u32, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let state = self.call("due")?;
        let due = |t: &Transaction| Some(Due { id: t.id.clone(), at: t.next_check_at.filter(|at| *at <= until)? });
        let mut all: Vec<Due> = state.transactions.values().filter_map(due).collect();
        all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        all.truncate(limit);
        Ok(all)
    }
}
