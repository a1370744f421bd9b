//! Where a small slip would change what is done, and neither the table nor the rules show it.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::time::Duration;

use spg_domain::{
    AttentionReason, ChangeKind, Decision, DetailType, Disposition, Evidence, FinalStatus, HISTORY_ENTRIES_MAX,
    OutcomeEvent, PaymentStatus, ReferenceStatus, Registration, Rules, Source, Timestamp,
};
use support::{Ledger, answer, facts, id, notification, notify, register, status_answer};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn wants_answer(stored: &Ledger, evidence: &[Evidence]) -> bool {
    let rules = Rules::default();
    let mut decision = Decision::new(id(), stored.stored.clone(), &rules);
    for piece in evidence {
        decision.apply(piece, stored.now);
    }
    decision.wants_answer()
}

#[test]
fn an_answer_is_wanted_while_a_claim_is_not_settled() {
    let claim = notify(notification("n-1", "Success"));
    let none = Ledger::new();
    assert!(!wants_answer(&none, &[register(Some("Pending"))]));
    assert!(!wants_answer(&none, &[notify(notification("n-1", "InProcessing"))]));
    assert!(wants_answer(&none, std::slice::from_ref(&claim)));
    // The answer may lag behind the claim; without a claim it says all there is to know.
    assert!(wants_answer(&none, &[claim.clone(), answer("Pending", 0)]));
    assert!(!wants_answer(&none, &[register(Some("Pending")), answer("InProcessing", 0)]));
    assert!(!wants_answer(&none, &[claim, answer("Success", 0)]));
}

#[test]
fn a_claim_that_lost_is_confirmed_away_from_the_moment_of_the_final_answer() {
    let mut ledger = Ledger::after([notify(notification("n-1", "Declined"))]);
    ledger.answer("Success");
    assert_eq!(ledger.as_final().dispute.as_ref().unwrap().agreed_since, Some(ledger.now));
    let mut settled = Ledger::after([notify(notification("n-1", "Success"))]);
    settled.answer("Success");
    assert_eq!(settled.as_final().dispute, None);
}

/// A Success whose type came late: it is queried at once, and its recheck is not lost over that.
#[test]
fn a_recheck_that_was_brought_forward_still_comes_at_its_time() {
    let mut ledger = Ledger::new();
    let mut untyped = facts();
    untyped.payment_type = None;
    let registration = Registration { payment_status: None, facts: untyped.clone() };
    ledger.apply(&Evidence::Registration { registration, received_at: ledger.now });
    let mut success = status_answer("Success");
    success.facts = untyped;
    ledger.apply(&Evidence::Answer { answer: success, queried_version: 1 });
    let planned = Some(ledger.now + DAY);
    assert_eq!(ledger.as_final().recheck_at, planned);

    ledger.wait(HOUR);
    ledger.apply(&notify(notification("n-1", "Success")));
    assert_eq!(ledger.as_final().recheck_at, Some(ledger.now));
    ledger.answer("Success");
    assert_eq!(ledger.as_final().recheck_at, planned);
    ledger.wait(DAY);
    ledger.answer("Success");
    assert_eq!(ledger.as_final().recheck_at, None);
}

#[test]
fn only_a_success_is_rechecked_after_a_stale_answer() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    ledger.answer("Declined");
    ledger.apply(&answer("Success", 0));
    assert_eq!(ledger.as_final().recheck_at, Some(ledger.now));
    ledger.answer("Declined");
    assert_eq!(ledger.as_final().recheck_at, None);
}

#[test]
fn the_latest_changes_are_remembered_and_the_oldest_go() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    for _ in 0..HISTORY_ENTRIES_MAX {
        ledger.answer("Success");
        ledger.answer("Declined");
        let history = &ledger.transaction().history;
        assert_eq!(history.last().unwrap().to, PaymentStatus::Final(FinalStatus::Declined));
        assert!(history.len() <= HISTORY_ENTRIES_MAX);
    }
    assert_eq!(ledger.transaction().history.len(), HISTORY_ENTRIES_MAX);
}

/// By a message that names a moment long ago: a clock that was wrong, or a queue that was replayed.
#[test]
fn what_is_opened_by_old_evidence_is_queried_all_the_same() {
    let old = Timestamp::default();
    for piece in [
        Evidence::Registration { registration: Registration::default(), received_at: old },
        Evidence::Notification { notification: notification("n-1", "Pending"), received_at: old },
    ] {
        let mut ledger = Ledger::after([piece]);
        assert_eq!(ledger.transaction().next_check_at, Some(ledger.now));
        ledger.answer("Pending");
        assert!(ledger.transaction().attention.contains_key(&AttentionReason::Lapsed));
    }
}

#[test]
fn what_is_to_be_sent_is_the_latest_outcome_with_its_moment() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    assert_eq!(OutcomeEvent::latest(ledger.transaction()), None);
    ledger.wait(HOUR);
    ledger.answer("Success");
    let event = OutcomeEvent::latest(ledger.transaction()).unwrap();
    assert_eq!((event.at, event.detail.event_id), (ledger.now, format!("t-1#{}", ledger.now.millis())));
}

#[test]
fn who_is_woken_and_who_is_counted() {
    use AttentionReason as Reason;
    for (reason, text, paged) in [
        (Reason::AmountMismatch, "AmountMismatch", true),
        (Reason::CurrencyMismatch, "CurrencyMismatch", true),
        (Reason::TransactionIdMismatch, "TransactionIdMismatch", true),
        (Reason::UnexpectedCorrection, "UnexpectedCorrection", true),
        (Reason::PaymentTypeUnknown, "PaymentTypeUnknown", true),
        (Reason::PaidAgain, "PaidAgain", true),
        (Reason::Unknown, "Unknown", false),
        (Reason::Lapsed, "Lapsed", false),
        (Reason::TooManyNotifications, "TooManyNotifications", false),
    ] {
        assert_eq!((reason.to_string().as_str(), reason.is_paged()), (text, paged));
        assert_eq!(serde_json::to_value(reason).unwrap(), text);
    }
}

/// These names are in items, logs, metrics and events: an item keeps what it was written with.
#[test]
fn words_that_are_stored_and_told() {
    use ChangeKind as K;
    use Disposition as D;
    for (status, text) in [(ReferenceStatus::Paid, "PAID"), (ReferenceStatus::Unpaid, "UNPAID")] {
        assert_eq!(status.as_str(), text);
        assert_eq!(serde_json::to_value(status).unwrap(), text);
    }
    let dispositions =
        [D::Opened, D::Advanced, D::Claimed, D::Disputed, D::Agreed, D::Noted, D::OtherMerchants, D::Duplicate]
            .into_iter()
            .chain([D::Conflicting, D::Unrecorded, D::Filled, D::Finalised, D::Corrected, D::Refused, D::Stale])
            .chain([D::Blocked, D::Unanswered])
            .map(D::as_str);
    let expected = "Opened Advanced Claimed Disputed Agreed Noted OtherMerchants Duplicate Conflicting Unrecorded Filled Finalised Corrected \
                    Refused Stale Blocked Unanswered";
    assert_eq!(dispositions.collect::<Vec<_>>().join(" "), expected);
    let kinds = [K::Noted, K::Opened, K::Advanced, K::NeedsAttention, K::Finalised, K::Corrected].map(K::as_str);
    assert_eq!(kinds, ["Noted", "Opened", "Advanced", "NeedsAttention", "Finalised", "Corrected"]);
    let sources = [Source::Registration, Source::Notification, Source::StatusApi].map(Source::as_str);
    assert_eq!(sources, ["Registration", "Notification", "StatusApi"]);
    assert_eq!(DetailType::Finalised.as_str(), "Transaction Finalised");
    assert_eq!(DetailType::Corrected.as_str(), "Transaction Corrected");
    assert_eq!(DetailType::NeedsAttention.as_str(), "Transaction Needs Attention");
}
