//! Tells the merchant's bus each change: reads the table's stream, sends what was published.

mod config;
mod handler;
mod lambda;

pub use config::Config;
pub use handler::Publisher;
pub use lambda::{LambdaPublisher, Unpublished};
