//! Evidence in, a question to the Status API where one is needed, one conditional write out.
//!
//! It owns the narrow traits that the ledger, the Status API client and the simulation implement, and knows none of them.

mod asked;
mod circuit_breaker;
#[cfg(feature = "memory")]
pub mod memory;
mod settle;
mod sweep;
mod tally;
mod traits;

pub use asked::{AnswerFields, Asked};
pub use circuit_breaker::CircuitBreaker;
pub use settle::{Asking, Reconciler, SettleError, Settlement};
pub use sweep::{SweepLimits, SweepReport, Sweeper};
pub use tally::Tally;
pub use traits::{Due, DueIndex, Question, StatusApi, Store, StoreError, Written};
