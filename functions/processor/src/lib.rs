//! Takes evidence from the queue, one batch at a time.
//!
//! Each record is parsed on its own, the transactions of a batch are read in one call, each transaction is settled once for all
//! its records. A record that failed goes back to the queue alone; one that can never succeed goes to the dead-letter queue.

mod config;
mod handler;
mod lambda;
mod queue;
mod record;
mod report;

pub use config::Config;
pub use handler::Processor;
pub use lambda::{LambdaProcessor, QUERY_TIMEOUT};
pub use queue::{Queue, QueueError, SqsQueue};
pub use record::{DeadLetter, DeadLetterReason, Parsed, Record, parse};
