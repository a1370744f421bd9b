//! A transaction as people and programs read it.

use std::collections::BTreeMap;

use serde::Serialize;
use spg_domain::{FinalStatus, NotificationRecord, OutcomeEvent, PaymentStatus, Source, Timestamp, Transaction};

/// Everything that is stored of a transaction. Times are RFC 3339.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View<'a> {
    #[serde(rename = "transactionID")]
    transaction_id: &'a str,
    payment_status: PaymentStatus,
    paid: bool,
    disputed: bool,
    other_merchants: bool,
    version: u64,
    #[serde(flatten)]
    facts: &'a spg_domain::Facts,
    first_seen_at: String,
    confirmed_at: Option<String>,
    next_check_at: Option<String>,
    recheck_at: Option<String>,
    expires_at: Option<String>,
    /// What a person should look at, and since when.
    attention: BTreeMap<&'static str, String>,
    /// What a person has ended the attention of, when and why.
    resolved: BTreeMap<&'static str, Resolved<'a>>,
    /// Final states that were claimed and that no answer has agreed with.
    claims: BTreeMap<&'static str, String>,
    /// The latest event, as it was published.
    latest_event: Option<Event>,
    timeline: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Resolved<'a> {
    at: String,
    note: &'a str,
}

#[derive(Debug, Serialize)]
struct Event {
    #[serde(rename = "detailType")]
    detail_type: &'static str,
    detail: spg_domain::OutcomeDetail,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    pub what: &'static str,
    pub text: String,
    #[serde(skip)]
    moment: Timestamp,
}

impl<'a> View<'a> {
    pub fn of(transaction: &'a Transaction) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let event = OutcomeEvent::latest(transaction);
        Self {
            transaction_id: transaction.id.as_str(),
            payment_status: transaction.status(),
            paid: transaction.paid(),
            disputed: transaction.is_disputed(),
            other_merchants: transaction.is_other_merchants(),
            version: transaction.version,
            facts: &transaction.facts,
            first_seen_at: transaction.first_seen_at.to_string(),
            confirmed_at: text(transaction.confirmed_at()),
            next_check_at: text(transaction.next_check_at),
            recheck_at: text(transaction.lifecycle.as_final().and_then(|is| is.recheck_at)),
            expires_at: text(transaction.expires_at),
            attention: transaction.attention.iter().map(|(reason, at)| (reason.as_str(), at.to_string())).collect(),
            resolved: transaction
                .resolved
                .iter()
                .map(|(reason, it)| (reason.as_str(), Resolved { at: it.at.to_string(), note: it.note.as_str() }))
                .collect(),
            claims: claims(transaction).map(|(status, at)| (status.as_str(), at.to_string())).collect(),
            latest_event: event.map(|it| Event { detail_type: it.detail_type.as_str(), detail: it.detail }),
            timeline: timeline(transaction),
        }
    }
}

/// All that is remembered, oldest first.
pub fn timeline(transaction: &Transaction) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut push = |moment: Timestamp, version, what, text| {
        entries.push(Entry { at: moment.to_string(), version, what, text, moment });
    };
    for (id, record) in &transaction.notifications {
        push(record.received_at, None, "notification", notification(id.as_str(), record));
    }
    for change in &transaction.history {
        let text = match &change.from {
            None => format!("opened as {} by {}", change.to, source(change.source)),
            Some(from) => format!("{from} to {} by {}", change.to, source(change.source)),
        };
        push(change.at, Some(change.version), "change", text);
    }
    for (status, at) in claims(transaction) {
        push(*at, None, "claim", format!("{status} is claimed; no status answer has agreed yet"));
    }
    for (reason, at) in &transaction.attention {
        push(*at, None, "attention", reason.to_string());
    }
    for (reason, resolution) in &transaction.resolved {
        push(resolution.at, None, "resolved", format!("{reason}: {}", resolution.note));
    }
    if let Some(published) = &transaction.published {
        let sequence = published.facts.as_ref().map_or(transaction.sequence, |facts| facts.sequence);
        let paid = if published.paid { ", paid" } else { "" };
        let reason = published.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let text = format!("sequence {sequence}: {} {}{paid}{reason}", published.change.as_str(), published.status);
        push(published.at, Some(published.version), "published", text);
    }
    if let Some(at) = transaction.confirmed_at() {
        push(at, None, "confirmed", format!("the Status API said {}", transaction.status()));
    }
    entries.sort_by_key(|entry| entry.moment);
    entries
}

fn notification(id: &str, record: &NotificationRecord) -> String {
    let claim = record.status.as_ref().map_or("says no status".to_owned(), |status| format!("says {status}"));
    let reference = if record.reference_paid { ", its reference PAID" } else { "" };
    format!("{id} {claim}{reference}: {}", record.disposition)
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Registration => "the registration",
        Source::Notification => "a notification",
        Source::StatusApi => "a status answer",
    }
}

fn claims(transaction: &Transaction) -> impl Iterator<Item = (&FinalStatus, &Timestamp)> {
    transaction.lifecycle.claims().into_iter().flatten()
}
