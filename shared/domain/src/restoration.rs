//! A transaction from a restored table: docs/adr/0008 has the argument.

use crate::{ChangeKind, Confirmation, Lifecycle, NOTIFICATIONS_MAX, Open, Timestamp, Transaction, Write};

/// Takes `snapshot`, out of a restored table, into the table that has `present`. None: what is there is as new, or newer.
///
/// The snapshot is older than what was published after it, so nothing of it is published as it is, and nothing of it is believed for
/// longer than it takes to ask:
///
/// - its next outcome has a later sequence than any that was published, because a sequence is a clock;
/// - it is due at `due_at`, whatever it is; and the answer is published even if it agrees, because consumers may have received
///   something else since;
/// - the write itself publishes nothing; what was published last stays published under the sequence that it had.
///
/// One that was first seen after the snapshot's was opened anew, by what came in after the loss: it is merged however many writes it
/// has.
///
/// What has come in about the same transaction meanwhile is kept: its notifications, claims and reasons for attention; and its state,
/// if a status answer made it final.
pub fn restore(snapshot: Transaction, present: Option<&Transaction>, due_at: Timestamp) -> Option<Write> {
    let version = snapshot.version.max(present.map_or(0, |present| present.version)) + 1;
    let (base, transaction) = match present {
        None => (snapshot.clone(), snapshot),
        Some(present) => {
            let opened_anew = present.first_seen_at > snapshot.first_seen_at;
            if present.version >= snapshot.version && !opened_anew {
                return None;
            }
            let present_is_final = present.lifecycle.as_final().is_some();
            let (base, other) = if present_is_final { (present, &snapshot) } else { (&snapshot, present) };
            (base.clone(), merge(base.clone(), other))
        }
    };
    let mut transaction = brought_back(transaction, version, due_at);
    // What `base` was published with stays under its own sequence.
    transaction.keep_published_facts(&base);
    let expected_version = present.map(|present| present.version);
    Some(Write { expected_version, recorded: Vec::new(), raised: Vec::new(), transaction })
}

/// `base` with what only `other` knows.
fn merge(mut base: Transaction, other: &Transaction) -> Transaction {
    for (id, record) in &other.notifications {
        if base.notifications.len() < NOTIFICATIONS_MAX {
            base.notifications.entry(id.clone()).or_insert_with(|| record.clone());
        }
    }
    for (reason, at) in &other.attention {
        base.attention.entry(*reason).or_insert(*at);
    }
    if let (Lifecycle::OtherMerchants(status), false) = (&base.lifecycle, other.is_other_merchants()) {
        base.lifecycle = Lifecycle::Open(Open { status: status.clone(), claims: base.recorded_claims().collect() });
    }
    for (claim, at) in other.lifecycle.claims().into_iter().flatten() {
        match &mut base.lifecycle {
            Lifecycle::OtherMerchants(_) => {}
            Lifecycle::Open(open) => _ = open.claims.entry(*claim).or_insert(*at),
            Lifecycle::Final(is) if is.status == *claim => {}
            Lifecycle::Final(is) => _ = is.dispute_mut().claims.entry(*claim).or_insert(*at),
        }
    }
    base.facts.fill_from(&other.facts);
    base.first_seen_at = base.first_seen_at.min(other.first_seen_at);
    base.expires_at = base.expires_at.max(other.expires_at);
    base.sequence = base.sequence.max(other.sequence);
    base
}

fn brought_back(mut transaction: Transaction, version: u64, due_at: Timestamp) -> Transaction {
    transaction.version = version;
    transaction.change = ChangeKind::Noted;
    match &mut transaction.lifecycle {
        Lifecycle::OtherMerchants(_) => return transaction,
        Lifecycle::Open(_) => {}
        Lifecycle::Final(is) => {
            is.recheck_at = Some(due_at);
            is.confirmation = Confirmation::BeforeRestore(is.confirmation.at());
        }
    }
    transaction.next_check_at = Some(due_at);
    transaction
}
