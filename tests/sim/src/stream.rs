//! The table's stream: each item's changes in their order, each batch until it succeeds, and now and then once more.

use std::collections::VecDeque;

use serde_json::{Value, json};
use spg_domain::Transaction;
use spg_ledger::{StreamEvent, shard_of};

use crate::world::{Event, State};

pub(crate) const STREAM_SHARDS: u32 = 2;
/// Records in a batch, as the template says.
const BATCH_MAX: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct Stream {
    shards: [Shard; STREAM_SHARDS as usize],
    sequence: u64,
}

#[derive(Debug, Default)]
struct Shard {
    records: VecDeque<Value>,
    /// A batch of it is being worked on: its order is kept.
    pub busy: bool,
    failures: u32,
}

impl Stream {
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.records.is_empty())
    }
}

impl State {
    pub fn stream_record(&mut self, transaction: &Transaction, image: Value) {
        self.stream.sequence += 1;
        let sequence = self.stream.sequence.to_string();
        let record = json!({"eventName": "MODIFY", "dynamodb": {"NewImage": image, "SequenceNumber": sequence}});
        let shard = usize::try_from(shard_of(&transaction.id) % STREAM_SHARDS).unwrap_or_default();
        self.stream.shards[shard].records.push_back(record);
        let soon = self.now + self.rng.between(1, 500);
        self.at(soon, Event::PollStream(shard));
    }

    /// A batch of a shard that nobody works on; none if there is nothing.
    pub fn stream_batch(&mut self, shard: usize) -> Option<StreamEvent> {
        let waiting = &self.stream.shards[shard];
        if waiting.busy || waiting.records.is_empty() {
            return None;
        }
        let many = self.rng.index(BATCH_MAX) + 1;
        let shard = &mut self.stream.shards[shard];
        shard.busy = true;
        Some(StreamEvent { records: shard.records.iter().take(many).cloned().collect() })
    }

    /// A batch is done, or comes again: the stream waits for it.
    pub fn stream_done(&mut self, shard: usize, records: usize, published: bool) {
        let again = !published || self.fault(|f| f.stream_twice);
        let waiting = &mut self.stream.shards[shard];
        waiting.busy = false;
        if again {
            waiting.failures = (waiting.failures + 1).min(8);
        } else {
            waiting.failures = 0;
            waiting.records.drain(..records);
        }
        let wait = 100 << waiting.failures;
        let at = self.now + self.rng.between(1, wait);
        self.at(at, Event::PollStream(shard));
    }
}
