//! Lambda's event source mapping of a stream, on a clock of its own: one shard, batches in order, a failed batch again until it
//! succeeds or the mapping of the template gives up.

use std::time::Duration;

use serde_json::Value;

use crate::template::Template;
use crate::{Function, events};

/// Lambda does not publish how long it waits between attempts; an hour of them is enough.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(60);
/// After this the stream itself drops a record.
const STREAM_KEEPS: Duration = Duration::from_secs(24 * 3600);

/// A mapping and what waits before it.
#[derive(Debug)]
pub struct StreamMapping {
    batch_size: usize,
    retries_max: Option<u64>,
    record_age_max: Duration,
    waiting: Vec<Record>,
    now: Duration,
    attempts: u64,
}

#[derive(Debug)]
struct Record {
    image: Value,
    written_at: Duration,
}

impl StreamMapping {
    /// As the template configures the mapping with this logical id.
    ///
    /// # Panics
    /// If it is not understood.
    pub fn of(logical_id: &str) -> Self {
        let template = Template::load();
        let properties = &template.resource(logical_id)["Properties"];
        let number = |name: &str| properties[name].as_str().and_then(|it| it.parse::<i64>().ok());
        let bounded = |name: &str| number(name).and_then(|it| u64::try_from(it).ok());
        assert_eq!(properties["BisectBatchOnFunctionError"], "false", "batches are not split here");
        Self {
            batch_size: bounded("BatchSize").and_then(|it| usize::try_from(it).ok()).expect("a batch size"),
            // -1 is for ever.
            retries_max: bounded("MaximumRetryAttempts"),
            record_age_max: bounded("MaximumRecordAgeInSeconds").map_or(STREAM_KEEPS, Duration::from_secs),
            waiting: Vec::new(),
            now: Duration::ZERO,
            attempts: 0,
        }
    }

    /// What the stream gets now.
    pub fn write(&mut self, images: &[Value]) {
        let written_at = self.now;
        self.waiting.extend(images.iter().map(|image| Record { image: image.clone(), written_at }));
    }

    /// One attempt with the next batch: the age of its last record when it is sent, or None if nothing waits. What fails comes
    /// again after a wait, as often and as long as the mapping allows.
    pub fn attempt(&mut self, function: &Function) -> Option<Duration> {
        let (now, age_max) = (self.now, self.record_age_max);
        self.waiting.retain(|record| now - record.written_at < age_max);
        let batch = &self.waiting[..self.waiting.len().min(self.batch_size)];
        let age = now - batch.last()?.written_at;
        let images: Vec<Value> = batch.iter().map(|record| record.image.clone()).collect();
        let done = function.invoke(events::dynamodb_stream(&images)).is_ok();
        self.attempts += 1;
        let given_up = self.retries_max.is_some_and(|retries| self.attempts > retries);
        if done || given_up {
            self.waiting.drain(..images.len());
            self.attempts = 0;
        } else {
            self.now += BETWEEN_ATTEMPTS;
        }
        Some(age)
    }

    /// Time that has passed on its clock.
    pub fn elapsed(&self) -> Duration {
        self.now
    }

    /// How many records still wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
