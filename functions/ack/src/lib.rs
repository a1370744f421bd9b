//! The way in: opens a webhook, puts it on the queue, and acknowledges it only then. It takes registrations in the same way.
//!
//! Knows nothing of the table and never calls the Status API.

mod answer;
mod config;
mod event;
mod handler;
mod lambda;
mod queue;
mod rejection;
mod report;
mod request;

pub use config::Config;
pub use event::{readable, with_readable_event};
pub use handler::{Ack, Answered, Invocation};
pub use lambda::LambdaAck;
pub use queue::{Queue, QueueError, SqsQueue};
pub use request::{RequestError, Route, body};
