//! The sparse index of what is due: only items with a next check are in it.

use aws_sdk_dynamodb::types::AttributeValue;
use spg_domain::Timestamp;
use spg_reconcile::{Due, DueIndex, StoreError};

use crate::attribute;
use crate::read::{UnreadableItem, as_time, as_transaction_id};
use crate::shard::SHARDS;
use crate::store::{Ledger, SdkItem, failed, neutral};

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
