//! A write as the expressions of one UpdateItem.
//!
//! The condition is rule 6: no item yet, or the version as it was read and none of the new notificationIDs. Only what the
//! transaction is known by is set or removed; the notifications that are there already are not touched, nor is any
//! attribute that a newer version added.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue as SdkValue;
use serde_dynamo::AttributeValue;
use spg_domain::{AttentionReason, FinalStatus, Write};

use crate::attribute;
use crate::item::{notification, number, scalars, time, to_item};

/// New notificationIDs in one update. An SQS batch brings at most 10. DynamoDB's limits are 4 KB for each expression
/// and 300 operators or functions in one: this many take under 3 KB of condition and 129 operators (tested below).
pub(crate) const RECORDED_MAX: usize = 64;

#[derive(Debug, thiserror::Error)]
#[error("{0} new notifications in one write, at most {RECORDED_MAX} fit")]
pub(crate) struct TooManyRecorded(usize);

/// What UpdateItem needs besides the table and the key.
#[derive(Debug, Default)]
pub(crate) struct Update {
    pub condition: String,
    set: String,
    remove: String,
    pub names: HashMap<String, String>,
    pub values: HashMap<String, SdkValue>,
}

impl Update {
    /// # Errors
    /// [`TooManyRecorded`] when an expression would grow beyond DynamoDB's limits.
    pub fn new(write: &Write) -> Result<Self, TooManyRecorded> {
        if write.recorded.len() > RECORDED_MAX {
            return Err(TooManyRecorded(write.recorded.len()));
        }
        let mut update = Self::default();
        match write.expected_version {
            None => update.open(write),
            Some(version) => update.change(write, version),
        }
        Ok(update)
    }

    pub fn expression(&self) -> String {
        let remove = if self.remove.is_empty() { String::new() } else { format!(" REMOVE {}", self.remove) };
        format!("SET {}{remove}", self.set)
    }

    /// The item must not exist; it gets every map, also the empty ones, so that later writes can set single entries.
    fn open(&mut self, write: &Write) {
        let id = self.name(attribute::TRANSACTION_ID);
        self.condition = format!("attribute_not_exists({id})");
        for (name, value) in to_item(&write.transaction).into_inner() {
            if name != attribute::TRANSACTION_ID {
                let path = self.name(&name);
                self.set(&path, &name, value);
            }
        }
    }

    fn change(&mut self, write: &Write, version: u64) {
        let path = self.name(attribute::VERSION);
        self.value("read", number(version));
        self.condition = format!("{path} = :read");
        let attributes = scalars(&write.transaction);
        for name in attribute::REMOVABLE {
            if !attributes.contains_key(name) {
                let path = self.name(name);
                self.remove(&path);
            }
        }
        for (name, value) in attributes {
            if name != attribute::TRANSACTION_ID {
                let path = self.name(&name);
                self.set(&path, &name, value);
            }
        }
        self.notifications(write);
        let claims = write.transaction.lifecycle.claims();
        for status in FinalStatus::ALL {
            let at = claims.and_then(|claims| claims.get(status));
            self.entry_of(attribute::CLAIMS, status.as_str(), at.copied().map(time));
        }
        for reason in AttentionReason::ALL {
            let at = write.transaction.attention.get(reason);
            self.entry_of(attribute::ATTENTION, reason.as_str(), at.copied().map(time));
        }
    }

    fn notifications(&mut self, write: &Write) {
        for (n, id) in write.recorded.iter().enumerate() {
            let path = self.entry(attribute::NOTIFICATIONS, &format!("n{n}"), id.as_str());
            // Writing to a String does not fail.
            let _ = write!(self.condition, " AND attribute_not_exists({path})");
            if let Some(record) = write.transaction.notifications.get(id) {
                self.set(&path, &format!("n{n}"), notification(record));
            }
        }
    }

    /// An entry of a map whose keys are known: it is set or removed, and any other stays.
    fn entry_of(&mut self, map: &str, key: &str, value: Option<AttributeValue>) {
        let path = self.entry(map, key, key);
        match value {
            Some(value) => self.set(&path, key, value),
            None => self.remove(&path),
        }
    }

    /// All names go through placeholders: `status`, for one, is reserved.
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    /// An id may hold dots, quotes, `#` and `:`; as the value of a placeholder it is only a name.
    fn entry(&mut self, map: &str, placeholder: &str, key: &str) -> String {
        let map = self.name(map);
        let placeholder = format!("#{placeholder}");
        self.names.insert(placeholder.clone(), key.to_owned());
        format!("{map}.{placeholder}")
    }

    fn value(&mut self, placeholder: &str, value: AttributeValue) {
        self.values.insert(format!(":{placeholder}"), value.into());
    }

    fn set(&mut self, path: &str, placeholder: &str, value: AttributeValue) {
        self.value(placeholder, value);
        let comma = if self.set.is_empty() { "" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(self.set, "{comma}{path}=:{placeholder}");
    }

    fn remove(&mut self, path: &str) {
        let comma = if self.remove.is_empty() { "" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(self.remove, "{comma}{path}");
    }
}

#[cfg(test)]
mod tests {
    use spg_domain::{
        Claims, Decision, Evidence, Facts, Lifecycle, Notification, NotificationId, Open, OpenStatus, Rules, Timestamp,
        Transaction, TransactionId,
    };

    use super::*;

    /// DynamoDB's limits for one expression.
    const EXPRESSION_BYTES_MAX: usize = 4096;
    const OPERATORS_MAX: usize = 300;

    fn write_of(notifications: usize, stored: Option<Transaction>) -> Write {
        let rules = Rules::default();
        let mut decision = Decision::new(TransactionId::new("t").unwrap(), stored, &rules);
        for n in 0..notifications {
            let notification = Notification {
                notification_id: NotificationId::new(format!("{n:0256}")).unwrap(),
                payment_status: None,
                facts: Facts::default(),
                return_code: None,
            };
            let received_at = Timestamp::from_millis(1);
            decision.apply(&Evidence::Notification { notification, received_at }, received_at);
        }
        decision.into_write().unwrap()
    }

    fn with_everything(mut write: Write) -> Write {
        let at = Timestamp::from_millis(1);
        let claims: Claims = FinalStatus::ALL.iter().map(|status| (*status, at)).collect();
        write.transaction.lifecycle = Lifecycle::Open(Open { status: OpenStatus::Pending, claims });
        write.transaction.attention = AttentionReason::ALL.iter().map(|reason| (*reason, at)).collect();
        write
    }

    #[test]
    fn the_largest_update_fits_dynamodbs_expressions() {
        let opened = write_of(1, None).transaction;
        for stored in [None, Some(Transaction { notifications: [].into(), ..opened })] {
            let write = with_everything(write_of(RECORDED_MAX, stored));
            assert_eq!(write.recorded.len(), RECORDED_MAX);
            let update = Update::new(&write).unwrap();
            for expression in [update.expression(), update.condition] {
                let operators = ["=", "AND", "attribute_not_exists"].map(|op| expression.matches(op).count());
                assert!(expression.len() < EXPRESSION_BYTES_MAX, "{} bytes: {expression}", expression.len());
                assert!(operators.iter().sum::<usize>() < OPERATORS_MAX, "{expression}");
            }
        }
    }

    #[test]
    fn one_more_is_refused() {
        assert!(Update::new(&write_of(RECORDED_MAX + 1, None)).is_err());
    }

    #[test]
    fn the_condition_of_an_opening_is_that_nothing_is_there() {
        assert_eq!(Update::new(&write_of(2, None)).unwrap().condition, "attribute_not_exists(#transactionID)");
    }

    #[test]
    fn the_condition_of_a_change_is_its_version_and_that_its_notifications_are_new() {
        let opened = Transaction { notifications: [].into(), ..write_of(1, None).transaction };
        assert_eq!(
            Update::new(&write_of(2, Some(opened))).unwrap().condition,
            "#version = :read AND attribute_not_exists(#notifications.#n0) AND attribute_not_exists(#notifications.#n1)"
        );
    }
}
