//! The circuit breaker before the Status API: after a run of failures nothing is sent for a moment.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use spg_domain::{NoAnswer, NoAnswerKind, Reply, ShortText, Timestamp};

/// Failures in a row before a process stops asking.
const FAILURES_MAX: u32 = 5;
/// How long it then only records.
const OPEN_FOR: Duration = Duration::from_secs(10);
/// How long a Retry-After may stop the queries of a whole process, at most.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Terminals whose refused credentials are remembered; beyond that one more query is asked than need be.
const TERMINALS_MAX: usize = 1000;

/// Shared by all queries of a process.
///
/// A Status API that does not answer gets no query at all. One that refuses credentials (401, 403) is up: only the terminal whose
/// credentials they are is left out.
#[derive(Debug, Default)]
pub struct CircuitBreaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    api: Run,
    /// By terminal; none is the default credentials.
    refused: BTreeMap<Option<ShortText>, Run>,
}

/// Failures in a row, and the pause that they led to.
#[derive(Debug, Default)]
struct Run {
    failures: u32,
    until: Timestamp,
}

impl CircuitBreaker {
    /// Why nothing is to be asked with this terminal's credentials now, if so.
    pub fn no_answer(&self, terminal: Option<&ShortText>, now: Timestamp) -> Option<NoAnswer> {
        let state = self.lock();
        if now < state.api.until {
            return Some(NoAnswer { kind: NoAnswerKind::Outage, retry_after: None });
        }
        let refused = state.refused.get(&terminal.cloned()).is_some_and(|run| now < run.until);
        refused.then_some(NoAnswer { kind: NoAnswerKind::Unauthorised, retry_after: None })
    }

    /// The end of the pause in which nobody asks, if there is one now.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.lock().api.until).filter(|until| now < *until)
    }

    /// Learns from a reply to a query with this terminal's credentials, which came at `now`.
    pub fn learn(&self, reply: &Reply, terminal: Option<&ShortText>, now: Timestamp) {
        let mut state = self.lock();
        match reply.result {
            // A pause that was asked for goes on: this answer may be to an older query.
            Ok(_) | Err(NoAnswerKind::NotFound) => {
                state.api.failures = 0;
                state.refused.remove(&terminal.cloned());
            }
            Err(NoAnswerKind::Unauthorised) => {
                state.api.failures = 0;
                if state.refused.len() >= TERMINALS_MAX {
                    state.refused.clear();
                }
                state.refused.entry(terminal.cloned()).or_default().fail(now);
            }
            // It is up, and says for how long it wants no query: several refusals at once say it no louder.
            Err(NoAnswerKind::RateLimited) if reply.retry_after.is_some_and(|it| !it.is_zero()) => {}
            Err(NoAnswerKind::RateLimited | NoAnswerKind::Unavailable | NoAnswerKind::Outage) => state.api.fail(now),
        }
        if let (Err(_), Some(retry_after)) = (&reply.result, reply.retry_after) {
            state.api.until = state.api.until.max(now + retry_after.min(PAUSE_MAX));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere leaves plain numbers behind: they are still good.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Run {
    fn fail(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        // One more failure after the pause starts the next one.
        if self.failures >= FAILURES_MAX {
            self.until = self.until.max(now + OPEN_FOR);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(result: Result<(), NoAnswerKind>, retry_after: Option<Duration>) -> Reply {
        let answer = spg_domain::StatusAnswer {
            payment_status: spg_domain::PaymentStatus::PENDING,
            transaction_id: None,
            facts: spg_domain::Facts::default(),
        };
        Reply { result: result.map(|()| answer), http_status: None, return_code: None, retry_after, problem: None }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn is_on(circuit_breaker: &CircuitBreaker, now: Timestamp) -> bool {
        let no_answer = circuit_breaker.no_answer(None, now);
        assert_eq!(
            no_answer.is_some_and(|no_answer| no_answer.kind == NoAnswerKind::Outage),
            circuit_breaker.paused_until(now).is_some()
        );
        no_answer.is_some()
    }

    #[test]
    fn five_failures_in_a_row_start_a_pause_and_one_more_the_next() {
        let circuit_breaker = CircuitBreaker::default();
        let failure = reply(Err(NoAnswerKind::Unavailable), None);
        for _ in 0..4 {
            circuit_breaker.learn(&failure, None, at(100));
            assert!(!is_on(&circuit_breaker, at(100)));
        }
        circuit_breaker.learn(&failure, None, at(100));
        assert!(is_on(&circuit_breaker, at(109)));
        assert!(!is_on(&circuit_breaker, at(110)));
        circuit_breaker.learn(&failure, None, at(110));
        assert!(is_on(&circuit_breaker, at(119)));
    }

    #[test]
    fn an_answer_ends_the_run_and_not_found_is_an_answer() {
        let circuit_breaker = CircuitBreaker::default();
        for _ in 0..4 {
            circuit_breaker.learn(&reply(Err(NoAnswerKind::Unavailable), None), None, at(100));
        }
        circuit_breaker.learn(&reply(Err(NoAnswerKind::NotFound), None), None, at(100));
        circuit_breaker.learn(&reply(Err(NoAnswerKind::Unavailable), None), None, at(100));
        assert!(!is_on(&circuit_breaker, at(100)));
    }

    #[test]
    fn retry_after_is_honoured_at_once_up_to_a_minute() {
        let circuit_breaker = CircuitBreaker::default();
        circuit_breaker.learn(&reply(Err(NoAnswerKind::Unavailable), Some(Duration::from_secs(3600))), None, at(100));
        assert!(is_on(&circuit_breaker, at(159)));
        assert!(!is_on(&circuit_breaker, at(160)));
        // An answer that was in flight all along does not end the pause.
        circuit_breaker.learn(&reply(Ok(()), None), None, at(101));
        assert!(is_on(&circuit_breaker, at(159)));
    }

    #[test]
    fn a_limit_with_a_retry_after_pauses_for_that_long_and_not_as_an_outage() {
        let limit = |retry_after| reply(Err(NoAnswerKind::RateLimited), retry_after);
        let circuit_breaker = CircuitBreaker::default();
        (0..16).for_each(|_| circuit_breaker.learn(&limit(Some(Duration::from_secs(1))), None, at(100)));
        assert!(is_on(&circuit_breaker, at(100)) && !is_on(&circuit_breaker, at(101)));
        // Without a Retry-After it counts as a failure.
        (0..5).for_each(|_| circuit_breaker.learn(&limit(None), None, at(200)));
        assert!(is_on(&circuit_breaker, at(209)));
    }

    #[test]
    fn refused_credentials_leave_out_their_terminal_and_nobody_else() {
        let circuit_breaker = CircuitBreaker::default();
        let ours = ShortText::new("1001").unwrap();
        let refused = reply(Err(NoAnswerKind::Unauthorised), None);
        for _ in 0..5 {
            circuit_breaker.learn(&refused, Some(&ours), at(100));
        }
        let no_answer = circuit_breaker.no_answer(Some(&ours), at(109)).unwrap();
        assert_eq!(no_answer.kind, NoAnswerKind::Unauthorised);
        assert!(!is_on(&circuit_breaker, at(109)));
        assert_eq!(circuit_breaker.no_answer(Some(&ours), at(110)), None, "one query again");
        circuit_breaker.learn(&refused, Some(&ours), at(110));
        assert!(circuit_breaker.no_answer(Some(&ours), at(119)).is_some());
        circuit_breaker.learn(&reply(Ok(()), None), Some(&ours), at(120));
        circuit_breaker.learn(&refused, Some(&ours), at(120));
        assert_eq!(circuit_breaker.no_answer(Some(&ours), at(120)), None, "an answer ends the run");
    }

    #[test]
    fn what_is_remembered_of_terminals_is_bounded() {
        let circuit_breaker = CircuitBreaker::default();
        for n in 0..3 * TERMINALS_MAX {
            let terminal = ShortText::new(format!("t{n}")).unwrap();
            circuit_breaker.learn(&reply(Err(NoAnswerKind::Unauthorised), None), Some(&terminal), at(100));
        }
        assert!(circuit_breaker.lock().refused.len() <= TERMINALS_MAX);
    }
}
