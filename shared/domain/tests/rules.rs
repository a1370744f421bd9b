//! The rules of state, one by one, where the table does not show them: they need time or several steps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may give up loudly"
)]

mod support;

use std::time::Duration;

use spg_domain::{
    Amount, AttentionReason, CORRECTION_RECHECK_AFTER, ChangeKind, DetailType, Disposition, Evidence, FinalStatus,
    NOTIFICATIONS_MAX, NoAnswerKind, Notification, NotificationId, OutcomeEvent, PaymentStatus, ReferenceStatus, Rules,
    Source, StatusAnswer,
};
use support::{Ledger, answer, at, no_answer, notification, notify, reference, register, short_text, status_answer};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn event(ledger: &Ledger) -> OutcomeEvent {
    OutcomeEvent::latest(ledger.transaction()).expect("an outcome was published")
}

fn due_in(ledger: &Ledger) -> Option<Duration> {
    ledger.transaction().next_check_at.map(|at| at.since(ledger.now))
}

/// Asks whenever something is due, until nothing is or `days` have passed; returns how often.
fn sweep(ledger: &mut Ledger, days: u32, evidence: impl Fn(&Ledger) -> Evidence) -> usize {
    let end = ledger.now + DAY * days;
    let mut queries = 0;
    while let Some(at) = ledger.transaction().next_check_at.filter(|at| *at <= end) {
        assert!(queries < 5_000, "it does not come to rest");
        ledger.now = ledger.now.max(at);
        ledger.apply(&evidence(ledger));
        queries += 1;
    }
    queries
}

#[test]
fn rule_1_a_claim_and_its_answer_make_one_write_with_both_changes_in_its_history() {
    let mut ledger = Ledger::new();
    ledger.apply_all(&[notify(notification("n1", "Success")), answer("Success", 0)]);
    let transaction = ledger.transaction();
    assert_eq!((transaction.version, ledger.published(), ledger.writes.len()), (1, 1, 1));
    let history: Vec<_> = transaction.history.iter().map(|c| (c.version, c.to.as_str(), c.source)).collect();
    assert_eq!(history, [(1, "Pending", Source::Notification), (1, "Success", Source::StatusApi)]);
    let event = event(&ledger);
    assert_eq!(event.detail_type, DetailType::Finalised);
    assert_eq!(event.detail.previous_status, Some(PaymentStatus::PENDING));
    assert!(event.detail.paid && event.detail.reason.is_none());
}

#[test]
fn rule_4_success_to_declined_is_expected_and_every_other_correction_is_not() {
    let mut ledger = Ledger::after([notify(notification("n1", "Success")), answer("Success", 1)]);
    assert_eq!(ledger.answer("Declined"), Disposition::Corrected);
    assert!(ledger.last_write().raised.is_empty());
    assert_eq!(event(&ledger).detail.reason.as_deref(), Some("PostAuthorisationDecline"));
    for _ in 0..2 {
        ledger.answer("Success");
        assert_eq!(ledger.last_write().raised, [AttentionReason::UnexpectedCorrection]);
        assert_eq!(event(&ledger).detail.reason.as_deref(), Some("UnexpectedCorrection"));
        ledger.answer("Declined");
    }
    assert_eq!(ledger.published(), 6);
}

#[test]
fn rule_5_a_dispute_ends_when_answers_have_confirmed_the_stored_state_for_a_day() {
    let mut ledger = Ledger::after([notify(notification("n1", "Declined")), answer("Declined", 1)]);
    assert_eq!(ledger.apply(&notify(notification("n2", "Success"))), Disposition::Disputed);
    assert!(ledger.transaction().expires_at.is_none());
    let queries = sweep(&mut ledger, 10, |l| answer("Declined", l.version()));
    assert!((10..40).contains(&queries), "{queries} queries");
    assert!(!ledger.transaction().is_disputed());
    assert!(ledger.transaction().expires_at.is_some());
    assert_eq!(ledger.published(), 1);
    assert!(ledger.now >= at(0) + DAY);
}

#[test]
fn rule_5_no_answers_and_stale_answers_leave_a_dispute_due_and_it_ends_in_attention() {
    for stale in [no_answer(NoAnswerKind::Unavailable), answer("Pending", u64::MAX)] {
        let mut ledger = Ledger::after([notify(notification("n1", "Declined")), answer("Declined", 1)]);
        ledger.apply(&notify(notification("n2", "Success")));
        sweep(&mut ledger, 400, |_| stale.clone());
        assert!(ledger.transaction().is_disputed());
        assert!(ledger.transaction().attention.contains_key(&AttentionReason::Lapsed));
        assert_eq!(ledger.published(), 2);
    }
}

#[test]
fn rule_5_the_answer_that_agrees_with_the_claim_ends_the_dispute() {
    let mut ledger = Ledger::after([notify(notification("n1", "Success")), answer("Success", 1)]);
    ledger.apply(&notify(notification("n2", "Declined")));
    assert_eq!(due_in(&ledger), Some(Duration::ZERO));
    ledger.answer("Success");
    assert!(ledger.transaction().is_disputed());
    assert_eq!(ledger.answer("Declined"), Disposition::Corrected);
    assert!(!ledger.transaction().is_disputed());
    assert_eq!(due_in(&ledger), Some(CORRECTION_RECHECK_AFTER));
}

#[test]
fn rule_5_a_claim_that_lost_before_finality_is_a_dispute_too() {
    let mut ledger = Ledger::new();
    ledger.apply_all(&[
        notify(notification("n1", "Success")),
        notify(notification("n2", "Declined")),
        answer("Success", 0),
    ]);
    assert_eq!(ledger.transaction().status(), PaymentStatus::SUCCESS);
    assert!(ledger.transaction().is_disputed());
    ledger.answer("Declined");
    assert!(!ledger.transaction().is_disputed());
}

/// Found by the simulation, seed 92377: an answer that lagged replaced Declined by Success, and nothing queried it again.
#[test]
fn rule_5_a_correction_is_queried_once_more_whatever_the_rules_are() {
    for (first, second) in [("Declined", "Success"), ("Success", "Declined")] {
        let mut ledger = Ledger::new();
        ledger.rules.recheck_success_after = None;
        ledger.apply_all(&[notify(notification("n1", first)), answer(first, 0)]);
        assert_eq!(due_in(&ledger), None);
        ledger.apply_all(&[notify(notification("n2", second)), answer(second, 1)]);
        assert_eq!(due_in(&ledger), Some(CORRECTION_RECHECK_AFTER));
        assert_eq!(sweep(&mut ledger, 100, |l| answer(second, l.version())), 1);
    }
}

#[test]
fn rule_5_a_success_is_queried_once_more() {
    let mut ledger = Ledger::after([notify(notification("n1", "Success")), answer("Success", 1)]);
    let queries = sweep(&mut ledger, 100, |l| answer("Success", l.version()));
    assert_eq!(queries, 1);
    assert_eq!(ledger.published(), 1);

    let mut ledger = Ledger::after([notify(notification("n1", "Success")), answer("Success", 1)]);
    sweep(&mut ledger, 100, |l| answer("Declined", l.version()));
    assert_eq!(ledger.transaction().status(), PaymentStatus::Final(FinalStatus::Declined));

    let mut off = Ledger::new();
    off.rules = Rules { recheck_success_after: None, ..Rules::default() };
    off.apply_all(&[notify(notification("n1", "Success")), answer("Success", 0)]);
    assert_eq!(due_in(&off), None);
}

#[test]
fn rule_5_a_recheck_without_an_answer_is_repeated_and_ends() {
    let mut ledger = Ledger::after([notify(notification("n1", "Success")), answer("Success", 1)]);
    let queries = sweep(&mut ledger, 400, |_| no_answer(NoAnswerKind::NotFound));
    assert!((10..120).contains(&queries), "{queries} queries");
    assert_eq!(ledger.transaction().status(), PaymentStatus::SUCCESS);
}

#[test]
fn rule_6_a_repeated_notification_writes_nothing_even_when_amounts_are_written_otherwise() {
    let mut ledger = Ledger::after([notify(notification("n1", "Pending"))]);
    let mut again = notification("n1", "Pending");
    again.facts.amount = Some(Amount::parse("15.90", "EUR").unwrap());
    for delay in [Duration::from_millis(1), MINUTE, HOUR, DAY] {
        ledger.wait(delay);
        assert_eq!(ledger.apply(&notify(again.clone())), Disposition::Duplicate);
    }
    assert_eq!(ledger.version(), 1);
}

#[test]
fn rule_6_the_hash_sees_every_field_that_is_acted_on() {
    let original = notification("n1", "Success");
    let id = support::id();
    let mut others = vec![notification("n1", "Declined"); 7];
    others[1].facts.amount = None;
    others[2].facts.amount = Some(Amount::parse("15.9", "USD").unwrap());
    others[3].facts.payment_type = short_text("CANC");
    others[4].facts.terminal_id = short_text("7");
    others[5].facts.merchant_transaction_id = short_text("order");
    others[6].facts.reference_status = Some(ReferenceStatus::Paid);
    for other in &mut others[1..] {
        other.payment_status = original.payment_status.clone();
    }
    for other in &others {
        assert_ne!(other.content_hash(Some(&id)), original.content_hash(Some(&id)), "{other:?}");
    }
    let mut not_acted_on = original.clone();
    not_acted_on.return_code = short_text("000");
    not_acted_on.notification_id = NotificationId::new("n2").unwrap();
    assert_eq!(not_acted_on.content_hash(Some(&id)), original.content_hash(Some(&id)));
    assert_eq!(original.content_hash(Some(&id)).len(), 16);
}

#[test]
fn rule_7_a_stale_answer_is_dropped_and_queried_again() {
    let mut ledger = Ledger::after([notify(notification("n1", "Success"))]);
    let slow = answer("Success", 1);
    ledger.apply(&answer("Declined", 1));
    assert_eq!(ledger.apply(&slow), Disposition::Stale);
    assert_eq!(ledger.transaction().status(), PaymentStatus::Final(FinalStatus::Declined));
    assert_eq!(due_in(&ledger), Some(Duration::ZERO));
}

#[test]
fn rule_8_success_with_another_amount_waits_for_people_and_a_matching_answer() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    let mut dearer = status_answer("Success");
    dearer.facts.amount = Some(Amount::parse("20.00", "EUR").unwrap());
    let dearer = |ledger: &Ledger| Evidence::Answer { answer: dearer.clone(), queried_version: ledger.version() };
    for _ in 0..3 {
        assert_eq!(ledger.apply(&dearer(&ledger)), Disposition::Blocked);
    }
    assert_eq!((ledger.published(), event(&ledger).detail_type), (1, DetailType::NeedsAttention));
    ledger.answer("Success");
    assert_eq!((ledger.published(), event(&ledger).detail_type), (2, DetailType::Finalised));
    assert_eq!(event(&ledger).detail.amount.unwrap().value(), "15.90");
}

#[test]
fn rule_9_open_transactions_are_queried_for_sixty_days_and_raise_one_attention() {
    let pending = |l: &Ledger| answer("Pending", l.version());
    let nothing = |_: &Ledger| no_answer(NoAnswerKind::Unavailable);
    for evidence in [&pending as &dyn Fn(&Ledger) -> Evidence, &nothing] {
        let mut ledger = Ledger::after([register(Some("Pending"))]);
        assert!(due_in(&ledger).unwrap() < MINUTE);
        let queries = sweep(&mut ledger, 400, evidence);
        assert!((60..140).contains(&queries), "{queries} queries");
        assert!(ledger.now.since(at(0)) >= DAY * 59);
        assert_eq!(ledger.published(), 1);
        assert_eq!(event(&ledger).detail.reason.as_deref(), Some("Lapsed"));
        assert!(ledger.transaction().expires_at.is_none());
    }
}

#[test]
fn rule_9_unknown_to_the_status_api_is_said_after_fifteen_minutes_and_only_once() {
    let mut ledger = Ledger::after([notify(notification("n1", "Success"))]);
    sweep(&mut ledger, 400, |_| no_answer(NoAnswerKind::NotFound));
    let transaction = ledger.transaction();
    assert_eq!(transaction.attention.keys().collect::<Vec<_>>(), [&AttentionReason::Unknown]);
    let raised_after = transaction.attention[&AttentionReason::Unknown].since(at(0));
    assert!((MINUTE * 15..MINUTE * 25).contains(&raised_after), "{raised_after:?}");
    assert_eq!(transaction.next_check_at, None);
}

#[test]
fn rule_9_an_outage_is_retried_within_half_a_minute_however_old_the_transaction() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    ledger.wait(DAY * 9);
    ledger.apply(&no_answer(NoAnswerKind::Outage));
    assert!(due_in(&ledger).unwrap() <= Duration::from_secs(30));
}

#[test]
fn rule_9_one_that_is_not_answered_beside_others_is_queried_soon_and_then_less_and_less() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    ledger.wait(DAY * 9);
    let waits: Vec<Duration> = (0..16)
        .map(|_| {
            ledger.apply(&no_answer(NoAnswerKind::Unavailable));
            due_in(&ledger).unwrap()
        })
        .collect();
    assert!(waits[0] <= Duration::from_secs(30) && waits[1] <= MINUTE && waits[4] >= MINUTE * 7, "{waits:?}");
    assert!(waits[15] >= HOUR * 20, "no more often than its age wants: {waits:?}");
    // An answer, and 404 is one, begins anew.
    ledger.apply(&no_answer(NoAnswerKind::NotFound));
    ledger.apply(&no_answer(NoAnswerKind::Unavailable));
    assert!(due_in(&ledger).unwrap() <= Duration::from_secs(30));
    ledger.apply(&no_answer(NoAnswerKind::Unavailable));
    ledger.apply(&answer("Pending", ledger.version()));
    assert_eq!(ledger.transaction().unanswered_in_a_row, 0);
}

#[test]
fn rule_9_an_outage_is_not_held_against_a_transaction() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    ledger.wait(DAY * 9);
    for _ in 0..20 {
        ledger.apply(&no_answer(NoAnswerKind::Outage));
    }
    ledger.apply(&no_answer(NoAnswerKind::Unavailable));
    assert!(due_in(&ledger).unwrap() <= Duration::from_secs(30));
}

#[test]
fn rule_9_while_credentials_are_refused_it_is_queried_within_ten_minutes_however_old() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    ledger.wait(DAY * 9);
    for _ in 0..9 {
        ledger.apply(&no_answer(NoAnswerKind::Unauthorised));
        assert!((MINUTE * 9..=MINUTE * 10).contains(&due_in(&ledger).unwrap()));
    }
    ledger.wait(DAY * 60);
    ledger.apply(&no_answer(NoAnswerKind::Unauthorised));
    assert_eq!(due_in(&ledger), None, "checks still end");
}

#[test]
fn rule_9_beyond_the_notifications_that_are_kept_it_is_still_acted_on() {
    let mut ledger = Ledger::after([register(Some("Pending"))]);
    for n in 0..NOTIFICATIONS_MAX {
        ledger.apply(&notify(notification(&format!("n{n}"), "Pending")));
    }
    assert_eq!(ledger.apply(&notify(notification("last", "Success"))), Disposition::Unrecorded);
    let transaction = ledger.transaction();
    assert_eq!(transaction.notifications.len(), NOTIFICATIONS_MAX);
    assert!(ledger.claims().contains(&FinalStatus::Success));
    assert_eq!(due_in(&ledger), Some(Duration::ZERO));
    assert_eq!(event(&ledger).detail.reason.as_deref(), Some("TooManyNotifications"));
    ledger.apply(&notify(notification("more", "Pending")));
    assert_eq!(ledger.published(), 1);
}

#[test]
fn rule_10_a_reference_is_paid_once_and_the_second_time_needs_attention() {
    let said = |status: &str, reference_status, version| {
        let mut answer = status_answer(status);
        answer.facts.payment_method = short_text("REFERENCE");
        answer.facts.reference_status = Some(reference_status);
        Evidence::Answer { answer, queried_version: version }
    };
    let mut ledger = Ledger::after([notify(reference(notification("made", "Success"), ReferenceStatus::Unpaid))]);
    assert_eq!(ledger.transaction().status(), PaymentStatus::PENDING);
    ledger.apply(&said("Success", ReferenceStatus::Unpaid, 1));
    assert_eq!(ledger.published(), 0);
    ledger.apply(&notify(reference(notification("paid", "Success"), ReferenceStatus::Paid)));
    ledger.apply(&said("Success", ReferenceStatus::Paid, ledger.version()));
    assert!(event(&ledger).detail.paid);
    ledger.apply(&notify(reference(notification("again", "Success"), ReferenceStatus::Paid)));
    assert_eq!((event(&ledger).detail_type, ledger.published()), (DetailType::NeedsAttention, 2));
    assert_eq!(event(&ledger).detail.reason.as_deref(), Some("PaidAgain"));
    assert!(event(&ledger).detail.paid);
}

#[test]
fn rule_10_only_an_answer_makes_it_paid() {
    let mut untyped = notification("n1", "Success");
    untyped.facts.payment_type = None;
    let mut said = status_answer("Success");
    said.facts.payment_type = None;
    let said = |version| Evidence::Answer { answer: said.clone(), queried_version: version };
    let mut ledger = Ledger::after([notify(untyped), said(1)]);
    assert_eq!(event(&ledger).detail.reason.as_deref(), Some("PaymentTypeUnknown"));
    let mut dearer = notification("n2", "Success");
    dearer.facts.amount = Some(Amount::parse("1", "EUR").unwrap());
    ledger.apply(&notify(dearer));
    assert!(!event(&ledger).detail.paid, "a notification alone does not pay");
    assert_eq!(due_in(&ledger), Some(Duration::ZERO));
    ledger.apply(&said(ledger.version()));
    assert!(event(&ledger).detail.paid);
    assert_eq!(ledger.transaction().change, ChangeKind::Corrected);
}

#[test]
fn rule_8_an_amount_is_taken_from_an_answer_where_none_was_known_and_else_stays() {
    let mut unpriced = notification("n1", "Pending");
    unpriced.facts.amount = None;
    let amount = |first: Notification, said: StatusAnswer| {
        let ledger = Ledger::after([notify(first), Evidence::Answer { answer: said, queried_version: 1 }]);
        ledger.transaction().facts.amount.as_ref().unwrap().to_string()
    };
    let mut dollars = status_answer("Declined");
    assert_eq!(amount(unpriced, dollars.clone()), "15.90 EUR");
    dollars.facts.amount = Some(Amount::parse("15.9", "USD").unwrap());
    assert_eq!(amount(notification("n1", "Pending"), dollars), "15.90 EUR");
}

#[test]
fn rule_10_a_late_generation_notice_does_not_make_a_paid_reference_unpaid() {
    let mut said = status_answer("Success");
    said.facts.payment_type = short_text("PREF");
    let said = |version| Evidence::Answer { answer: said.clone(), queried_version: version };
    let mut ledger = Ledger::after([register(None), said(1)]);
    ledger.apply(&notify(reference(notification("made", "Success"), ReferenceStatus::Unpaid)));
    ledger.wait(DAY * 2);
    assert_eq!(ledger.apply(&said(ledger.version())), Disposition::Agreed);
    assert_eq!(ledger.published(), 1);
}

#[test]
fn retention_starts_at_the_last_recorded_notification() {
    let mut ledger = Ledger::after([notify(notification("n1", "Declined")), answer("Declined", 1)]);
    let first = ledger.transaction().expires_at.unwrap();
    assert_eq!(first.since(at(0)), DAY * 400);
    ledger.wait(DAY * 60);
    ledger.apply(&notify(notification("n2", "Declined")));
    assert_eq!(ledger.transaction().expires_at.unwrap().since(first), DAY * 60);
}

#[test]
fn timeout_may_be_tried_again() {
    let ledger = Ledger::after([notify(notification("n1", "Timeout")), answer("Timeout", 1)]);
    assert!(event(&ledger).detail.retry_eligible);
    insta::assert_json_snapshot!(event(&ledger).detail);
}

#[test]
fn what_must_be_queried_again_stays_due_when_nothing_answers() {
    // A Declined that was answered otherwise meanwhile: the disagreement is not forgotten.
    let mut ledger = Ledger::after([notify(notification("n1", "Success"))]);
    ledger.apply(&answer("Declined", 1));
    ledger.apply_all(&[answer("Error", 1), no_answer(NoAnswerKind::Outage)]);
    assert!(due_in(&ledger).is_some());
    sweep(&mut ledger, 100, |l| answer("Declined", l.version()));
    assert_eq!(due_in(&ledger), None);

    // A type that was learned after an untyped Success, with the recheck off.
    let mut untyped = status_answer("Success");
    untyped.facts.payment_type = None;
    let said = |version| Evidence::Answer { answer: untyped.clone(), queried_version: version };
    let mut ledger = Ledger::new();
    ledger.rules.recheck_success_after = None;
    let mut first = notification("n1", "Success");
    first.facts.payment_type = None;
    ledger.apply_all(&[notify(first), said(0)]);
    assert_eq!(due_in(&ledger), None);
    ledger.apply_all(&[notify(notification("n2", "Success")), no_answer(NoAnswerKind::Outage)]);
    assert!(due_in(&ledger).is_some());
    ledger.wait(HOUR);
    ledger.apply(&said(ledger.version()));
    assert!(event(&ledger).detail.paid);
}

#[test]
fn a_dispute_past_its_checks_keeps_its_last_one_when_evidence_alone_comes() {
    let mut ledger = Ledger::after([notify(notification("n1", "Declined")), answer("Declined", 1)]);
    ledger.apply(&notify(notification("n2", "Success")));
    ledger.apply(&no_answer(NoAnswerKind::Unavailable));
    ledger.wait(DAY * 61);
    ledger.apply(&notify(notification("n3", "Pending")));
    assert!(due_in(&ledger).is_some(), "the query that ends in Lapsed is still to come");
    ledger.apply(&no_answer(NoAnswerKind::Unavailable));
    assert_eq!(event(&ledger).detail.reason.as_deref(), Some("Lapsed"));
}

#[test]
fn rule_10_the_type_of_a_paid_reference_says_that_it_is_paid() {
    let mut said = status_answer("Success");
    said.facts.payment_type = short_text("PREF");
    let mut ledger = Ledger::after([notify(reference(notification("made", "Pending"), ReferenceStatus::Unpaid))]);
    ledger.apply(&Evidence::Answer { answer: said, queried_version: 1 });
    assert!(event(&ledger).detail.paid);
}
