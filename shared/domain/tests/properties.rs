//! What must hold for every order, duplication and timing of evidence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may give up loudly"
)]

mod support;

use std::time::Duration;

use proptest::prelude::*;
use spg_domain::{
    ChangeKind, Disposition, Evidence, FinalStatus, NoAnswerKind, Notification, PaymentStatus, Source, Transaction,
};
use support::{Ledger, answer, no_answer, notification, notify, register};

const STATUSES: [&str; 7] = ["Partial", "Pending", "InProcessing", "Success", "Declined", "Error", "Timeout"];

fn any_status() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(STATUSES.as_slice())
}

fn any_no_answer() -> impl Strategy<Value = NoAnswerKind> {
    use NoAnswerKind as S;
    proptest::sample::select(vec![S::NotFound, S::Unauthorised, S::RateLimited, S::Unavailable, S::Outage])
}

/// Any evidence; the version that an answer speaks for is up to `lag` older than the stored one.
#[derive(Debug, Clone)]
enum Piece {
    Notification(u8, &'static str),
    Registration(Option<&'static str>),
    Answer(&'static str, u64),
    NoAnswer(NoAnswerKind),
    Wait(u32),
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => (0..6u8, any_status()).prop_map(|(n, s)| Piece::Notification(n, s)),
        1 => proptest::option::of(any_status()).prop_map(Piece::Registration),
        4 => (any_status(), 0..3u64).prop_map(|(s, lag)| Piece::Answer(s, lag)),
        1 => any_no_answer().prop_map(Piece::NoAnswer),
        2 => (0..200_000u32).prop_map(Piece::Wait),
    ]
}

fn take(ledger: &mut Ledger, piece: &Piece) -> Option<(Evidence, Disposition)> {
    let evidence = match piece {
        Piece::Notification(n, status) => notify(notification(&format!("n{n}"), status)),
        Piece::Registration(status) => register(*status),
        Piece::Answer(status, lag) => answer(status, ledger.version().saturating_sub(*lag)),
        Piece::NoAnswer(kind) => no_answer(*kind),
        Piece::Wait(seconds) => {
            ledger.wait(Duration::from_secs(u64::from(*seconds)));
            return None;
        }
    };
    let disposition = ledger.apply(&evidence);
    Some((evidence, disposition))
}

/// C.4's order, in the test's own words.
fn rank(status: &PaymentStatus) -> usize {
    ["Pending", "InProcessing"].iter().position(|it| *it == status.as_str()).map_or(0, |at| at + 1)
        + 3 * usize::from(status.as_final().is_some())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_rules_hold_after_every_piece_of_evidence(pieces in proptest::collection::vec(piece(), 1..40)) {
        let mut ledger = Ledger::new();
        for piece in &pieces {
            let before = ledger.stored.clone();
            let writes = ledger.writes.len();
            let Some((evidence, _)) = take(&mut ledger, piece) else { continue };
            let Some(after) = ledger.stored.clone() else { continue };
            prop_assert!(ledger.writes.len() <= writes + 1);

            // Versions rise by one with each write, the sequence with each published one, at least to the clock.
            let (version, sequence) = before.as_ref().map_or((0, 0), |t| (t.version, t.sequence));
            let wrote = (ledger.writes.len() - writes) as u64;
            prop_assert_eq!(after.version, version + wrote);
            let published = wrote == 1 && after.change.is_published();
            let next = (sequence + 1).max(ledger.now.millis());
            prop_assert_eq!(after.sequence, if published { next } else { sequence });

            // Final never goes back; only a status answer finalises or corrects.
            let was = before.as_ref().map(Transaction::status);
            if let Some(PaymentStatus::Final(_)) = was {
                prop_assert!(after.status().as_final().is_some());
            }
            if was.as_ref() != Some(&after.status()) && after.status().as_final().is_some() {
                let answered = matches!(evidence, Evidence::Answer { .. });
                prop_assert!(answered);
                prop_assert_eq!(after.history.last().unwrap().source, Source::StatusApi);
            }
            if let Some(was) = &was {
                prop_assert!(rank(&after.status()) >= rank(was));
            }

            // Nothing open or disputed is without a next check or a mark for people; TTL only when settled.
            let unsettled = after.status().as_final().is_none() || after.is_disputed();
            prop_assert!(!unsettled || after.next_check_at.is_some() || !after.attention.is_empty());
            prop_assert_eq!(after.expires_at.is_some(), !unsettled);
            prop_assert!(after.history.windows(2).all(|w| Some(&w[0].to) == w[1].from.as_ref()));
        }
    }

    #[test]
    fn every_step_can_run_twice(pieces in proptest::collection::vec(piece(), 1..25)) {
        let mut ledger = Ledger::new();
        for piece in &pieces {
            let Some((evidence, first)) = take(&mut ledger, piece) else { continue };
            if let Evidence::Notification { .. } | Evidence::Registration { .. } = evidence {
                let before = ledger.stored.clone();
                let second = ledger.apply(&evidence);
                prop_assert_eq!(&before, &ledger.stored, "{:?} then {:?}", first, second);
            }
        }
    }

    /// Any order and any duplication of notifications, under one fixed sequence of status answers, ends in the same status and
    /// the same outcomes.
    #[test]
    fn order_and_duplication_do_not_matter(
        (notifications, shuffled) in notifications().prop_flat_map(|all| (Just(all.clone()), shuffled(all))),
        answers in answers(),
    ) {
        let one = run(&notifications, &answers);
        let other = run(&shuffled, &answers);
        prop_assert_eq!(one, other);
    }
}

fn notifications() -> impl Strategy<Value = Vec<Notification>> {
    proptest::collection::vec(any_status(), 1..5).prop_map(|statuses| {
        let named = |(n, status): (usize, &&str)| notification(&format!("n{n}"), status);
        statuses.iter().enumerate().map(named).collect()
    })
}

fn shuffled(all: Vec<Notification>) -> impl Strategy<Value = Vec<Notification>> {
    let duplicates = proptest::collection::vec(proptest::sample::select(all.clone()), 0..4);
    duplicates.prop_flat_map(move |more| Just([all.clone(), more].concat()).prop_shuffle())
}

/// What the Status API says, query by query: some time nothing final, then one final state, or a second one that corrects it.
/// The last is repeated for ever.
fn answers() -> impl Strategy<Value = Vec<&'static str>> {
    let not_final = proptest::sample::select(&["Pending", "InProcessing", "Partial"][..]);
    let is_final = proptest::sample::select(FinalStatus::ALL.iter().map(|status| status.as_str()).collect::<Vec<_>>());
    let parts = (proptest::collection::vec(not_final, 0..5), proptest::collection::vec(is_final, 1..3));
    parts.prop_map(|(open, settled)| [open, settled].concat())
}

/// Delivers all, asking as the processor does, then sweeps until nothing is due. Returns the status and the outcomes.
fn run(notifications: &[Notification], answers: &[&str]) -> (PaymentStatus, Vec<(ChangeKind, PaymentStatus)>) {
    let mut ledger = Ledger::new();
    let mut queried = 0;
    let mut next = |version: u64| {
        let said = answers[queried.min(answers.len() - 1)];
        queried += 1;
        answer(said, version)
    };
    for notification in notifications {
        let evidence = notify(notification.clone());
        match ledger.apply(&evidence) {
            Disposition::Claimed | Disposition::Disputed => {
                let evidence = next(ledger.version());
                ledger.apply(&evidence);
            }
            _ => {}
        }
        ledger.wait(Duration::from_secs(1));
    }
    while let Some(at) = ledger.transaction().next_check_at {
        ledger.now = ledger.now.max(at);
        let evidence = next(ledger.version());
        ledger.apply(&evidence);
    }
    let outcome = |write: &spg_domain::Write| (write.transaction.change, write.transaction.status());
    let outcomes = ledger.writes.iter().filter(|w| w.transaction.change.is_published()).map(outcome).collect();
    (ledger.transaction().status(), outcomes)
}
