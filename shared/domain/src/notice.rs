//! What a notification or a registration does: it opens, advances, claims, and never finalises (rules 1, 2, 5, 6).

use crate::draft::Draft;
use crate::{
    AttentionReason, ChangeKind, Disposition, FinalStatus, NOTIFICATIONS_MAX, Notification, NotificationRecord,
    PaymentStatus, ReferenceStatus, Registration, Source, Timestamp,
};

pub(crate) fn notification(draft: &mut Draft<'_>, notification: &Notification, received_at: Timestamp) -> Disposition {
    let hash = notification.content_hash(Some(draft.id()));
    let id = &notification.notification_id;
    if let Some(seen) = draft.transaction().and_then(|t| t.notifications.get(id)) {
        return if seen.hash == hash { Disposition::Duplicate } else { Disposition::Conflicting };
    }
    let full = draft.transaction().is_some_and(|t| t.notifications.len() >= NOTIFICATIONS_MAX);
    // What is known as ours stays ours, whichever terminal a notification names: its claims must be heard.
    let ours_already = draft.transaction().is_some_and(|t| !t.foreign);
    let disposition = if draft.rules.is_foreign(&notification.facts) && !ours_already {
        foreign(draft, notification, received_at)
    } else {
        ours(draft, notification, received_at)
    };
    if full {
        draft.raise(AttentionReason::TooManyNotifications);
        return Disposition::Unrecorded;
    }
    let reference_paid = notification.facts.reference_status == Some(ReferenceStatus::Paid);
    let record = NotificationRecord {
        received_at,
        status: notification.payment_status.clone(),
        hash,
        disposition,
        reference_paid,
    };
    draft.record(id, record);
    disposition
}

pub(crate) fn registration(draft: &mut Draft<'_>, registration: &Registration, received_at: Timestamp) -> Disposition {
    let claim = registration.payment_status.as_ref().map(|s| registration.facts.effective(s));
    if draft.transaction().is_none() {
        draft.open(opening_status(claim.as_ref()), Source::Registration, &registration.facts, received_at);
        if let Some(status) = claim.as_ref().and_then(PaymentStatus::as_final) {
            claim_final(draft, status);
        }
        return Disposition::Opened;
    }
    let disposition = learn(draft, &registration.facts);
    // What the merchant registers is the merchant's own, whichever terminal a notification named.
    adopt(draft);
    disposition
}

/// A notification of another merchant's terminal: it is kept, and asks nothing.
fn foreign(draft: &mut Draft<'_>, notification: &Notification, received_at: Timestamp) -> Disposition {
    if draft.transaction().is_none() {
        let status = opening_status(notification.payment_status.as_ref());
        draft.open(status, Source::Notification, &notification.facts, received_at).foreign = true;
    }
    Disposition::Foreign
}

fn ours(draft: &mut Draft<'_>, notification: &Notification, received_at: Timestamp) -> Disposition {
    let claim = notification.payment_status.as_ref().map(|s| notification.facts.effective(s));
    let paid_before = draft.transaction().is_some_and(|t| t.notifications.values().any(|n| n.reference_paid));
    let opens = draft.transaction().is_none();
    if opens {
        draft.open(opening_status(claim.as_ref()), Source::Notification, &notification.facts, received_at);
    } else {
        learn(draft, &notification.facts);
        adopt(draft);
    }
    if paid_before && notification.facts.reference_status == Some(ReferenceStatus::Paid) {
        draft.raise(AttentionReason::PaidAgain);
    }
    match claim {
        Some(PaymentStatus::Final(status)) => claim_final(draft, status),
        Some(status @ (PaymentStatus::Pending | PaymentStatus::InProcessing | PaymentStatus::Other(_))) if !opens => {
            advance(draft, status)
        }
        _ if opens => Disposition::Opened,
        _ => Disposition::Noted,
    }
}

/// A final claim opens the transaction as Pending (rule 1); so does a notification that says no status at all.
fn opening_status(claim: Option<&PaymentStatus>) -> PaymentStatus {
    match claim {
        None | Some(PaymentStatus::Final(_) | PaymentStatus::Pending) => PaymentStatus::Pending,
        Some(status @ (PaymentStatus::InProcessing | PaymentStatus::Other(_))) => status.clone(),
    }
}

/// A final claim is a reason to ask (rule 1), and against another final state a doubt (rule 5).
fn claim_final(draft: &mut Draft<'_>, claim: FinalStatus) -> Disposition {
    let now = draft.now;
    let Some(transaction) = draft.transaction_mut() else { return Disposition::Noted };
    let disposition = match transaction.status.as_final() {
        Some(status) if status == claim => return Disposition::Agreed,
        Some(_) => {
            transaction.agreed_since = None;
            Disposition::Doubted
        }
        None => Disposition::Claimed,
    };
    transaction.claims.insert(claim, now);
    draft.wants_answer = true;
    draft.due_now = true;
    disposition
}

/// A non-final status moves up, or is noted (rules 2 and 3).
fn advance(draft: &mut Draft<'_>, status: PaymentStatus) -> Disposition {
    let rank = draft.transaction().map_or(0, |t| t.status.rank());
    if status.rank() <= rank {
        return Disposition::Noted;
    }
    draft.change_status(status, Source::Notification, ChangeKind::Advanced);
    Disposition::Advanced
}

/// Fills absent facts; amounts that differ need attention (rule 8).
fn learn(draft: &mut Draft<'_>, facts: &crate::Facts) -> Disposition {
    let now = draft.now;
    let Some(transaction) = draft.transaction_mut() else { return Disposition::Noted };
    let before = transaction.facts.clone();
    transaction.facts.fill_from(facts);
    if transaction.status.as_final().is_some() {
        // The Status API has spoken: the late notification of a reference's generation does not make it unpaid.
        transaction.facts.reference_status = before.reference_status;
    }
    let learned = before != transaction.facts;
    let learned_type = before.payment_type.is_none() && transaction.facts.payment_type.is_some();
    let unpaid_success = transaction.status == PaymentStatus::SUCCESS && learned_type;
    if unpaid_success {
        transaction.ask_once_more(now);
    }
    for reason in before.mismatches(facts) {
        draft.raise(reason);
    }
    if unpaid_success {
        // It was not called paid for want of a type: only an answer may change that.
        draft.wants_answer = true;
        draft.due_now = true;
    }
    if learned { Disposition::Filled } else { Disposition::Noted }
}

/// A transaction that only foreign terminals were known of turns out to be ours.
fn adopt(draft: &mut Draft<'_>) {
    let Some(transaction) = draft.transaction_mut().filter(|transaction| transaction.foreign) else { return };
    transaction.foreign = false;
    let facts = &transaction.facts;
    let claimed = |record: &NotificationRecord| {
        let status = record.status.as_ref()?;
        if record.reference_paid { status.as_final() } else { facts.effective(status).as_final() }
    };
    // What was only recorded is heard now.
    let claims: Vec<FinalStatus> = transaction.notifications.values().filter_map(claimed).collect();
    draft.due_now = true;
    for claim in claims {
        claim_final(draft, claim);
    }
}
