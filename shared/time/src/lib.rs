//! Moments, the clock, deadlines, and an error as one line of text. Everything else in this workspace may use it.
//!
//! The only place that reads the wall clock.

mod chain;
#[cfg(feature = "clock")]
mod clock;
mod timestamp;

pub use chain::error_chain;
#[cfg(feature = "clock")]
pub use clock::{Clock, SystemClock, before_deadline};
pub use timestamp::Timestamp;
