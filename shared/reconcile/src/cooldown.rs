//! After a run of failures the Status API is left alone for a moment.

use std::sync::Mutex;
use std::time::Duration;

use spg_domain::{SilenceKind, Timestamp};

use crate::Reply;

/// Failures in a row before a process stops asking.
const FAILURES_MAX: u32 = 5;
/// How long it then only records.
const COOLDOWN: Duration = Duration::from_secs(10);
/// What a Retry-After may silence a whole process for, at most.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Shared by all questions of a process.
#[derive(Debug, Default)]
pub struct Cooldown {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    until: Timestamp,
}

impl Cooldown {
    /// Whether questions are to be left out now.
    pub fn is_on(&self, now: Timestamp) -> bool {
        now < self.lock().until
    }

    /// Learns from a reply that came at `now`.
    pub fn learn(&self, reply: &Reply, now: Timestamp) {
        let mut state = self.lock();
        match reply.result {
            // A pause that was asked for goes on: this answer may be to an older question.
            Ok(_) | Err(SilenceKind::NotFound) => state.failures = 0,
            Err(SilenceKind::Unavailable | SilenceKind::Unauthorised) => {
                state.failures += 1;
                if let Some(retry_after) = reply.retry_after {
                    state.until = state.until.max(now + retry_after.min(RETRY_AFTER_MAX));
                }
                if state.failures >= FAILURES_MAX {
                    state.until = state.until.max(now + COOLDOWN);
                    // One more failure after the pause starts the next one.
                    state.failures = FAILURES_MAX - 1;
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere leaves two plain numbers behind: they are still good.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(result: Result<(), SilenceKind>, retry_after: Option<Duration>) -> Reply {
        let answer = spg_domain::StatusAnswer {
            payment_status: spg_domain::PaymentStatus::Pending,
            transaction_id: None,
            facts: spg_domain::Facts::default(),
        };
        Reply { result: result.map(|()| answer), http_status: None, return_code: None, retry_after, problem: None }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn five_failures_in_a_row_start_a_pause_and_one_more_the_next() {
        let cooldown = Cooldown::default();
        let failure = reply(Err(SilenceKind::Unavailable), None);
        for _ in 0..4 {
            cooldown.learn(&failure, at(100));
            assert!(!cooldown.is_on(at(100)));
        }
        cooldown.learn(&failure, at(100));
        assert!(cooldown.is_on(at(109)));
        assert!(!cooldown.is_on(at(110)));
        cooldown.learn(&failure, at(110));
        assert!(cooldown.is_on(at(119)));
    }

    #[test]
    fn an_answer_ends_the_run_and_not_found_is_an_answer() {
        let cooldown = Cooldown::default();
        for _ in 0..4 {
            cooldown.learn(&reply(Err(SilenceKind::Unavailable), None), at(100));
        }
        cooldown.learn(&reply(Err(SilenceKind::NotFound), None), at(100));
        cooldown.learn(&reply(Err(SilenceKind::Unavailable), None), at(100));
        assert!(!cooldown.is_on(at(100)));
    }

    #[test]
    fn retry_after_is_honoured_at_once_up_to_a_minute() {
        let cooldown = Cooldown::default();
        cooldown.learn(&reply(Err(SilenceKind::Unavailable), Some(Duration::from_secs(3600))), at(100));
        assert!(cooldown.is_on(at(159)));
        assert!(!cooldown.is_on(at(160)));
        // An answer that was under way all along does not end the pause.
        cooldown.learn(&reply(Ok(()), None), at(101));
        assert!(cooldown.is_on(at(159)));
    }
}
