//! What evidence does to a transaction, whatever the evidence.

use spg_domain::{
    ChangeKind, Decision, Evidence, NOTIFICATIONS_MAX, OutcomeEvent, Payload, Rules, Source, Timestamp, Transaction,
    TransactionId, Write,
};
use spg_ledger::{from_stream_image, to_item};

use crate::amounts;

/// The last millisecond of the year 9999.
const MILLIS_MAX: u64 = 253_402_300_799_999;
pub const NOW: u64 = 1_773_312_524_000;

/// The moment at which the targets take in their evidence.
pub fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

pub fn id() -> TransactionId {
    TransactionId::new("s2bfw1g1P1siCSUjVPP8").unwrap()
}

/// As the processor takes in what is on the queue.
pub fn evidence(payload: Payload, received_at: Timestamp) -> Evidence {
    match payload {
        Payload::Notification(notification) => Evidence::Notification { notification, received_at },
        Payload::Registration(registration) => Evidence::Registration { registration, received_at },
    }
}

/// Applies each piece by itself, on what the one before has left.
pub fn apply(stored: Option<Transaction>, pieces: &[&Evidence]) -> Option<Transaction> {
    let rules = Rules::default();
    let mut stored = stored;
    for piece in pieces {
        let id = stored.as_ref().map_or_else(id, |transaction| transaction.id.clone());
        let mut decision = Decision::new(id, stored.clone(), &rules);
        decision.apply(piece, now());
        if let Some(write) = decision.into_write() {
            check(stored.as_ref(), &write);
            stored = Some(write.transaction);
        }
    }
    stored
}

/// What every write keeps to.
fn check(before: Option<&Transaction>, write: &Write) {
    let after = &write.transaction;
    assert_eq!(write.expected_version, before.map(|transaction| transaction.version));
    assert_eq!(after.version, before.map_or(0, |transaction| transaction.version) + 1);
    assert!(after.notifications.len() <= NOTIFICATIONS_MAX);
    assert!(write.recorded.iter().all(|id| after.notifications.contains_key(id)));
    let sequence = before.map_or(0, |transaction| transaction.sequence);
    let published = after.change.is_published();
    // Stored numbers have any size here; docs/adr/0015.
    assert_eq!(after.sequence, if published { sequence.saturating_add(1).max(NOW) } else { sequence });
    // Rule 1: no final state without an answer of the Status API.
    let answered = after.history.iter().any(|change| change.source == Source::StatusApi);
    assert!(after.lifecycle.as_final().is_none() || answered);
    // Rule 9: what is open is due, or a person looks at it.
    let open = after.lifecycle.as_final().is_none() && !after.is_other_merchants();
    assert!(!open || after.next_check_at.is_some() || !after.attention.is_empty());
    assert!(after.expires_at.is_none() || !(open || after.is_disputed()));
    assert!(!after.paid() || after.lifecycle.as_final().is_some());
    times(after);
    survives_the_table(after);
}

fn times(transaction: &Transaction) {
    let times = [
        Some(transaction.first_seen_at),
        transaction.confirmed_at(),
        transaction.next_check_at,
        transaction.expires_at,
        transaction.facts.transaction_date_time,
    ];
    assert!(times.into_iter().flatten().all(is_a_moment), "{times:?}");
}

/// Within the bounds of a [`Timestamp`], and written so that it is read as the same.
pub fn is_a_moment(at: Timestamp) -> bool {
    at.millis() <= MILLIS_MAX && Timestamp::parse(&at.to_string()) == Some(at)
}

/// What is stored reads as the same; and so does the event that is made of it.
pub fn survives_the_table(transaction: &Transaction) {
    if let Some(amount) = &transaction.facts.amount {
        amounts::is_canonical(amount);
    }
    let read = from_stream_image(&to_item(transaction)).expect("what is written can be read");
    assert_eq!(read, *transaction);
    assert_eq!(OutcomeEvent::latest(&read), OutcomeEvent::latest(transaction));
    let published = transaction.published.as_ref().map(|published| published.change);
    assert!(published.is_none_or(ChangeKind::is_published));
}
