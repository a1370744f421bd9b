//! Terminals that are not the merchant's: what names them is kept, and asks nothing until it turns out to be the merchant's own.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use spg_domain::{Decision, Disposition, FinalStatus, Notification, ReferenceStatus};
use support::{Ledger, answer, id, notification, notify, reference, register, short_text};

/// One terminal, 77, is the merchant's own.
fn ours_is_77() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.rules.terminal_ids = Some(["77".to_owned()].into());
    ledger
}

fn other_merchants(mut notification: Notification) -> Notification {
    notification.facts.terminal_id = short_text("88");
    notification
}

/// Found by the simulation, seed 257: a decline after Success was recorded as another merchant's and never queried.
#[test]
fn a_registered_transaction_hears_the_claims_of_any_terminal() {
    let mut ledger = ours_is_77();
    ledger.apply_all(&[register(Some("Pending")), answer("Success", 1)]);
    assert_eq!(ledger.apply(&notify(other_merchants(notification("n1", "Declined")))), Disposition::Disputed);
    assert!(ledger.transaction().next_check_at.is_some(), "a dispute is queried");
}

#[test]
fn what_an_answer_makes_final_counts_what_was_only_recorded() {
    let mut ledger = ours_is_77();
    ledger.apply_all(&[notify(other_merchants(notification("n1", "Declined"))), answer("Success", 1)]);
    assert!(ledger.transaction().is_disputed() && ledger.transaction().next_check_at.is_some());
    assert_eq!(ledger.claims(), [FinalStatus::Declined]);
}

#[test]
fn what_is_another_merchants_is_not_kept_for_ever_and_stays_when_it_turns_out_to_be_ours() {
    let mut ledger = ours_is_77();
    assert_eq!(ledger.apply(&notify(other_merchants(notification("n0", "Pending")))), Disposition::OtherMerchants);
    ledger.apply(&notify(other_merchants(notification("n1", "Success"))));
    let transaction = ledger.transaction();
    assert_eq!((transaction.next_check_at, transaction.is_other_merchants()), (None, true));
    assert_eq!(transaction.expires_at, Some(ledger.now + ledger.rules.retention));
    ledger.apply(&register(Some("Pending")));
    assert_eq!((ledger.transaction().is_other_merchants(), ledger.transaction().expires_at), (false, None));
}

/// Found by the simulation, seed 66287: a claim that came before the registration was queried by the next sweep only.
#[test]
fn a_claim_that_came_before_its_registration_is_queried_with_it() {
    let mut ledger = ours_is_77();
    ledger.apply(&notify(other_merchants(notification("n1", "Success"))));
    let mut decision = Decision::new(id(), ledger.stored.clone(), &ledger.rules);
    decision.apply(&register(None), ledger.now);
    assert!(decision.wants_answer());
    assert_eq!(decision.transaction().unwrap().id, id());
    ledger.apply(&register(None));
    assert_eq!(ledger.claims(), [FinalStatus::Success]);

    let mut ledger = ours_is_77();
    ledger.apply(&notify(other_merchants(reference(notification("made", "Success"), ReferenceStatus::Unpaid))));
    ledger.apply(&register(None));
    assert_eq!(ledger.claims(), [], "a reference that was made claims nothing");
}
