//! Asks the Status API about what is due: once a minute, and within the minute for as long as something falls due.

use std::time::Duration;

use spg_domain::Timestamp;
use spg_reconcile::SweepLimits;

mod config;

pub use config::{QUESTIONS_CONCURRENT_DEFAULT, SweeperConfig};

/// Longest wait for one status answer: one production client needs 30 seconds.
pub const QUESTION_TIMEOUT: Duration = Duration::from_secs(30);
/// What is left of an invocation for its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);
/// The next run begins after a minute: what falls due later is its matter.
const RUN_MAX: Duration = Duration::from_secs(55);
/// Nothing is waited for that falls due with less time than this to ask and store.
const WAIT_MARGIN: Duration = Duration::from_secs(8);

/// The limits of a run that begins at `now` and must have ended at `invocation_deadline`, with so many questions under way at once.
pub fn limits(now: Timestamp, invocation_deadline: Timestamp, questions_concurrent: usize) -> SweepLimits {
    let time = invocation_deadline.since(now).saturating_sub(ANSWER_MARGIN).min(RUN_MAX);
    SweepLimits { questions_concurrent, deadline: now + time, horizon: now + time.saturating_sub(WAIT_MARGIN) }
}
