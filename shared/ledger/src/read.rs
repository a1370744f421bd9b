//! An item as a transaction, also where a newer version wrote it.
//!
//! Attributes that are not known are not looked at, and no update touches them. A value of an enum that is not known
//! becomes what changes least:
//!
//! | where | read as | in the table |
//! |---|---|---|
//! | `notifications.*.as` | Noted | stays: entries are never rewritten |
//! | `attention`, `claims` | not seen | stays: their entries are written one by one |
//! | `resolved` | not seen | goes with this version's next write: the reason may be raised again |
//! | `published.change` | nothing published | stays until this version publishes |
//! | `change` | Noted | the next write says what it was itself |
//! | `referenceStatus` | Unpaid: anything but PAID is not paid | becomes UNPAID |
//! | `history[*].by` | Notification, the source that decides nothing | becomes Notification |
//!
//! What must not exist together is met in [`lifecycle`] alone.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_dynamo::{AttributeValue, Item};
use spg_domain::{
    Amount, AttentionReason, Change, ChangeKind, Claims, Confirmation, Disposition, Dispute, Facts, Final, Lifecycle,
    Note, NotificationId, NotificationRecord, Open, PaymentStatus, Published, PublishedFacts, ReferenceStatus,
    Resolution, ShortText, Source, Timestamp, Transaction, TransactionId,
};

use crate::attribute::{self, member};
use crate::item::Attributes;

/// An item that is no transaction. It says where, and never what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the item of transaction {transaction_id:?} cannot be read: {attribute} is missing or not as it should be")]
pub struct UnreadableItem {
    /// Empty where that is what cannot be read.
    pub transaction_id: String,
    /// The path, `published.at`; entries of a map or a list are not told apart.
    pub attribute: String,
}

/// Reads a NEW_IMAGE of the table's stream.
///
/// # Errors
/// [`UnreadableItem`] when an attribute is missing, of another type or out of bounds.
pub fn from_stream_image(image: &Item) -> Result<Transaction, UnreadableItem> {
    from_attributes(image.inner())
}

pub(crate) fn from_attributes(attributes: &Attributes) -> Result<Transaction, UnreadableItem> {
    transaction(&Fields { attributes, path: "" }).map_err(|ReadError(attribute)| {
        let id = attributes.get(attribute::TRANSACTION_ID).and_then(as_transaction_id);
        UnreadableItem { transaction_id: id.map(String::from).unwrap_or_default(), attribute }
    })
}

fn transaction(item: &Fields<'_>) -> Result<Transaction, ReadError> {
    Ok(Transaction {
        id: item.get(attribute::TRANSACTION_ID, as_transaction_id)?,
        version: item.number(attribute::VERSION)?,
        facts: facts(item)?,
        first_seen_at: item.time(attribute::FIRST_SEEN_AT)?,
        lifecycle: lifecycle(item)?,
        answered_version: item.optional(attribute::ANSWERED_VERSION, Fields::number)?,
        unanswered_in_a_row: item
            .optional(attribute::UNANSWERED_IN_A_ROW, Fields::number)?
            .map_or(0, |n| n.try_into().unwrap_or(u8::MAX)),
        notifications: notifications(item)?,
        history: history(item)?,
        change: item.variant(attribute::CHANGE)?.unwrap_or(ChangeKind::Noted),
        attention: times_by_variant(item, attribute::ATTENTION)?,
        resolved: resolved(item)?,
        sequence: item.number(attribute::SEQUENCE)?,
        published: published(item)?,
        next_check_at: item.optional(attribute::NEXT_CHECK_AT, Fields::time)?,
        expires_at: item.optional(attribute::EXPIRES_AT, Fields::number)?.map(seconds),
    })
}

/// The one place that meets what this version never writes: a final status that no answer confirmed is unreadable (rule 1); what only a
/// final state has is not looked at beside another one, nor is `otherMerchants` beside a final state; nor a claim of the final state itself.
fn lifecycle(item: &Fields<'_>) -> Result<Lifecycle, ReadError> {
    let mut claims: Claims = times_by_variant(item, attribute::CLAIMS)?;
    let status = match item.status(attribute::PAYMENT_STATUS)? {
        PaymentStatus::Open(status) if item.flag(attribute::OTHER_MERCHANTS)? => {
            return Ok(Lifecycle::OtherMerchants(status));
        }
        PaymentStatus::Open(status) => return Ok(Lifecycle::Open(Open { status, claims })),
        PaymentStatus::Final(status) => status,
    };
    claims.remove(&status);
    let agreed_since = item.optional(attribute::AGREED_SINCE, Fields::time)?;
    let confirmed_at = item.time(attribute::CONFIRMED_AT)?;
    let restored = item.flag(attribute::REPUBLISH_DUE)?;
    Ok(Lifecycle::Final(Final {
        status,
        confirmation: if restored { Confirmation::BeforeRestore } else { Confirmation::At }(confirmed_at),
        dispute: (!claims.is_empty()).then_some(Dispute { claims, agreed_since }),
        recheck_at: item.optional(attribute::RECHECK_AT, Fields::time)?,
    }))
}

fn facts(item: &Fields<'_>) -> Result<Facts, ReadError> {
    Ok(Facts {
        merchant_transaction_id: item.optional(attribute::MERCHANT_TRANSACTION_ID, Fields::short_text)?,
        terminal_id: item.optional(attribute::TERMINAL_ID, Fields::short_text)?,
        payment_method: item.optional(attribute::PAYMENT_METHOD, Fields::short_text)?,
        payment_type: item.optional(attribute::PAYMENT_TYPE, Fields::short_text)?,
        amount: item.optional(attribute::AMOUNT, |item, name| {
            let amount = item.map(name)?;
            Amount::parse(amount.text(member::VALUE)?, amount.text(member::CURRENCY)?)
                .map_err(|_| item.read_error(name))
        })?,
        reference_status: item.optional(attribute::REFERENCE_STATUS, |item, name| {
            Ok(item.variant(name)?.unwrap_or(ReferenceStatus::Unpaid))
        })?,
        transaction_date_time: item.optional(attribute::TRANSACTION_DATE_TIME, Fields::time)?,
    })
}

fn notifications(item: &Fields<'_>) -> Result<BTreeMap<NotificationId, NotificationRecord>, ReadError> {
    let name = attribute::NOTIFICATIONS;
    let entry = |(id, entry): (&String, &AttributeValue)| {
        let id = NotificationId::new(id.as_str()).map_err(|_| item.read_error(name))?;
        let entry = Fields { attributes: as_map(entry).ok_or_else(|| item.read_error(name))?, path: name };
        let record = NotificationRecord {
            received_at: entry.time(member::AT)?,
            status: entry.optional(member::STATUS, Fields::status)?,
            hash: entry.text(member::HASH)?.to_owned(),
            disposition: entry.variant(member::DISPOSITION)?.unwrap_or(Disposition::Noted),
            reference_paid: entry.flag(member::REFERENCE_PAID)?,
        };
        Ok((id, record))
    };
    item.map(name)?.attributes.iter().map(entry).collect()
}

fn history(item: &Fields<'_>) -> Result<Vec<Change>, ReadError> {
    let name = attribute::HISTORY;
    let entry = |entry: &AttributeValue| {
        let change = Fields { attributes: as_map(entry).ok_or_else(|| item.read_error(name))?, path: name };
        Ok(Change {
            version: change.number(member::VERSION)?,
            from: change.optional(member::FROM, Fields::status)?,
            to: change.status(member::TO)?,
            source: change.variant(member::SOURCE)?.unwrap_or(Source::Notification),
            at: change.time(member::AT)?,
        })
    };
    item.get(name, as_list)?.iter().map(entry).collect()
}

/// Reasons of a newer version are not seen.
fn resolved(item: &Fields<'_>) -> Result<BTreeMap<AttentionReason, Resolution>, ReadError> {
    let name = attribute::RESOLVED;
    let Some(entries) = item.optional(name, Fields::map)? else { return Ok(BTreeMap::new()) };
    let known = entries.attributes.iter().filter_map(|(key, entry)| Some((key.parse().ok()?, entry)));
    let read = |(reason, entry)| {
        let entry = Fields { attributes: as_map(entry).ok_or_else(|| item.read_error(name))?, path: name };
        let note = entry.get(member::NOTE, |value| Note::new(as_text(value)?).ok())?;
        Ok((reason, Resolution { at: entry.time(member::AT)?, note }))
    };
    known.map(read).collect()
}

fn published(item: &Fields<'_>) -> Result<Option<Published>, ReadError> {
    let Some(published) = item.optional(attribute::PUBLISHED, Fields::map)? else { return Ok(None) };
    let Some(change) = published.variant(member::CHANGE)? else { return Ok(None) };
    Ok(Some(Published {
        change,
        version: published.number(member::VERSION)?,
        status: published.status(member::STATUS)?,
        previous: published.optional(member::PREVIOUS, Fields::status)?,
        paid: published.flag(member::PAID)?,
        reason: published.optional(member::REASON, Fields::text)?.map(str::to_owned),
        at: published.time(member::AT)?,
        facts: published.optional(member::FACTS, Fields::map)?.as_ref().map(published_facts).transpose()?,
    }))
}

fn published_facts(published: &Fields<'_>) -> Result<PublishedFacts, ReadError> {
    Ok(PublishedFacts {
        sequence: published.number(attribute::SEQUENCE)?,
        facts: facts(published)?,
        confirmed_at: published.optional(attribute::CONFIRMED_AT, Fields::time)?,
    })
}

fn times_by_variant<K: Ord + FromStr>(
    item: &Fields<'_>,
    name: &'static str,
) -> Result<BTreeMap<K, Timestamp>, ReadError> {
    let entries = item.map(name)?.attributes.iter();
    let known = entries.filter_map(|(key, at)| Some((key.parse().ok()?, at)));
    known.map(|(variant, at)| Ok((variant, as_time(at).ok_or_else(|| item.read_error(name))?))).collect()
}

fn seconds(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000))
}

/// The path of what cannot be read.
struct ReadError(String);

/// The attributes of an item, or the members of a map in it.
struct Fields<'a> {
    attributes: &'a Attributes,
    /// Where they are; empty for the item itself.
    path: &'static str,
}

impl<'a> Fields<'a> {
    fn get<T>(&self, name: &'static str, read: impl FnOnce(&'a AttributeValue) -> Option<T>) -> Result<T, ReadError> {
        self.attributes.get(name).and_then(read).ok_or_else(|| self.read_error(name))
    }

    fn read_error(&self, name: &'static str) -> ReadError {
        ReadError(if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) })
    }

    fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Self, &'static str) -> Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        if self.attributes.contains_key(name) { read(self, name).map(Some) } else { Ok(None) }
    }

    fn text(&self, name: &'static str) -> Result<&'a str, ReadError> {
        self.get(name, as_text)
    }

    fn number(&self, name: &'static str) -> Result<u64, ReadError> {
        self.get(name, as_number)
    }

    fn time(&self, name: &'static str) -> Result<Timestamp, ReadError> {
        self.get(name, as_time)
    }

    /// Absent is false.
    fn flag(&self, name: &'static str) -> Result<bool, ReadError> {
        Ok(self.optional(name, |fields, name| fields.get(name, as_flag))?.unwrap_or_default())
    }

    fn status(&self, name: &'static str) -> Result<PaymentStatus, ReadError> {
        self.get(name, |value| PaymentStatus::parse(as_text(value)?).ok())
    }

    fn short_text(&self, name: &'static str) -> Result<ShortText, ReadError> {
        self.get(name, |value| ShortText::new(as_text(value)?).ok())
    }

    /// None: a variant of a newer version.
    fn variant<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, ReadError> {
        self.text(name).map(|text| text.parse().ok())
    }

    /// A map in it.
    fn map(&self, name: &'static str) -> Result<Self, ReadError> {
        Ok(Fields { attributes: self.get(name, as_map)?, path: name })
    }
}

fn as_text(value: &AttributeValue) -> Option<&str> {
    if let AttributeValue::S(text) = value { Some(text) } else { None }
}

pub(crate) fn as_transaction_id(value: &AttributeValue) -> Option<TransactionId> {
    TransactionId::new(as_text(value)?).ok()
}

fn as_number(value: &AttributeValue) -> Option<u64> {
    if let AttributeValue::N(digits) = value { digits.parse().ok() } else { None }
}

pub(crate) fn as_time(value: &AttributeValue) -> Option<Timestamp> {
    as_number(value).map(Timestamp::from_millis)
}

fn as_flag(value: &AttributeValue) -> Option<bool> {
    if let AttributeValue::Bool(flag) = value { Some(*flag) } else { None }
}

fn as_map(value: &AttributeValue) -> Option<&Attributes> {
    if let AttributeValue::M(members) = value { Some(members) } else { None }
}

fn as_list(value: &AttributeValue) -> Option<&Vec<AttributeValue>> {
    if let AttributeValue::L(entries) = value { Some(entries) } else { None }
}
