//! What reconciliation needs from outside.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use spg_domain::{SilenceKind, StatusAnswer, Timestamp, Transaction, TransactionId, Word, Write};

/// The HTTP status of a rate limit.
const TOO_MANY_REQUESTS: u16 = 429;

/// The table of transactions.
pub trait Store {
    /// Reads all of `ids` in as few calls as the store allows. What is not stored is absent from the answer. It may be as it was a moment
    /// ago (docs/adr/0011): what follows from it is written by the version that was read, or is nothing.
    fn read(
        &self,
        ids: &[TransactionId],
    ) -> impl Future<Output = Result<BTreeMap<TransactionId, Transaction>, StoreError>> + Send;

    /// Writes under the write's own condition.
    fn write(&self, write: &Write) -> impl Future<Output = Result<Written, StoreError>> + Send;
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    Done,
    /// The condition failed: someone else wrote. This is what is stored now.
    Lost(Option<Box<Transaction>>),
}

/// The store did not do it, or its answer was lost: try again later.
#[derive(Debug, thiserror::Error)]
#[error("the store failed: {operation}")]
pub struct StoreError {
    pub operation: &'static str,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The sparse index of what is due.
pub trait DueIndex {
    /// How many shards the index has; they are numbered from 0.
    fn shards(&self) -> u32;

    /// What falls due in `shard` up to and including `until`, soonest first, at most `limit`. Eventually consistent.
    fn due(
        &self,
        shard: u32,
        until: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Due>, StoreError>> + Send;
}

/// An entry of the due index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub id: TransactionId,
    pub at: Timestamp,
}

/// SPG's Status API.
pub trait StatusApi {
    /// Asks once and returns within `question.timeout`. Every failure is a [`Reply`] too.
    fn ask(&self, question: &Question) -> impl Future<Output = Reply> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub transaction_id: TransactionId,
    /// Whose credentials to use.
    pub terminal_id: Option<Word>,
    pub timeout: Duration,
}

/// What came back, with what the log needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub result: Result<StatusAnswer, SilenceKind>,
    pub http_status: Option<u16>,
    /// `returnStatus.statusCode`.
    pub return_code: Option<Word>,
    pub retry_after: Option<Duration>,
    /// Why there is no usable answer, in a few fixed words: `timed out`, `not JSON`.
    pub problem: Option<&'static str>,
}

impl Reply {
    /// Whether the Status API has refused the question for being one too many (429): it is up, and wants to be asked less.
    pub fn is_limit(&self) -> bool {
        self.result.is_err() && self.http_status == Some(TOO_MANY_REQUESTS)
    }
}

/// Time, so that the simulation can own it.
pub trait Clock {
    fn now(&self) -> Timestamp;
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// What `call` comes to, or none at `deadline`: whoever waits longer is ended by Lambda without having said what was done.
pub async fn within<T>(clock: &impl Clock, deadline: Timestamp, call: impl Future<Output = T>) -> Option<T> {
    let time = clock.sleep(deadline.since(clock.now()));
    match select(pin!(call), pin!(time)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

/// An error with its causes, on one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_all_its_causes() {
        let refused = std::io::Error::other("connection refused");
        let source = StoreError { operation: "query", source: refused.into() };
        let error = StoreError { operation: "sweep", source: source.into() };
        let chain = "the store failed: sweep: the store failed: query: connection refused";
        assert_eq!(error_chain(&error), chain);
        assert_eq!(error_chain(&std::io::Error::other("connection refused")), "connection refused");
    }
}
