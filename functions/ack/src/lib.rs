//! The way in: opens a webhook, puts it on the queue, and acknowledges it only then. It takes registrations in the same way.
//!
//! Knows nothing of the table and never calls the Status API.

mod answer;
mod config;
mod handler;
mod keys;
mod lambda;
mod queue;
mod rejection;
mod report;
mod request;

pub use answer::HttpAnswer;
pub use config::Config;
pub use handler::{Ack, Answered, Invocation};
pub use keys::{KeyRing, KeySource};
pub use lambda::LambdaAck;
pub use queue::{Queue, QueueError, SqsQueue};
pub use request::HttpEvent;
