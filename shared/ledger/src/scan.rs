//! Reading the whole table, page by page: for operators. No function does it, because its cost grows with what is stored.

use spg_domain::{Transaction, TransactionId};
use spg_reconcile::StoreError;

use crate::attribute;
use crate::read::{UnreadableItem, as_transaction_id, from_attributes};
use crate::store::{Ledger, failed, key, neutral};

/// The operation, as AWS and its logs call it.
const SCAN: &str = "Scan";

/// A part of the table that can be read beside the others. `index` is below `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub index: u32,
    pub count: u32,
}

/// What one call read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPage {
    pub transactions: Vec<Transaction>,
    /// Items that are no transactions. They are left out of everything but this list.
    pub unreadable: Vec<UnreadableItem>,
    /// Where the next page begins; none after the last. It stays good for as long as the table is there.
    pub next: Option<TransactionId>,
}

impl Segment {
    /// The whole table as one.
    pub const ALL: Self = Self { index: 0, count: 1 };
}

impl ScanPage {
    /// Items read, readable or not: what the call is paid by.
    pub fn items(&self) -> usize {
        self.transactions.len() + self.unreadable.len()
    }
}

impl Ledger {
    /// About how many items the table has, as DynamoDB counts them every six hours; none where it does not say.
    pub async fn items_about(&self) -> Option<u64> {
        let answer = self.client.describe_table().table_name(&self.table).send().await.ok()?;
        u64::try_from(answer.table?.item_count?).ok()
    }

    /// Reads at most `items_max` items of `segment`, those after `after`. One call, eventually consistent: it costs half a
    /// read unit for each 4 KB. A page may be empty and not the last.
    ///
    /// # Errors
    /// [`StoreError`] when DynamoDB refuses or does not answer.
    pub async fn scan(
        &self,
        segment: Segment,
        after: Option<&TransactionId>,
        items_max: u16,
    ) -> Result<ScanPage, StoreError> {
        let page = self
            .client
            .scan()
            .table_name(&self.table)
            .segment(i32::try_from(segment.index).unwrap_or(i32::MAX))
            .total_segments(i32::try_from(segment.count).unwrap_or(i32::MAX))
            .limit(i32::from(items_max.max(1)))
            .set_exclusive_start_key(after.map(key))
            .send()
            .await
            .map_err(|error| failed(SCAN, error))?;
        let (mut transactions, mut unreadable) = (Vec::new(), Vec::new());
        for item in page.items.unwrap_or_default() {
            match from_attributes(&neutral(item)) {
                Ok(transaction) => transactions.push(transaction),
                Err(error) => unreadable.push(error),
            }
        }
        let next = page.last_evaluated_key.filter(|key| !key.is_empty());
        let next = next.map(|key| {
            let id = key.get(attribute::TRANSACTION_ID).cloned().map(serde_dynamo::AttributeValue::from);
            id.as_ref().and_then(as_transaction_id).ok_or_else(|| failed(SCAN, UnusablePosition))
        });
        Ok(ScanPage { transactions, unreadable, next: next.transpose()? })
    }
}

/// The scan stopped at a key that is no transactionID: going on from there is not possible.
#[derive(Debug, thiserror::Error)]
#[error("the table has a key that is no transactionID of 1 to 256 bytes")]
struct UnusablePosition;
