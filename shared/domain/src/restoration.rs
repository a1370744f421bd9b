//! A transaction from a restored table: docs/adr/0008 has the argument.

use crate::{ChangeKind, NOTIFICATIONS_MAX, Timestamp, Transaction, Write};

/// What a restored transaction's outcome is raised by. More than one transaction can have published since the snapshot: a published
/// change takes a write of its own, and a million of them take longer than any snapshot is kept.
pub const RESTORED_OUTCOME_STEP: u64 = 1_000_000;

/// Takes `snapshot`, out of a restored table, into the table that has `present`. None: what is there is as new, or newer.
///
/// The snapshot is older than what was published after it, so nothing of it is told as it is, and nothing of it is believed for
/// longer than it takes to ask:
///
/// - its outcome is raised above anything that can have been published, so that no eventId is used twice;
/// - it is due at `due_at`, whatever it is; and the answer is published even if it agrees, because consumers may have been told
///   something else since;
/// - the write itself publishes nothing; what was told last stays told under the outcome that it had.
///
/// One that was first seen after the snapshot's was opened anew, by what came in after the loss: however many writes it has, its
/// outcomes began at 1 again, so it is merged and raised too.
///
/// What has come in about the same transaction meanwhile is kept: its notifications, claims and reasons for attention; and its state,
/// if a status answer made it final.
pub fn restore(snapshot: Transaction, present: Option<&Transaction>, due_at: Timestamp) -> Option<Write> {
    let Some(present) = present else {
        let version = snapshot.version + 1;
        return Some(write(None, &snapshot, raised(snapshot.clone(), version, due_at)));
    };
    let opened_anew = present.first_seen_at > snapshot.first_seen_at;
    if present.version >= snapshot.version && !opened_anew {
        return None;
    }
    let version = snapshot.version.max(present.version) + 1;
    let (base, other) = if present.confirmed_at.is_some() { (present, &snapshot) } else { (&snapshot, present) };
    Some(write(Some(present.version), base, raised(merge(base.clone(), other), version, due_at)))
}

/// What `base` was told with stays under its own outcome.
fn write(expected_version: Option<u64>, base: &Transaction, mut transaction: Transaction) -> Write {
    transaction.keep_told(base);
    Write { expected_version, recorded: Vec::new(), raised: Vec::new(), transaction }
}

/// `base` with what only `other` knows.
fn merge(mut base: Transaction, other: &Transaction) -> Transaction {
    for (id, record) in &other.notifications {
        if base.notifications.len() < NOTIFICATIONS_MAX {
            base.notifications.entry(id.clone()).or_insert_with(|| record.clone());
        }
    }
    for (claim, at) in &other.claims {
        if base.status.as_final() != Some(*claim) {
            base.claims.entry(*claim).or_insert(*at);
        }
    }
    for (reason, at) in &other.attention {
        base.attention.entry(*reason).or_insert(*at);
    }
    base.facts.fill_from(&other.facts);
    base.first_seen_at = base.first_seen_at.min(other.first_seen_at);
    base.expires_at = base.expires_at.max(other.expires_at);
    base.outcome = base.outcome.max(other.outcome);
    base.foreign &= other.foreign;
    base
}

fn raised(mut transaction: Transaction, version: u64, due_at: Timestamp) -> Transaction {
    transaction.version = version;
    transaction.outcome += RESTORED_OUTCOME_STEP;
    transaction.change = ChangeKind::Noted;
    if transaction.foreign {
        return transaction;
    }
    transaction.next_check_at = Some(due_at);
    if transaction.status.as_final().is_some() {
        transaction.recheck_at = Some(due_at);
        transaction.tell_again = true;
    }
    transaction
}
