//! Reading in batches, writing under a condition.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use spg_domain::{Transaction, TransactionId, Write};
use spg_reconcile::{Store, StoreError, Written};

use crate::attribute;
use crate::item::Attributes;
use crate::read::from_attributes;
use crate::update::Update;

/// Keys in one BatchGetItem, DynamoDB's limit.
const KEYS_PER_READ_MAX: usize = 100;
/// Calls for the same keys before the read fails: DynamoDB may leave some unprocessed each time.
const READ_ATTEMPTS_MAX: u32 = 6;
/// The first wait for unprocessed keys is random up to this, each later one up to twice the one before.
const BACKOFF_FIRST: Duration = Duration::from_millis(25);

/// The operations, as AWS and its logs call them.
const READ: &str = "BatchGetItem";
const UPDATE: &str = "UpdateItem";

pub(crate) type SdkItem = HashMap<String, AttributeValue>;

/// The transactions table and its due index.
///
/// An item whose `expiresAt` has passed counts until DynamoDB deletes it: it still knows its notificationIDs, and the
/// next notification extends it.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) index: String,
    consistent_read: bool,
}

/// DynamoDB kept leaving keys unprocessed.
#[derive(Debug, thiserror::Error)]
#[error("{keys} keys were left unprocessed {READ_ATTEMPTS_MAX} times in a row")]
pub struct ReadIncomplete {
    pub keys: usize,
}

impl Ledger {
    /// `index` is the name of the table's due index. Retries and time-outs are the client's.
    pub fn new(client: Client, table: impl Into<String>, index: impl Into<String>) -> Self {
        Self { client, table: table.into(), index: index.into(), consistent_read: true }
    }

    /// Reads for half the price, of a table as it was a moment ago: for whoever writes by the version that was read.
    #[must_use]
    pub fn eventually_consistent(self) -> Self {
        Self { consistent_read: false, ..self }
    }

    async fn read_chunk(&self, ids: &[&TransactionId]) -> Result<Vec<SdkItem>, StoreError> {
        let mut items = Vec::with_capacity(ids.len());
        let mut keys: Vec<SdkItem> = ids.iter().map(|id| key(id)).collect();
        for attempt in 0..READ_ATTEMPTS_MAX {
            if attempt > 0 {
                tokio::time::sleep(backoff(attempt)).await;
            }
            let wanted =
                KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(self.consistent_read).build();
            let wanted = wanted.map_err(|error| failed(READ, error))?;
            // Boxed: a call of the SDK is kilobytes, which every future around it would carry and copy (docs/evidence/performance.md).
            let answer = Box::pin(self.client.batch_get_item().request_items(&self.table, wanted).send()).await;
            let answer = answer.map_err(|error| failed(READ, error))?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            keys = answer.unprocessed_keys.unwrap_or_default().into_values().flat_map(|left| left.keys).collect();
            if keys.is_empty() {
                return Ok(items);
            }
        }
        Err(failed(READ, ReadIncomplete { keys: keys.len() }))
    }
}

impl Store for Ledger {
    /// One BatchGetItem per 100 different ids.
    ///
    /// An item that cannot be read is logged and left out, so that it does not hold up the others of its batch. Nothing
    /// can overwrite it: what takes it for absent fails in [`Store::write`], with the same reason.
    async fn read(&self, ids: &[TransactionId]) -> Result<BTreeMap<TransactionId, Transaction>, StoreError> {
        let ids: Vec<_> = ids.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut found = BTreeMap::new();
        for chunk in ids.chunks(KEYS_PER_READ_MAX) {
            for item in self.read_chunk(chunk).await? {
                match from_attributes(&neutral(item)) {
                    Ok(transaction) => {
                        found.insert(transaction.id.clone(), transaction);
                    }
                    Err(error) => {
                        tracing::error!(%error, transactionID = error.transaction_id, "an item was left out");
                    }
                }
            }
        }
        Ok(found)
    }

    /// One UpdateItem. Where the answer to it was lost and the client sent it again, its own first try makes the
    /// condition fail: [`Written::Lost`] then holds exactly the transaction of `write`.
    async fn write(&self, write: &Write) -> Result<Written, StoreError> {
        let update = Update::new(write).map_err(|error| failed(UPDATE, error))?;
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&write.transaction.id)))
            .update_expression(update.expression())
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match Box::pin(request.send()).await {
            Ok(_) => Ok(Written::Done),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => lost(UPDATE, refusal.item.clone()),
                Some(_) | None => Err(failed(UPDATE, error)),
            },
        }
    }
}

/// What is stored instead, where the condition was what failed; none where the item is gone.
pub(crate) fn lost(operation: &'static str, item: Option<SdkItem>) -> Result<Written, StoreError> {
    let Some(item) = item.filter(|item| !item.is_empty()) else { return Ok(Written::Lost(None)) };
    let stored = from_attributes(&neutral(item)).map_err(|error| failed(operation, error))?;
    Ok(Written::Lost(Some(Box::new(stored))))
}

pub(crate) fn failed(
    operation: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError { operation, source: source.into() }
}

pub(crate) fn key(id: &TransactionId) -> SdkItem {
    HashMap::from([(attribute::TRANSACTION_ID.to_owned(), AttributeValue::S(id.to_string()))])
}

/// From the SDK's type to the one that the stream's events have too. Types of attribute that the SDK does not know are
/// left out: none of ours has one, and the conversion panics over them.
pub(crate) fn neutral(item: SdkItem) -> Attributes {
    item.into_iter().filter(|(_, value)| !value.is_unknown()).map(|(name, value)| (name, value.into())).collect()
}

/// Random from zero up to the bound of this attempt, so that those who were throttled together come back apart.
fn backoff(attempt: u32) -> Duration {
    let bound = BACKOFF_FIRST * (1 << attempt.min(8)) / 2;
    Duration::from_micros(fastrand::u64(0..=u64::try_from(bound.as_micros()).unwrap_or(u64::MAX)))
}
