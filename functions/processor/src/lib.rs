//! Takes evidence from the queue, one batch at a time.
//!
//! Each record is parsed on its own, the transactions of a batch are read in one call, each transaction is settled once for all
//! its records. A record that failed goes back to the queue alone; one that can never succeed goes to the dead-letter queue.

use std::time::Duration;

mod batch;
mod config;
mod queue;
mod record;

pub use batch::{BatchOutcome, Processor};
pub use config::Config;
pub use queue::{Queue, QueueError, SqsQueue};
pub use record::{DeadLetter, DeadLetterReason, Parsed, Record, parse};

/// Longest wait for one status answer.
pub const QUESTION_TIMEOUT: Duration = Duration::from_secs(8);
