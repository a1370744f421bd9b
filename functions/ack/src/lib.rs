//! The way in: opens a webhook, puts it on the queue, and acknowledges it only then. It takes registrations in the same way.
//!
//! Knows nothing of the table and never calls the Status API.

#[cfg(feature = "function")]
mod answer;
#[cfg(feature = "function")]
mod config;
#[cfg(feature = "function")]
mod handler;
#[cfg(feature = "function")]
mod lambda;
#[cfg(feature = "function")]
mod queue;
#[cfg(feature = "function")]
mod rejection;
#[cfg(feature = "function")]
mod report;
mod request;

#[cfg(feature = "function")]
pub use answer::HttpAnswer;
#[cfg(feature = "function")]
pub use config::Config;
#[cfg(feature = "function")]
pub use handler::{Ack, Answered, Invocation};
#[cfg(feature = "function")]
pub use lambda::LambdaAck;
#[cfg(feature = "function")]
pub use queue::{Queue, QueueError, SqsQueue};
pub use request::{HttpEvent, RequestError, Route};
