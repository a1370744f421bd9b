//! A restored table: whatever was published after the snapshot, a consumer that keeps the highest sequence ends with the truth.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use spg_domain::{
    ChangeKind, Confirmation, Evidence, FinalStatus, NOTIFICATIONS_MAX, NoAnswerKind, OutcomeDetail, OutcomeEvent,
    PaymentStatus, Transaction, restore,
};
use support::{Ledger, no_answer, notification, notify, register};

/// What the world outside knows: every eventId that was ever published, and what a consumer holds.
#[derive(Default)]
struct World {
    ids: BTreeSet<String>,
    held: Option<OutcomeDetail>,
}

impl World {
    /// Publishes what `transaction` says, if its last write said that something is to be published.
    fn hear(&mut self, transaction: &Transaction) {
        if !transaction.change.is_published() {
            return;
        }
        let detail = OutcomeEvent::latest(transaction).unwrap().detail;
        assert!(self.ids.insert(detail.event_id.clone()), "{} was used before", detail.event_id);
        if self.held.as_ref().is_none_or(|held| held.sequence < detail.sequence) {
            self.held = Some(detail);
        }
    }

    fn answer(&mut self, ledger: &mut Ledger, status: &str) {
        let writes = ledger.writes.len();
        ledger.answer(status);
        if ledger.writes.len() > writes {
            self.hear(ledger.transaction());
        }
    }

    fn held_status(&self) -> Option<&str> {
        self.held.as_ref().map(|held| held.payment_status.as_str())
    }
}

/// Every history of up to three answers, a snapshot after each step, every truth: SPG's, at the time of the restore.
#[test]
fn a_consumer_ends_with_the_truth_whatever_was_published_after_the_snapshot() {
    let statuses = ["Pending", "Success", "Declined"];
    let mut checked = 0;
    for first in statuses {
        for second in statuses {
            for third in statuses {
                for truth in ["Success", "Declined"] {
                    for snapshot_after in 0..=3 {
                        check(&[first, second, third], snapshot_after, truth);
                        checked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(checked, 216);
}

fn check(answers: &[&str], snapshot_after: usize, truth: &str) {
    let mut world = World::default();
    let mut ledger = Ledger::after([register(None)]);
    let mut snapshot = ledger.transaction().clone();
    for (index, answer) in answers.iter().enumerate() {
        ledger.wait(Duration::from_secs(60));
        world.answer(&mut ledger, answer);
        if index < snapshot_after {
            snapshot = ledger.transaction().clone();
        }
    }
    // The table is lost, and restored.
    ledger.wait(Duration::from_secs(3600));
    let write = restore(snapshot, None, ledger.now).unwrap();
    assert_eq!(write.expected_version, None);
    world.hear(&write.transaction);
    let before = world.held_status().map(str::to_owned);
    ledger.stored = Some(write.transaction);
    assert_eq!(world.held_status().map(str::to_owned), before, "the restore itself publishes nothing");
    assert_eq!(ledger.transaction().next_check_at, Some(ledger.now), "it is due");
    world.answer(&mut ledger, truth);
    assert_eq!(world.held_status(), Some(truth), "{answers:?}, snapshot after {snapshot_after}");
    assert_eq!(ledger.transaction().status().as_str(), truth);
    let published = ledger.published();
    ledger.wait(Duration::from_secs(3600));
    world.answer(&mut ledger, truth);
    assert_eq!(ledger.published(), published, "it is published once");
}

#[test]
fn no_answer_leaves_a_restored_transaction_due_and_untold() {
    let mut ledger = Ledger::after([register(None)]);
    ledger.answer("Success");
    ledger.stored = Some(restore(ledger.transaction().clone(), None, ledger.now).unwrap().transaction);
    ledger.apply(&no_answer(NoAnswerKind::Outage));
    let transaction = ledger.transaction();
    assert!(matches!(ledger.as_final().confirmation, Confirmation::BeforeRestore(_)));
    assert!(transaction.next_check_at.is_some());
    assert_eq!(transaction.change, ChangeKind::Noted);
}

#[test]
fn what_is_there_and_as_new_is_kept() {
    let mut ledger = Ledger::after([register(None)]);
    let snapshot = ledger.transaction().clone();
    ledger.answer("Success");
    assert_eq!(restore(snapshot.clone(), Some(ledger.transaction()), ledger.now), None);
    assert_eq!(restore(snapshot.clone(), Some(&snapshot), ledger.now), None);
    let restored = restore(snapshot.clone(), None, ledger.now).unwrap().transaction;
    assert_eq!(restore(snapshot, Some(&restored), ledger.now), None, "twice does nothing");
}

#[test]
fn what_has_come_in_meanwhile_is_kept() {
    let mut ledger = Ledger::after([register(None), notify(notification("n1", "InProcessing"))]);
    ledger.answer("Success");
    let snapshot = ledger.transaction().clone();
    let fresh = Ledger::after([notify(notification("n2", "Declined"))]);
    let write = restore(snapshot.clone(), Some(fresh.transaction()), ledger.now).unwrap();
    assert_eq!(write.expected_version, Some(1));
    let restored = write.transaction;
    let ids: Vec<_> = restored.notifications.keys().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["n1", "n2"]);
    assert_eq!((restored.status().as_str(), restored.is_disputed()), ("Success", true));
    assert_eq!((restored.version, restored.sequence), (snapshot.version + 1, snapshot.sequence));
    let agreeing = Ledger::after([notify(notification("n2", "Success"))]);
    let restored = restore(snapshot, Some(agreeing.transaction()), ledger.now).unwrap().transaction;
    assert!(!restored.is_disputed(), "what was claimed meanwhile is the final state itself");
}

#[test]
fn no_more_notifications_are_merged_than_are_remembered() {
    let mut ledger = Ledger::after((0..NOTIFICATIONS_MAX).map(|n| notify(notification(&format!("n{n}"), "Pending"))));
    ledger.answer("Success");
    let fresh = Ledger::after([notify(notification("one-more", "Pending"))]);
    let restored = restore(ledger.transaction().clone(), Some(fresh.transaction()), ledger.now).unwrap().transaction;
    assert_eq!(restored.notifications.len(), NOTIFICATIONS_MAX);
}

/// The snapshot knows only another terminal's claim, and the payment was registered since.
#[test]
fn what_was_only_recorded_counts_when_it_turns_out_to_be_ours() {
    let mut other_merchants = Ledger::new();
    other_merchants.rules.terminal_ids = Some(["77".to_owned()].into());
    other_merchants.apply(&notify(notification("n1", "Declined")));
    other_merchants.apply(&notify(notification("n2", "Declined")));
    assert!(other_merchants.transaction().is_other_merchants());
    let registered = Ledger::after([register(None)]);
    let write =
        restore(other_merchants.transaction().clone(), Some(registered.transaction()), other_merchants.now).unwrap();
    other_merchants.stored = Some(write.transaction);
    assert_eq!(other_merchants.claims(), [FinalStatus::Declined]);
}

/// A stream that goes on after the loss must not see a version twice.
#[test]
fn what_was_lost_comes_home_as_the_next_version() {
    let mut ledger = Ledger::after([register(None), notify(notification("n1", "InProcessing"))]);
    ledger.answer("Success");
    let snapshot = ledger.transaction().clone();
    assert!(snapshot.version > 1);
    let write = restore(snapshot.clone(), None, ledger.now).unwrap();
    assert_eq!((write.expected_version, write.transaction.version), (None, snapshot.version + 1));
}

#[test]
fn a_state_that_an_answer_made_final_meanwhile_is_never_taken_back() {
    let mut ledger = Ledger::after([register(None), notify(notification("n1", "InProcessing"))]);
    ledger.apply(&notify(notification("n2", "Pending")));
    let snapshot = ledger.transaction().clone();
    let mut fresh = Ledger::new();
    fresh.apply_all(&[notify(notification("n3", "Declined")), support::answer("Declined", 0)]);
    assert!(fresh.transaction().version < snapshot.version);
    let restored = restore(snapshot, Some(fresh.transaction()), ledger.now).unwrap().transaction;
    assert_eq!(restored.status(), PaymentStatus::parse("Declined").unwrap());
    assert_eq!(restored.notifications.len(), 3);
    assert_eq!(restored.sequence, fresh.transaction().sequence, "the highest of both");
}

/// The table is lost, a repeated webhook opens the transaction anew, and only then is it restored.
#[test]
fn what_was_opened_anew_since_is_merged_however_many_writes_it_has() {
    let mut world = World::default();
    let mut ledger = Ledger::after([notify(notification("n1", "Pending"))]);
    let snapshot = ledger.transaction().clone();
    world.answer(&mut ledger, "Success");
    world.answer(&mut ledger, "Declined");
    ledger.stored = None;
    ledger.wait(Duration::from_secs(3600));
    let mut late = notify(notification("n2", "Success"));
    if let Evidence::Notification { received_at, .. } = &mut late {
        *received_at = ledger.now;
    }
    for evidence in [late, notify(notification("n3", "InProcessing"))] {
        ledger.apply(&evidence);
    }
    let present = ledger.transaction().clone();
    assert!(present.version > snapshot.version);
    let write = restore(snapshot.clone(), Some(&present), ledger.now).unwrap();
    assert_eq!(write.expected_version, Some(present.version));
    assert_eq!((write.transaction.version, write.transaction.notifications.len()), (present.version + 1, 3));
    assert_eq!(restore(snapshot, Some(&write.transaction), ledger.now), None, "twice does nothing");
    ledger.stored = Some(write.transaction);
    world.answer(&mut ledger, "Success");
    assert_eq!(world.held_status(), Some("Success"));
}

#[test]
fn what_was_told_before_the_snapshot_keeps_its_sequence() {
    let mut ledger = Ledger::after([register(None)]);
    ledger.answer("Success");
    let told = OutcomeEvent::latest(ledger.transaction()).unwrap();
    let sequence = told.detail.sequence;
    let restored = restore(ledger.transaction().clone(), None, ledger.now).unwrap().transaction;
    assert_eq!(OutcomeEvent::latest(&restored), Some(told), "republished as it was, whatever is known besides");
    ledger.stored = Some(restored);
    ledger.answer("Success");
    let next = OutcomeEvent::latest(ledger.transaction()).unwrap().detail;
    assert_eq!((next.reason.as_deref(), next.sequence > sequence), (Some("Restored"), true));
}
