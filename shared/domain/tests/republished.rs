//! An event has one content, however late it is republished.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use spg_domain::{Evidence, Notification, OutcomeEvent, ReferenceStatus};
use support::{Ledger, at, notification, notify, register, short_text, status_answer};

fn event(ledger: &Ledger) -> OutcomeEvent {
    OutcomeEvent::latest(ledger.transaction()).unwrap()
}

/// The webhook comes after the sweeper has found the payment, and says more than the Status API did.
fn late(id: &str) -> Notification {
    let mut late = notification(id, "Success");
    late.facts.transaction_date_time = Some(at(7));
    late.facts.merchant_transaction_id = short_text("order-1");
    late
}

#[test]
fn what_is_learned_after_an_outcome_does_not_change_it() {
    let mut ledger = Ledger::after([register(None)]);
    ledger.answer("Success");
    let told = event(&ledger);
    assert_eq!(told.detail.merchant_transaction_id, None);
    ledger.apply(&notify(late("n1")));
    assert_eq!(ledger.transaction().facts.merchant_transaction_id, short_text("order-1"), "it is learned");
    assert_eq!(event(&ledger), told, "and not published under a sequence that was published without it");
    let mut more = late("n2");
    more.facts.terminal_id = short_text("another");
    ledger.apply(&notify(more));
    assert_eq!(event(&ledger), told, "nor later");
}

#[test]
fn the_next_outcome_tells_all_that_was_learned() {
    let mut ledger = Ledger::after([register(None)]);
    ledger.answer("Success");
    ledger.apply(&notify(late("n1")));
    ledger.answer("Declined");
    let told = event(&ledger);
    assert_eq!((ledger.published(), told.detail.merchant_transaction_id), (2, short_text("order-1")));
    assert_eq!(told.detail.occurred_at, at(7).to_string());
}

/// An answer that agrees may rule over the facts, and what it says is not republished either.
#[test]
fn an_answer_that_agrees_does_not_change_what_was_told() {
    let mut ledger = Ledger::after([register(None)]);
    ledger.answer("Success");
    let told = event(&ledger);
    let mut answer = status_answer("Success");
    answer.facts.payment_method = short_text("CARD");
    ledger.apply(&Evidence::Answer { answer, queried_version: ledger.version() });
    assert_eq!((ledger.transaction().facts.payment_method.clone(), event(&ledger)), (short_text("CARD"), told));
}

/// An event has no state of a reference: what is learned of it leaves the event as it is.
#[test]
fn the_state_of_a_reference_is_no_part_of_what_was_told() {
    let mut ledger = Ledger::after([register(None)]);
    ledger.answer("Success");
    let mut paid = status_answer("Success");
    paid.facts.reference_status = Some(ReferenceStatus::Paid);
    ledger.apply(&Evidence::Answer { answer: paid, queried_version: ledger.version() });
    let transaction = ledger.transaction();
    assert_eq!(transaction.facts.reference_status, Some(ReferenceStatus::Paid));
    assert_eq!(transaction.published.as_ref().unwrap().facts, None);
}

#[test]
fn nothing_is_put_aside_while_nothing_was_learned() {
    let mut ledger = Ledger::after([register(None)]);
    ledger.answer("Success");
    ledger.apply(&notify(notification("n1", "Success")));
    assert_eq!(ledger.transaction().published.as_ref().unwrap().facts, None);
}
