//! Evidence in, a question to the Status API where one is needed, one conditional write out.
//!
//! It owns the narrow ports (traits) that the ledger, the Status API client and the simulation implement, and knows none of them.

mod asked;
mod circuit_breaker;
#[cfg(feature = "memory")]
pub mod memory;
mod ports;
mod settle;
mod sweep;
mod tally;

pub use asked::{AnswerFields, Asked};
pub use circuit_breaker::CircuitBreaker;
pub use ports::{Due, DueIndex, Question, StatusApi, Store, StoreError, Written};
pub use settle::{Asking, Reconciler, SettleError, Settlement};
pub use sweep::{SweepLimits, SweepReport, Sweeper};
pub use tally::Tally;
