//! The way out: each published change of the table's stream becomes one event on the merchant's bus.
//!
//! Decides nothing: an event is a pure function of the item. At least once and unordered between transactions; consumers keep the
//! highest `outcome`.

mod config;
mod handler;
mod lambda;
mod stream;

pub use config::Config;
pub use handler::Publisher;
pub use lambda::{LambdaPublisher, Unpublished};
pub use stream::StreamEvent;
