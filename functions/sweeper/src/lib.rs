//! Asks the Status API about what is due: once a minute, and within the minute for as long as something falls due.

mod config;
mod handler;
mod lambda;

pub use config::{Config, QUERIES_CONCURRENT_DEFAULT};
pub use handler::{StoreFailed, Sweep};
pub use lambda::{LambdaSweep, QUERY_TIMEOUT};
