//! How many queries may be in flight: few until the Status API is known to answer, fewer after it has limited our rate.

use std::time::Duration;

use spg_domain::Timestamp;

/// If this many queries in a row are not answered, the run ends and leaves the rest due.
const PROBES_MAX: usize = 5;
/// Refusals that come within this are of one excess.
const REDUCED_ONCE_WITHIN: Duration = Duration::from_secs(1);
/// So many answers allow one query more again, up to the limit.
const ANSWERS_PER_STEP: usize = 32;

#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    queries_max: usize,
    queries: usize,
    /// Queries in a row without an answer.
    failures: usize,
    answered: bool,
    /// Since the last step.
    answers: usize,
    reduced_at: Option<Timestamp>,
}

impl ConcurrencyLimit {
    pub fn new(queries_max: usize) -> Self {
        let queries = queries_max.max(1);
        Self { queries_max: queries, queries, failures: 0, answered: false, answers: 0, reduced_at: None }
    }

    /// How many may be in flight now.
    pub fn queries(&self) -> usize {
        if self.answered { self.queries } else { self.queries.min(PROBES_MAX.saturating_sub(self.failures)) }
    }

    pub fn answered(&mut self) {
        self.answered = true;
        self.failures = 0;
        self.answers += 1;
        if self.answers >= ANSWERS_PER_STEP && self.queries < self.queries_max {
            self.answers = 0;
            self.queries += 1;
        }
    }

    /// There was no answer; true if that was so for so many queries in a row that nobody should go on asking.
    pub fn failed(&mut self) -> bool {
        self.failures += 1;
        self.failures >= PROBES_MAX
    }

    /// The Status API is up, and has refused this query for being one too many.
    pub fn limited(&mut self, now: Timestamp) {
        self.answers = 0;
        if self.reduced_at.is_none_or(|at| now.since(at) >= REDUCED_ONCE_WITHIN) {
            self.reduced_at = Some(now);
            self.queries = (self.queries / 2).max(1);
        }
    }

    /// Whether so many queries that were not answered, and none that was since, are taken for an outage: one that fails alone, after
    /// others were answered, is its own matter.
    pub fn is_outage(&self, unanswered: usize) -> bool {
        unanswered > 1 || !self.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    #[test]
    fn an_outage_is_found_with_few_queries() {
        let mut limit = ConcurrencyLimit::new(16);
        for left in (1..=PROBES_MAX).rev() {
            assert_eq!(limit.queries(), left);
            assert_eq!(limit.failed(), left == 1);
        }
        limit.answered();
        assert_eq!((limit.queries(), limit.failed()), (16, false));
    }

    /// Before anything was answered each is taken for one; afterwards one alone is not.
    #[test]
    fn one_query_without_an_answer_is_an_outage_until_another_was_answered() {
        let mut limit = ConcurrencyLimit::new(16);
        assert!(limit.is_outage(1) && limit.is_outage(2));
        limit.answered();
        assert_eq!((limit.is_outage(1), limit.is_outage(2)), (false, true));
    }

    #[test]
    fn a_limit_halves_once_and_answers_widen_again() {
        let mut limit = ConcurrencyLimit::new(16);
        limit.answered();
        (0..16).for_each(|n| limit.limited(at(n)));
        assert_eq!(limit.queries(), 8);
        limit.limited(at(1000));
        assert_eq!(limit.queries(), 4);
        (0..ANSWERS_PER_STEP).for_each(|_| limit.answered());
        assert_eq!(limit.queries(), 5);
        (0..100 * ANSWERS_PER_STEP).for_each(|_| limit.answered());
        assert_eq!(limit.queries(), 16);
        (0..100).for_each(|n| limit.limited(at(10_000 + n * 1000)));
        assert_eq!(limit.queries(), 1);
    }
}
