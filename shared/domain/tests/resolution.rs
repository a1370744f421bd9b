//! What a person's resolution does, and what it must not do.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::time::Duration;

use spg_domain::{
    AttentionReason, CHECKS_END_AFTER, ChangeKind, NoAnswerKind, Note, PaymentStatus, ReferenceStatus, resolve,
};
use support::{Ledger, no_answer, notification, notify, reference, register};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn note() -> Note {
    Note::new("looked at").unwrap()
}

fn end(ledger: &mut Ledger, only: Option<AttentionReason>) -> bool {
    let write = resolve(ledger.transaction().clone(), only, &note(), &ledger.rules, ledger.now);
    let Some(write) = write else { return false };
    ledger.stored = Some(write.transaction.clone());
    ledger.writes.push(write);
    true
}

/// Open, and unknown to the Status API for a while.
fn unknown() -> Ledger {
    let mut ledger = Ledger::after([register(None)]);
    ledger.wait(Duration::from_secs(16 * 60));
    ledger.apply(&no_answer(NoAnswerKind::NotFound));
    ledger
}

/// Asks whenever something is due, until nothing is.
fn query_to_the_end(ledger: &mut Ledger) {
    while let Some(at) = ledger.transaction().next_check_at {
        ledger.now = ledger.now.max(at);
        ledger.apply(&no_answer(NoAnswerKind::NotFound));
    }
}

#[test]
fn it_ends_the_attention_and_changes_nothing_else() {
    let mut ledger = unknown();
    let before = ledger.transaction().clone();
    assert!(end(&mut ledger, None));
    let after = ledger.transaction();
    assert!(after.attention.is_empty());
    assert_eq!(after.resolved[&AttentionReason::Unknown].note, note());
    assert_eq!((after.version, after.change), (before.version + 1, ChangeKind::Noted));
    assert_eq!(
        (after.status(), after.sequence, &after.published),
        (before.status(), before.sequence, &before.published)
    );
    assert_eq!((after.next_check_at, after.expires_at), (before.next_check_at, None));
    assert_eq!(ledger.last_write().expected_version, Some(before.version));
}

#[test]
fn what_needs_no_attention_is_not_written() {
    let mut ledger = Ledger::after([register(None)]);
    assert!(!end(&mut ledger, None));
    let mut ledger = unknown();
    assert!(!end(&mut ledger, Some(AttentionReason::Lapsed)));
    assert!(end(&mut ledger, Some(AttentionReason::Unknown)));
    assert!(!end(&mut ledger, None), "twice does nothing");
}

#[test]
fn a_reason_that_lasts_is_not_raised_again_by_the_next_check() {
    let mut ledger = unknown();
    assert!(end(&mut ledger, None));
    let published = ledger.published();
    for _ in 0..5 {
        ledger.wait(DAY);
        ledger.apply(&no_answer(NoAnswerKind::NotFound));
    }
    assert_eq!((ledger.published(), ledger.transaction().attention.len()), (published, 0));
}

#[test]
fn checks_that_end_without_an_answer_are_told_once_more() {
    let mut ledger = unknown();
    assert!(end(&mut ledger, None));
    query_to_the_end(&mut ledger);
    let transaction = ledger.transaction();
    assert!(transaction.attention.contains_key(&AttentionReason::Lapsed), "nothing is given up without a mark");
    assert_eq!(transaction.change, ChangeKind::NeedsAttention);
    assert_eq!(transaction.expires_at, None);
}

#[test]
fn an_open_transaction_whose_checks_have_ended_is_closed_and_expires() {
    let mut ledger = unknown();
    query_to_the_end(&mut ledger);
    assert!(!ledger.transaction().is_closed());
    assert!(end(&mut ledger, None));
    let transaction = ledger.transaction();
    assert!(transaction.is_closed());
    assert_eq!(transaction.status(), PaymentStatus::PENDING, "only a status answer makes it final");
    assert_eq!(transaction.expires_at, Some((ledger.now + ledger.rules.retention).floor_to_second()));
    assert!(ledger.now.since(transaction.first_seen_at) >= CHECKS_END_AFTER - DAY);
}

#[test]
fn a_claim_opens_a_closed_transaction_again_and_an_answer_settles_it() {
    let mut ledger = unknown();
    query_to_the_end(&mut ledger);
    assert!(end(&mut ledger, None));
    ledger.wait(DAY);
    ledger.apply(&notify(notification("late", "Success")));
    assert_eq!((ledger.transaction().next_check_at, ledger.transaction().expires_at), (Some(ledger.now), None));
    ledger.answer("Success");
    assert_eq!(ledger.transaction().status(), PaymentStatus::SUCCESS);
    assert!(ledger.transaction().paid());
}

#[test]
fn a_reference_that_is_paid_once_more_needs_attention_once_more() {
    let paid = |id: &str| notify(reference(notification(id, "Success"), ReferenceStatus::Paid));
    let mut ledger = Ledger::after([paid("n1"), paid("n2")]);
    assert!(ledger.transaction().attention.contains_key(&AttentionReason::PaidAgain));
    assert!(end(&mut ledger, None));
    ledger.apply(&paid("n2"));
    assert!(ledger.transaction().attention.is_empty(), "a duplicate is no payment");
    ledger.apply(&paid("n3"));
    assert!(ledger.transaction().attention.contains_key(&AttentionReason::PaidAgain));
}
