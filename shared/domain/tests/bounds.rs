//! What happens at the very moment of a limit, and a millisecond before it.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::time::Duration;

use spg_domain::{
    AttentionReason, CHECKS_END_AFTER, CLOCK_TOLERANCE, Evidence, FinalStatus, NoAnswer, NoAnswerKind, Timestamp,
};
use support::{Ledger, no_answer, notification, notify, register};

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn lapsed(ledger: &Ledger) -> bool {
    ledger.transaction().attention.contains_key(&AttentionReason::Lapsed)
}

/// Whether a query that comes to nothing after `age` raises attention, and whether another one follows.
fn unanswered_after(start: &Ledger, age: Duration) -> (bool, bool) {
    let mut ledger = start.clone();
    ledger.wait(age);
    ledger.apply(&no_answer(NoAnswerKind::Unavailable));
    (lapsed(&ledger), ledger.transaction().next_check_at.is_some())
}

#[test]
fn an_open_transaction_lapses_at_the_age_that_its_method_explains() {
    let mbway = Ledger::after([register(Some("Pending"))]);
    assert_eq!(unanswered_after(&mbway, HOUR - MILLISECOND), (false, true));
    assert_eq!(unanswered_after(&mbway, HOUR), (true, true));
}

#[test]
fn checks_end_after_sixty_days_and_not_a_moment_before() {
    let open = Ledger::after([register(Some("Pending"))]);
    assert_eq!(unanswered_after(&open, CHECKS_END_AFTER - MILLISECOND), (true, true));
    assert_eq!(unanswered_after(&open, CHECKS_END_AFTER), (true, false));
}

#[test]
fn a_dispute_lapses_when_its_checks_end() {
    let mut disputed = Ledger::after([register(Some("Pending"))]);
    disputed.rules.recheck_success_after = None;
    disputed.answer("Success");
    disputed.apply(&notify(notification("n-1", "Declined")));
    assert!(disputed.transaction().is_disputed());
    assert_eq!(unanswered_after(&disputed, CHECKS_END_AFTER - MILLISECOND), (false, true));
    assert_eq!(unanswered_after(&disputed, CHECKS_END_AFTER), (true, false));
    disputed.rules.recheck_success_after = Some(CHECKS_END_AFTER + HOUR);
    disputed.stored = None;
    disputed.answer("Success");
    disputed.apply(&notify(notification("n-1", "Declined")));
    assert_eq!(unanswered_after(&disputed, CHECKS_END_AFTER), (true, true), "the recheck is still to come");
}

#[test]
fn a_clock_is_ahead_by_more_than_an_hour() {
    let mut ledger = Ledger::new();
    ledger.answer("Success");
    let behind = Timestamp::from_millis(ledger.transaction().sequence) - CLOCK_TOLERANCE;
    let is_ahead_of = |now| ledger.transaction().is_ahead_of(now);
    assert_eq!((is_ahead_of(behind - MILLISECOND), is_ahead_of(behind)), (true, false));
}

#[test]
fn retry_after_is_honoured() {
    for (retry_after, kept) in [(10 * MINUTE, 9 * MINUTE), (9 * HOUR, 54 * MINUTE)] {
        let mut ledger = Ledger::after([register(Some("Pending"))]);
        let no_answer = NoAnswer { kind: NoAnswerKind::Unavailable, retry_after: Some(retry_after) };
        ledger.apply(&Evidence::NoAnswer(no_answer));
        let next = ledger.transaction().next_check_at.unwrap();
        assert!(next.since(ledger.now) >= kept && next.since(ledger.now) <= retry_after.min(HOUR), "{next}");
    }
}

#[test]
fn moments_are_counted_in_milliseconds_and_never_before_the_epoch() {
    let at = Timestamp::from_millis(61_234);
    assert_eq!((at.millis(), at.seconds()), (61_234, 61));
    assert_eq!(at - MINUTE, Timestamp::from_millis(1_234));
    assert_eq!(at - HOUR, Timestamp::from_millis(0));
}

#[test]
fn a_final_status_is_written_as_spg_writes_it() {
    for &status in FinalStatus::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.to_string());
        assert_eq!(status.to_string(), status.as_str());
    }
}
