//! Writing a whole item under its condition: for operators who restore. No function does it.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use spg_domain::Write;
use spg_reconcile::{StoreError, Written};

use crate::attribute;
use crate::item::to_item;
use crate::store::{Ledger, failed, lost};

/// The operation, as AWS and its logs call it.
const PUT: &str = "PutItem";

impl Ledger {
    /// Puts the item of `write` in place of the one whose version it expects, or where there is none. Unlike
    /// [`spg_reconcile::Store::write`] it replaces everything, the notifications too, and attributes that only a newer version knows.
    ///
    /// # Errors
    /// [`StoreError`] when DynamoDB refuses or does not answer.
    pub async fn replace(&self, write: &Write) -> Result<Written, StoreError> {
        let item = to_item(&write.transaction).into_inner();
        let item = item.into_iter().map(|(name, value)| (name, value.into())).collect();
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match write.expected_version {
            None => request
                .condition_expression("attribute_not_exists(#k)")
                .expression_attribute_names("#k", attribute::TRANSACTION_ID),
            Some(version) => request
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", attribute::VERSION)
                .expression_attribute_values(":v", AttributeValue::N(version.to_string())),
        };
        match request.send().await {
            Ok(_) => Ok(Written::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refusal)) => lost(PUT, refusal.item.clone()),
                Some(_) | None => Err(failed(PUT, error)),
            },
        }
    }
}
