//! Evidence in, a query to the Status API where one is needed, one conditional write out.
//!
//! It owns the narrow ports (traits) that the ledger, the Status API client and the simulation implement, and knows none of them.

mod circuit_breaker;
#[cfg(feature = "memory")]
pub mod memory;
mod ports;
mod query_result;
mod settle;
mod sweep;
mod tally;

pub use circuit_breaker::CircuitBreaker;
pub use ports::{Due, DueIndex, StatusApi, StatusQuery, Store, StoreError, Written};
pub use query_result::{AnswerFields, QueryResult};
pub use settle::{QueryMode, Reconciler, SettleError, Settlement};
pub use sweep::{SweepLimits, SweepReport, Sweeper};
pub use tally::Tally;
