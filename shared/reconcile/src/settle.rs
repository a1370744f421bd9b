//! One transaction: apply, ask, write; and again if the write was lost.

use std::future::Future;
use std::time::Duration;

use spg_domain::{
    Decision, Disposition, Evidence, NoAnswer, NoAnswerKind, Reply, Rules, Timestamp, Transaction, TransactionId, Write,
};
use spg_time::{Clock, before_deadline};

use crate::{CircuitBreaker, QueryResult, StatusApi, StatusQuery, Store, StoreError, Written};

/// Lost races before the evidence goes back to where it came from.
const ATTEMPTS_MAX: u32 = 6;
/// Further queries in one invocation where the answer lags behind a claim.
const LAG_QUERIES_MAX: usize = 2;
/// No such query begins later than this after the first.
const LAG_WINDOW: Duration = Duration::from_secs(4);
/// The waits before them.
const LAG_WAITS: [Duration; LAG_QUERIES_MAX] = [Duration::from_secs(1), Duration::from_secs(2)];
/// Further queries where an answer was stale (rule 7).
const STALE_QUERIES_MAX: usize = 1;
/// All queries of one call.
const QUERIES_MAX: usize = 3;
/// A query is not begun with less time than this, or than its whole time-out where that is shorter.
const QUERY_TIME_MIN: Duration = Duration::from_secs(5);
/// Time that must be left after a query for its answer to be written.
const WRITE_MARGIN: Duration = Duration::from_secs(2);

/// Settles evidence against the store and the Status API.
#[derive(Debug)]
pub struct Reconciler<S, A, C> {
    pub store: S,
    pub status_api: A,
    pub clock: C,
    pub rules: Rules,
    /// Longest wait for one answer.
    pub query_timeout: Duration,
    pub circuit_breaker: CircuitBreaker,
}

/// How far one call may go in asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryMode {
    /// A claim is queried, and again where the answer lags: the processor.
    Claims,
    /// The query was made already; it is repeated only where its answer is stale: the sweeper.
    OnlyStale,
}

/// What one call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// One for each piece of evidence that was given, in its order.
    pub dispositions: Vec<Disposition>,
    /// One for each query that was asked here.
    pub queries: Vec<QueryResult>,
    /// The write that was made, if anything changed.
    pub write: Option<Write>,
    /// By the clock that decided.
    pub decided_at: Timestamp,
}

/// The evidence was not taken in: give it back.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the write was lost to others {ATTEMPTS_MAX} times in a row")]
    Contended,
}

impl<S: Store + Sync, A: StatusApi + Sync, C: Clock + Sync> Reconciler<S, A, C> {
    /// Takes in `evidence` about one transaction, of which `stored` was read before. Returns before `deadline`, leaving to the due
    /// index what there is no time to ask.
    ///
    /// # Errors
    /// [`SettleError`] when the store failed or the races were lost too often. Nothing is then half done: the same evidence may
    /// come again.
    pub async fn settle(
        &self,
        id: &TransactionId,
        mut stored: Option<Transaction>,
        evidence: &[Evidence],
        mode: QueryMode,
        deadline: Timestamp,
    ) -> Result<Settlement, SettleError> {
        let mut queries =
            Queries { mode, deadline, lag: 0, stale: 0, first_at: None, answers: Vec::new(), queried: Vec::new() };
        for _ in 0..ATTEMPTS_MAX {
            let read_version = stored.as_ref().map_or(0, |stored| stored.version);
            let mut decision = Decision::new(id.clone(), stored.take(), &self.rules);
            let now = self.clock.now();
            let dispositions: Vec<_> = evidence.iter().map(|e| decision.apply(e, now)).collect();
            for (answer, queried) in queries.answers.iter().zip(&mut queries.queried) {
                queried.disposition = decision.apply(answer, now);
            }
            self.query_while_wanted(&mut decision, read_version, &mut queries, &dispositions).await;
            let (decided_at, write) = (self.clock.now(), decision.into_write());
            let written = match &write {
                Some(write) => self.write(write, deadline).await?,
                None => Written::Done,
            };
            match written {
                Written::Done => {
                    return Ok(Settlement { dispositions, queries: queries.queried, write, decided_at });
                }
                Written::Lost(now_stored) => stored = now_stored.map(|t| *t),
            }
        }
        Err(SettleError::Contended)
    }

    /// A write whose answer was lost and that was sent again loses to itself: that is a success, and counts as one.
    async fn write(&self, write: &Write, deadline: Timestamp) -> Result<Written, StoreError> {
        Ok(match self.before_deadline(deadline, "write", self.store.write(write)).await? {
            Written::Lost(Some(stored)) if *stored == write.transaction => Written::Done,
            written @ (Written::Lost(_) | Written::Done) => written,
        })
    }

    /// Whether there is time before `deadline` to ask and to write what comes back.
    pub fn may_query(&self, deadline: Timestamp) -> bool {
        self.may_query_at(self.clock.now(), deadline)
    }

    fn may_query_at(&self, at: Timestamp, deadline: Timestamp) -> bool {
        at + self.query_timeout.min(QUERY_TIME_MIN) + WRITE_MARGIN <= deadline
    }

    /// A call of the store that is given up at `deadline`.
    ///
    /// # Errors
    /// Those of the call, and that there was no time.
    pub async fn before_deadline<T>(
        &self,
        deadline: Timestamp,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let late = || Err(StoreError { operation, source: "no answer in the time that was left".into() });
        before_deadline(&self.clock, deadline, call).await.unwrap_or_else(late)
    }

    /// Asks the Status API.
    ///
    /// # Errors
    /// Why nothing was queried: the circuit breaker is open, or the API refuses these credentials.
    pub async fn query(&self, transaction: &Transaction, deadline: Timestamp) -> Result<Reply, NoAnswer> {
        let terminal = transaction.facts.terminal_id.as_ref();
        if let Some(no_answer) = self.circuit_breaker.no_answer(terminal, self.clock.now()) {
            return Err(no_answer);
        }
        let query = StatusQuery {
            transaction_id: transaction.id.clone(),
            terminal_id: terminal.cloned(),
            timeout: deadline.since(self.clock.now() + WRITE_MARGIN).min(self.query_timeout),
        };
        let reply = self.status_api.query(&query).await;
        self.circuit_breaker.learn(&reply, terminal, self.clock.now());
        Ok(reply)
    }

    async fn query_while_wanted(
        &self,
        decision: &mut Decision<'_>,
        read_version: u64,
        queries: &mut Queries,
        given: &[Disposition],
    ) {
        let mut last = queries.queried.last().map(|queried| queried.disposition).or(given.last().copied());
        while decision.wants_answer() {
            let Some(wait) = queries.next_wait(last == Some(Disposition::Stale)) else { return };
            let wait_until = self.clock.now() + wait;
            let first = *queries.first_at.get_or_insert(wait_until);
            if !wait.is_zero() && wait_until.since(first) > LAG_WINDOW {
                return;
            }
            if !self.may_query_at(wait_until, queries.deadline) {
                return;
            }
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
            let Some(transaction) = decision.transaction() else { return };
            let started = self.clock.now();
            let reply = match self.query(transaction, queries.deadline).await {
                Ok(reply) => reply,
                Err(no_answer) => {
                    decision.apply(&Evidence::NoAnswer(no_answer), self.clock.now());
                    return;
                }
            };
            let answer = evidence_of(&reply, read_version, true);
            let now = self.clock.now();
            let disposition = decision.apply(&answer, now);
            last = Some(disposition);
            queries.answers.push(answer);
            queries.queried.push(QueryResult { reply, took: now.since(started), disposition });
        }
    }
}

/// The queries of one call: how many may still be made, and what came back.
struct Queries {
    mode: QueryMode,
    deadline: Timestamp,
    lag: usize,
    stale: usize,
    /// When the first query of this call was asked.
    first_at: Option<Timestamp>,
    answers: Vec<Evidence>,
    queried: Vec<QueryResult>,
}

impl Queries {
    /// How long to wait before the next query; none if there is none left.
    fn next_wait(&mut self, stale: bool) -> Option<Duration> {
        if self.queried.len() >= QUERIES_MAX {
            return None;
        }
        if stale || (self.mode == QueryMode::OnlyStale) {
            self.stale += 1;
            return (stale && self.stale <= STALE_QUERIES_MAX).then_some(Duration::ZERO);
        }
        if self.queried.is_empty() {
            return Some(Duration::ZERO);
        }
        let wait = LAG_WAITS.get(self.lag).copied();
        self.lag += 1;
        wait
    }
}

/// A reply as evidence. `outage`: nothing else is being answered either, as far as can be seen.
pub(crate) fn evidence_of(reply: &Reply, queried_version: u64, outage: bool) -> Evidence {
    let kind = match &reply.result {
        Ok(answer) => return Evidence::Answer { answer: answer.clone(), queried_version },
        Err(NoAnswerKind::Unavailable) if outage => NoAnswerKind::Outage,
        Err(kind) => *kind,
    };
    Evidence::NoAnswer(NoAnswer { kind, retry_after: reply.retry_after })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(result: Result<(), NoAnswerKind>) -> Reply {
        let answer = spg_domain::StatusAnswer {
            payment_status: spg_domain::PaymentStatus::PENDING,
            transaction_id: None,
            facts: spg_domain::Facts::default(),
        };
        Reply {
            result: result.map(|()| answer),
            http_status: None,
            return_code: None,
            retry_after: None,
            problem: None,
        }
    }

    fn queries(mode: QueryMode, queried: usize) -> Queries {
        let queried = (0..queried).map(|_| QueryResult {
            reply: reply(Ok(())),
            took: Duration::ZERO,
            disposition: Disposition::Noted,
        });
        let (deadline, queried) = (Timestamp::from_millis(0), queried.collect());
        Queries { mode, deadline, lag: 0, stale: 0, first_at: None, answers: Vec::new(), queried }
    }

    #[test]
    fn a_claim_is_queried_at_once_and_after_one_and_two_seconds_more() {
        assert_eq!(queries(QueryMode::Claims, 0).next_wait(false), Some(Duration::ZERO));
        let mut lagging = queries(QueryMode::Claims, 1);
        assert_eq!([(); 3].map(|()| lagging.next_wait(false)), [Some(LAG_WAITS[0]), Some(LAG_WAITS[1]), None]);
        assert_eq!(queries(QueryMode::Claims, QUERIES_MAX).next_wait(true), None);
    }

    #[test]
    fn a_stale_answer_is_queried_once_more_and_at_once() {
        for mode in [QueryMode::Claims, QueryMode::OnlyStale] {
            let mut stale = queries(mode, 1);
            assert_eq!([stale.next_wait(true), stale.next_wait(true)], [Some(Duration::ZERO), None]);
        }
        assert_eq!(queries(QueryMode::OnlyStale, 0).next_wait(false), None);
    }

    #[test]
    fn only_what_is_unavailable_is_an_outage() {
        let kind = |kind, outage| match evidence_of(&reply(Err(kind)), 1, outage) {
            Evidence::NoAnswer(no_answer) => Some(no_answer.kind),
            Evidence::Answer { .. } | Evidence::Notification { .. } | Evidence::Registration { .. } => None,
        };
        assert_eq!(kind(NoAnswerKind::Unavailable, true), Some(NoAnswerKind::Outage));
        assert_eq!(kind(NoAnswerKind::Unavailable, false), Some(NoAnswerKind::Unavailable));
        for other in [NoAnswerKind::NotFound, NoAnswerKind::Unauthorised, NoAnswerKind::RateLimited] {
            assert_eq!(kind(other, true), Some(other));
        }
    }
}
