//! The sparse index of what is due: only items with a next check are in it.

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};
use spg_domain::{Timestamp, TransactionId};
use spg_reconcile::{Due, DueIndex, StoreError};

use crate::attribute;
use crate::read::{UnreadableItem, as_time, as_transaction_id};
use crate::store::{Ledger, SdkItem, failed, neutral};

/// Partitions of the due index. One takes about 1,000 writes a second and a write moves its entry with two of them, so
/// eight carry some 4,000 writes a second; a sweep that finds nothing pays for eight empty queries a minute, which is
/// nothing. More can be had at any time, each item moves with its next write; with fewer, what is in the last shards
/// would not be swept any more.
pub const SHARDS: u32 = 8;

/// The shard of a transaction, below [`SHARDS`]. It is stored, so it must be the same in every build and on every
/// machine, which the standard library's hashers do not promise; and ids that differ in their last digit only must
/// spread.
pub fn shard_of(id: &TransactionId) -> u32 {
    u32::from(Sha256::digest(id.as_str())[0]) % SHARDS
}

impl DueIndex for Ledger {
    fn shards(&self) -> u32 {
        SHARDS
    }

    /// As many pages as it takes. An entry that cannot be read is logged and left out.
    async fn due(&self, shard: u32, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let mut due = Vec::new();
        let mut after: Option<SdkItem> = None;
        while due.len() < limit {
            let wanted = i32::try_from(limit - due.len()).unwrap_or(i32::MAX);
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(&self.index)
                .key_condition_expression("#s = :s AND #t <= :t")
                .expression_attribute_names("#s", attribute::DUE_SHARD)
                .expression_attribute_names("#t", attribute::NEXT_CHECK_AT)
                .expression_attribute_values(":s", AttributeValue::N(shard.to_string()))
                .expression_attribute_values(":t", AttributeValue::N(until.millis().to_string()))
                .scan_index_forward(true)
                .limit(wanted)
                .set_exclusive_start_key(after)
                .send()
                .await
                .map_err(|error| failed("Query", error))?;
            due.extend(page.items.unwrap_or_default().into_iter().filter_map(entry));
            match page.last_evaluated_key.filter(|key| !key.is_empty()) {
                Some(key) => after = Some(key),
                None => break,
            }
        }
        Ok(due)
    }
}

fn entry(item: SdkItem) -> Option<Due> {
    let attributes = neutral(item);
    let id = attributes.get(attribute::TRANSACTION_ID).and_then(as_transaction_id);
    let at = attributes.get(attribute::NEXT_CHECK_AT).and_then(as_time);
    if let (Some(id), Some(at)) = (&id, at) {
        return Some(Due { id: id.clone(), at });
    }
    let attribute = if id.is_none() { attribute::TRANSACTION_ID } else { attribute::NEXT_CHECK_AT };
    let transaction_id = id.map(String::from).unwrap_or_default();
    let error = UnreadableItem { transaction_id, attribute: attribute.to_owned() };
    tracing::error!(%error, "an entry of the due index was left out");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str) -> u32 {
        shard_of(&TransactionId::new(id).unwrap())
    }

    #[test]
    fn the_shard_of_an_id_never_changes() {
        for (id, expected) in [("s2bfw1g1P1siCSUjVPP8", 0), ("a", 2), ("b", 6), ("ação", 6)] {
            assert_eq!(shard(id), expected, "{id}");
        }
    }

    #[test]
    fn ids_spread_over_all_shards() {
        for prefix in ["", "s2bfw1g1P1siCSUjVPP", "2026-03-12T10:48:"] {
            let mut counts = [0_usize; SHARDS as usize];
            (0..8000).for_each(|n| counts[shard(&format!("{prefix}{n}")) as usize] += 1);
            assert!(counts.iter().all(|count| (800..1200).contains(count)), "{prefix}: {counts:?}");
        }
    }
}
