//! Evidence in, a question to the Status API where one is needed, one conditional write out.
//!
//! Knows nothing of DynamoDB, HTTP, SPG's JSON or the wall clock: it owns the narrow traits that the ledger, the gateway, the
//! host and the simulation implement.

mod asked;
mod cooldown;
#[cfg(feature = "memory")]
pub mod memory;
mod settle;
mod sweep;
mod tally;
mod traits;

pub use asked::{AnswerFields, Asked};
pub use cooldown::Cooldown;
pub use settle::{Asking, Reconciler, SettleError, Settlement};
pub use sweep::{SweepLimits, SweepReport, Sweeper};
pub use tally::Tally;
pub use traits::{Clock, Due, DueIndex, Question, Reply, StatusApi, Store, StoreError, Written, error_chain, within};
