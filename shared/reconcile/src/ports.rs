//! What reconciliation needs from outside.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use spg_domain::{Reply, ShortText, Timestamp, Transaction, TransactionId, Write};

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
    /// Asks once and returns within `query.timeout`. Every failure is a [`Reply`] too.
    fn query(&self, query: &StatusQuery) -> impl Future<Output = Reply> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusQuery {
    pub transaction_id: TransactionId,
    /// Whose credentials to use.
    pub terminal_id: Option<ShortText>,
    pub timeout: Duration,
}
