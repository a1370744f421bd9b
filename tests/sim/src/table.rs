//! The transactions table: conditional writes, reads and an index that lag, deletion by time-to-live, a stream.

use std::collections::{BTreeMap, VecDeque};

use spg_domain::{Timestamp, Transaction, TransactionId, Write};
use spg_ledger::{UnreadableItem, from_stream_image, shard_of, to_item};
use spg_reconcile::{Due, DueIndex, Store, StoreError, Written};

use crate::crash::Effect;
use crate::invariant::Invariant;
use crate::moment::{DAY, MINUTE, SECOND};
use crate::spec::Part;
use crate::world::{Event, Handle, ProcessId, State};

/// Fewer than are deployed: each sweep looks at all of them, and a run has few transactions.
pub(crate) const SHARDS: u32 = 2;
/// A sweep waits for what falls due within its minute.
pub(crate) const SWEEP_AHEAD: u64 = 47 * SECOND;
/// DynamoDB deletes within days of the expiry.
const DELETED_WITHIN: u64 = 2 * DAY;
/// For so long a stale read may miss a write. DynamoDB lags for less than a second; so much more, that it strikes often.
const STALE_FOR: u64 = 10 * MINUTE;

#[derive(Debug, Default)]
pub(crate) struct Table {
    pub items: BTreeMap<TransactionId, Transaction>,
    index: BTreeMap<TransactionId, u64>,
    /// Changes of the index that are still in flight, and when they arrive.
    lagging: VecDeque<(u64, TransactionId, Option<u64>)>,
    /// What was stored before each change of late, and when it was replaced; the oldest first.
    replaced: VecDeque<(u64, TransactionId, Option<Transaction>)>,
}

impl Table {
    fn catch_up(&mut self, now: u64) {
        // In order: changes stay in their order.
        while self.lagging.front().is_some_and(|(at, ..)| *at <= now) {
            if let Some((_, id, due)) = self.lagging.pop_front() {
                match due {
                    Some(at) => self.index.insert(id, at),
                    None => self.index.remove(&id),
                };
            }
        }
    }

    /// Remembers what a change has replaced.
    fn replace(&mut self, now: u64, id: TransactionId, old: Option<Transaction>) {
        while self.replaced.front().is_some_and(|(at, ..)| at + STALE_FOR < now) {
            self.replaced.pop_front();
        }
        self.replaced.push_back((now, id, old));
    }

    /// What was stored at this moment, as far as it is remembered.
    fn as_of(&self, moment: u64, id: &TransactionId) -> Option<Transaction> {
        let later = self.replaced.iter().find(|(at, of, _)| *at > moment && of == id);
        later.map_or_else(|| self.items.get(id).cloned(), |(.., old)| old.clone())
    }

    /// The soonest that is due, whatever the index shows by now.
    pub fn soonest(&self) -> Option<u64> {
        self.items.values().filter_map(|t| t.next_check_at).map(Timestamp::millis).min()
    }
}

impl State {
    /// A write under its condition.
    pub fn write(&mut self, process: ProcessId, write: &Write) -> Written {
        let stored = self.table.items.get(&write.transaction.id);
        let seen = |t: &Transaction| write.recorded.iter().any(|id| t.notifications.contains_key(id));
        if stored.map(|t| t.version) != write.expected_version || stored.is_some_and(seen) {
            let stored = stored.cloned().map(Box::new);
            self.say_of(process, || format!("write of version {} lost", write.transaction.version));
            return Written::Lost(stored);
        }
        self.put(process, write);
        Written::Done
    }

    /// A write without any condition.
    pub fn put(&mut self, process: ProcessId, write: &Write) {
        let new = match self.stored_form(&write.transaction) {
            Ok(new) => new,
            Err(error) => return self.violation(Invariant::NothingUnreadable, || error.to_string()),
        };
        let id = new.id.clone();
        self.trace.mix(new.version);
        self.say_of(process, || {
            let claims: Vec<_> =
                new.lifecycle.claims().into_iter().flatten().map(|(claim, _)| claim.as_str()).collect();
            let due = new.next_check_at.map_or("never".to_owned(), |at| crate::moment::in_words(at.millis()));
            format!(
                "wrote {} v{} {:?}: {}, claims [{}], sequence {}, due {due}",
                new.id,
                new.version,
                new.change,
                new.status(),
                claims.join(" "),
                new.sequence,
            )
        });
        let old = self.table.items.insert(id.clone(), new.clone());
        self.table.replace(self.now, id.clone(), old.clone());
        self.oracle_write(process, old.as_ref(), write, &new);
        let due = new.next_check_at.map(Timestamp::millis);
        let late = if self.fault(|f| f.index_stale) { self.rng.between(1, 3 * SECOND) } else { 0 };
        let arrives = self.table.lagging.back().map_or(0, |(at, ..)| *at).max(self.now + late);
        self.table.lagging.push_back((arrives, id, due));
        self.plan_tick();
        if new.change.is_published() && !self.shelf.stream_off {
            self.stream_record(&new, serde_json::to_value(to_item(&new)).unwrap_or_default());
        }
        if let Some(at) = new.expires_at.filter(|_| self.spec.until_expiry) {
            let within = self.rng.below(DELETED_WITHIN);
            self.at(at.millis() + within, Event::Expire);
        }
    }

    /// What comes back of a transaction once it was an item. In most runs that is taken on trust, because it takes its time.
    fn stored_form(&self, transaction: &Transaction) -> Result<Transaction, UnreadableItem> {
        if self.spec.through_items { from_stream_image(&to_item(transaction)) } else { Ok(transaction.clone()) }
    }

    /// An eventually consistent read of one batch: all of it as it is, or each as it was some moment ago.
    fn read(&mut self, process: ProcessId, ids: &[TransactionId]) -> BTreeMap<TransactionId, Transaction> {
        let stale = self.fault(|f| f.read_stale);
        let mut found = BTreeMap::new();
        for id in ids {
            let ago = if stale { self.rng.below(STALE_FOR) } else { 0 };
            let seen = self.table.as_of(self.now.saturating_sub(ago), id);
            if seen.as_ref() != self.table.items.get(id) {
                let version = seen.as_ref().map_or(0, |t| t.version);
                self.say_of(process, || format!("read of {id} still sees version {version}"));
            }
            found.extend(seen.map(|t| (id.clone(), t)));
        }
        found
    }

    /// Deletes what has expired, as DynamoDB does sooner or later.
    pub fn expire(&mut self) {
        let now = self.now;
        let expired: Vec<TransactionId> = self
            .table
            .items
            .values()
            .filter(|t| t.expires_at.is_some_and(|at| at.millis() <= now))
            .map(|t| t.id.clone())
            .collect();
        for id in expired {
            self.say("table", || format!("{id} has expired and is deleted"));
            if let Some(old) = self.table.items.remove(&id) {
                self.table.replace(now, id.clone(), Some(old.clone()));
                self.oracle.deleted(old);
            }
            self.table.lagging.push_back((now, id, None));
        }
    }

    /// The scheduler wakes the sweeper each minute; minutes in which nothing is due would find nothing, and are left out.
    pub fn plan_tick(&mut self) {
        let Some(soonest) = self.table.soonest() else { return };
        let next = self.now / MINUTE * MINUTE + MINUTE;
        let wanted = next.max(soonest.saturating_sub(SWEEP_AHEAD + self.spec.skew_max).div_ceil(MINUTE) * MINUTE);
        if wanted < self.tick_at {
            self.tick_at = wanted;
            self.at(wanted, Event::Tick);
        }
    }
}

/// The table as a process reaches it.
#[derive(Clone)]
pub(crate) struct SimStore(pub Handle);

impl SimStore {
    /// What a call comes to before the table sees it.
    fn trouble(&self, operation: &'static str, of: &TransactionId) -> Option<StoreError> {
        let mut state = self.0.lock();
        let panics = state.fault(|f| f.panic);
        let fails = state.is_out(Part::Store) || state.fault(|f| f.store_throttled);
        if panics {
            if let Some(calls) = state.calls(self.0.process) {
                calls.panicked = true;
            }
            state.say_of(self.0.process, || format!("PANICS in {operation} of {of}"));
            drop(state);
            // Not `panic!`: what is done on purpose is not reported.
            std::panic::resume_unwind(Box::new(crate::functions::Injected));
        }
        fails.then(|| {
            state.say_of(self.0.process, || format!("{operation} of {of} throttled"));
            if let Some(calls) = state.calls(self.0.process) {
                calls.failed = true;
            }
            StoreError { operation, source: "throttled".into() }
        })
    }

    /// Waits where the store is slow.
    async fn wait(&self) {
        let millis = {
            let mut state = self.0.lock();
            let slow = state.fault(|f| f.store_slow);
            // The function may give up waiting: for it, the call has failed.
            if let Some(calls) = state.calls(self.0.process).filter(|_| slow) {
                calls.failed = true;
            }
            if slow { state.rng.between(SECOND, 90 * SECOND) } else { 0 }
        };
        if millis > 0 {
            self.0.pause(millis, None).await;
        }
    }

    pub async fn forced(&self, write: &Write) -> Result<(), StoreError> {
        let process = self.0.process;
        self.0.effect(Effect::Write, |state| state.put(process, write)).await;
        Ok(())
    }
}

impl Store for SimStore {
    async fn read(&self, ids: &[TransactionId]) -> Result<BTreeMap<TransactionId, Transaction>, StoreError> {
        if let Some(calls) = self.0.lock().calls(self.0.process) {
            calls.reads += 1;
        }
        self.wait().await;
        let process = self.0.process;
        let found = self.0.effect(Effect::Read, |state| state.read(process, ids)).await;
        match ids.first().and_then(|id| self.trouble("read", id)) {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    async fn write(&self, write: &Write) -> Result<Written, StoreError> {
        let (process, id) = (self.0.process, &write.transaction.id);
        if let Some(error) = self.trouble("write", id) {
            return Err(error);
        }
        self.wait().await;
        let written = self.0.effect(Effect::Write, |state| state.write(process, write)).await;
        let mut state = self.0.lock();
        if written == Written::Done {
            if let Some(calls) = state.calls(process) {
                *calls.writes.entry(id.to_string()).or_default() += 1;
            }
            if state.fault(|f| f.store_resent) {
                state.say_of(process, || "the answer was lost, and the write sent again".to_owned());
                return Ok(Written::Lost(state.table.items.get(id).cloned().map(Box::new)));
            }
            if state.fault(|f| f.store_answer_lost) {
                state.say_of(process, || "the answer was lost: taken for failed".to_owned());
                if let Some(calls) = state.calls(process) {
                    calls.failed = true;
                }
                return Err(StoreError { operation: "write", source: "no answer".into() });
            }
        }
        Ok(written)
    }
}

impl DueIndex for SimStore {
    fn shards(&self) -> u32 {
        SHARDS
    }

    async fn due(&self, shard: u32, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.wait().await;
        let due = self.0.effect(Effect::Read, |state| {
            let now = state.now;
            state.table.catch_up(now);
            let in_shard =
                state.table.index.iter().filter(|(id, at)| shard_of(id) % SHARDS == shard && **at <= until.millis());
            let entry = |(id, at): (&TransactionId, &u64)| Due { id: id.clone(), at: Timestamp::from_millis(*at) };
            let mut due: Vec<Due> = in_shard.map(entry).collect();
            due.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
            due.truncate(limit);
            due
        });
        let due = due.await;
        let failed = {
            let mut state = self.0.lock();
            state.is_out(Part::Store) || state.fault(|f| f.store_throttled)
        };
        if failed { Err(StoreError { operation: "due", source: "throttled".into() }) } else { Ok(due) }
    }
}
