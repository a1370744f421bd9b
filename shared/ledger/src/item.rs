//! A transaction as an item: what is absent has no attribute.
//!
//! Times are epoch milliseconds, but `expiresAt` is in seconds, as DynamoDB's TTL wants it.

use std::collections::HashMap;

use serde_dynamo::{AttributeValue, Item};
use spg_domain::{
    Amount, Change, Confirmation, Facts, Lifecycle, NotificationRecord, PaymentStatus, Published, PublishedFacts,
    ShortText, Timestamp, Transaction,
};

use crate::attribute::{self, member};
use crate::shard::shard_of;

/// Of the writer that wrote last. Readers take items of every version: what they do not know, they leave as it is.
pub const SCHEMA_VERSION: u64 = 1;

pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// The whole item.
pub fn to_item(transaction: &Transaction) -> Item {
    let mut attributes = scalars(transaction);
    let notifications = transaction.notifications.iter().map(|(id, n)| (id.to_string(), notification(n)));
    attributes.insert(attribute::NOTIFICATIONS.to_owned(), AttributeValue::M(notifications.collect()));
    let claims =
        transaction.lifecycle.claims().into_iter().flatten().map(|(status, at)| (status.to_string(), time(*at)));
    attributes.insert(attribute::CLAIMS.to_owned(), AttributeValue::M(claims.collect()));
    let attention = transaction.attention.iter().map(|(reason, at)| (reason.to_string(), time(*at)));
    attributes.insert(attribute::ATTENTION.to_owned(), AttributeValue::M(attention.collect()));
    Item::from(attributes)
}

/// All attributes but the three maps that an update changes entry by entry: `notifications`, `claims` and `attention`.
pub(crate) fn scalars(transaction: &Transaction) -> Attributes {
    let mut map = Map::default();
    map.put(attribute::TRANSACTION_ID, text(transaction.id.as_str()));
    map.put(attribute::PAYMENT_STATUS, status(&transaction.status()));
    map.put(attribute::VERSION, number(transaction.version));
    map.put(attribute::SCHEMA_VERSION, number(SCHEMA_VERSION));
    map.put(attribute::CHANGE, text(transaction.change.as_str()));
    map.put(attribute::SEQUENCE, number(transaction.sequence));
    map.put(attribute::FIRST_SEEN_AT, time(transaction.first_seen_at));
    map.put(attribute::HISTORY, AttributeValue::L(transaction.history.iter().map(change).collect()));
    map.put_some(attribute::RESOLVED, resolved(transaction));
    map.put_some(attribute::PUBLISHED, transaction.published.as_ref().map(published));
    map.put_some(attribute::ANSWERED_VERSION, transaction.answered_version.map(number));
    map.put_some(
        attribute::UNANSWERED_IN_A_ROW,
        Some(transaction.unanswered_in_a_row).filter(|n| *n > 0).map(|n| number(n.into())),
    );
    lifecycle(&mut map, &transaction.lifecycle);
    map.put_some(attribute::EXPIRES_AT, transaction.expires_at.map(|at| number(at.seconds())));
    // Both keys of the index or neither: an item with one of them would not be in it.
    if let Some(at) = transaction.next_check_at {
        map.put(attribute::NEXT_CHECK_AT, time(at));
        map.put(attribute::DUE_SHARD, number(shard_of(&transaction.id).into()));
    }
    facts(&mut map, &transaction.facts);
    map.0
}

/// All but the status and the claims.
fn lifecycle(map: &mut Map, lifecycle: &Lifecycle) {
    match lifecycle {
        Lifecycle::OtherMerchants(_) => map.put_some(attribute::OTHER_MERCHANTS, flag(true)),
        Lifecycle::Open(_) => {}
        Lifecycle::Final(is) => {
            map.put(attribute::CONFIRMED_AT, time(is.confirmation.at()));
            let restored = matches!(is.confirmation, Confirmation::BeforeRestore(_));
            map.put_some(attribute::REPUBLISH_DUE, flag(restored));
            let agreed_since = is.dispute.as_ref().and_then(|dispute| dispute.agreed_since);
            map.put_some(attribute::AGREED_SINCE, agreed_since.map(time));
            map.put_some(attribute::RECHECK_AT, is.recheck_at.map(time));
        }
    }
}

fn facts(map: &mut Map, facts: &Facts) {
    map.put_some(attribute::MERCHANT_TRANSACTION_ID, facts.merchant_transaction_id.as_ref().map(short_text));
    map.put_some(attribute::TERMINAL_ID, facts.terminal_id.as_ref().map(short_text));
    map.put_some(attribute::PAYMENT_METHOD, facts.payment_method.as_ref().map(short_text));
    map.put_some(attribute::PAYMENT_TYPE, facts.payment_type.as_ref().map(short_text));
    map.put_some(attribute::AMOUNT, facts.amount.as_ref().map(amount));
    map.put_some(attribute::REFERENCE_STATUS, facts.reference_status.map(|s| text(s.as_str())));
    map.put_some(attribute::TRANSACTION_DATE_TIME, facts.transaction_date_time.map(time));
}

pub(crate) fn notification(record: &NotificationRecord) -> AttributeValue {
    let mut map = Map::default();
    map.put(member::AT, time(record.received_at));
    map.put_some(member::STATUS, record.status.as_ref().map(status));
    map.put(member::HASH, text(&record.hash));
    map.put(member::DISPOSITION, text(record.disposition.as_str()));
    map.put_some(member::REFERENCE_PAID, flag(record.reference_paid));
    map.into()
}

fn change(change: &Change) -> AttributeValue {
    let mut map = Map::default();
    map.put(member::VERSION, number(change.version));
    map.put_some(member::FROM, change.from.as_ref().map(status));
    map.put(member::TO, status(&change.to));
    map.put(member::SOURCE, text(change.source.as_str()));
    map.put(member::AT, time(change.at));
    map.into()
}

/// Written whole: only `spgctl resolve` changes it, and few transactions have it at all.
fn resolved(transaction: &Transaction) -> Option<AttributeValue> {
    let entries = transaction.resolved.iter().map(|(reason, resolution)| {
        let mut map = Map::default();
        map.put(member::AT, time(resolution.at));
        map.put(member::NOTE, text(resolution.note.as_str()));
        (reason.to_string(), map.into())
    });
    (!transaction.resolved.is_empty()).then(|| AttributeValue::M(entries.collect()))
}

fn published(published: &Published) -> AttributeValue {
    let mut map = Map::default();
    map.put(member::CHANGE, text(published.change.as_str()));
    map.put(member::VERSION, number(published.version));
    map.put(member::STATUS, status(&published.status));
    map.put_some(member::PREVIOUS, published.previous.as_ref().map(status));
    map.put_some(member::PAID, flag(published.paid));
    map.put_some(member::REASON, published.reason.as_deref().map(text));
    map.put(member::AT, time(published.at));
    map.put_some(member::FACTS, published.facts.as_ref().map(published_facts));
    map.into()
}

fn published_facts(published: &PublishedFacts) -> AttributeValue {
    let mut map = Map::default();
    map.put(attribute::SEQUENCE, number(published.sequence));
    map.put_some(attribute::CONFIRMED_AT, published.confirmed_at.map(time));
    facts(&mut map, &published.facts);
    map.into()
}

/// The value as text: a decimal is never a float, and DynamoDB's number would lose nothing but say nothing either.
fn amount(amount: &Amount) -> AttributeValue {
    let mut map = Map::default();
    map.put(member::VALUE, AttributeValue::S(amount.value()));
    map.put(member::CURRENCY, text(amount.currency()));
    map.into()
}

pub(crate) fn time(at: Timestamp) -> AttributeValue {
    number(at.millis())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn short_text(value: &ShortText) -> AttributeValue {
    text(value.as_str())
}

fn status(status: &PaymentStatus) -> AttributeValue {
    text(status.as_str())
}

/// False is absent.
fn flag(flag: bool) -> Option<AttributeValue> {
    flag.then_some(AttributeValue::Bool(true))
}

#[derive(Default)]
struct Map(Attributes);

impl Map {
    fn put(&mut self, name: &str, value: AttributeValue) {
        self.0.insert(name.to_owned(), value);
    }

    fn put_some(&mut self, name: &str, value: Option<AttributeValue>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }
}

impl From<Map> for AttributeValue {
    fn from(map: Map) -> Self {
        Self::M(map.0)
    }
}
