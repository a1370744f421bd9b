//! What a notification or a registration does: it opens, advances, claims, and never finalises (rules 1, 2, 5, 6).

use crate::transition::Transition;
use crate::{
    AttentionReason, Claims, Disposition, Facts, Lifecycle, NOTIFICATIONS_MAX, Notification, NotificationRecord, Open,
    OpenStatus, PaymentStatus, ReferenceStatus, Registration, Rules, Source, Timestamp, TransactionId,
};

impl Notification {
    /// Opens the transaction.
    pub(crate) fn open<'r>(
        &self,
        id: &TransactionId,
        received_at: Timestamp,
        rules: &'r Rules,
        now: Timestamp,
    ) -> (Transition<'r>, Disposition) {
        let claim = self.claim();
        let other_merchants = rules.is_other_merchants(&self.facts);
        let status = opening_status(claim.as_ref());
        let lifecycle = if other_merchants { Lifecycle::OtherMerchants(status) } else { open(status) };
        let mut to = Transition::open(id, lifecycle, &self.facts, Source::Notification, received_at, rules, now);
        let disposition = match claim {
            _ if other_merchants => Disposition::OtherMerchants,
            Some(PaymentStatus::Final(status)) => to.claim(status),
            Some(PaymentStatus::Open(_)) | None => Disposition::Opened,
        };
        to.record(&self.notification_id, self.record(id, received_at, disposition));
        (to, disposition)
    }

    /// Takes it in where the transaction is known.
    pub(crate) fn apply(&self, to: &mut Transition<'_>, received_at: Timestamp) -> Disposition {
        let stored = to.transaction();
        let id = stored.id.clone();
        if let Some(seen) = stored.notifications.get(&self.notification_id) {
            let same = seen.hash == self.content_hash(Some(&id));
            return if same { Disposition::Duplicate } else { Disposition::Conflicting };
        }
        let full = stored.notifications.len() >= NOTIFICATIONS_MAX;
        // What is known as the merchant's own stays so, whichever terminal a notification names: its claims count.
        let other_merchants = stored.is_other_merchants() && to.rules().is_other_merchants(&self.facts);
        let disposition = if other_merchants { Disposition::OtherMerchants } else { self.apply_to_own(to) };
        if full {
            to.raise(AttentionReason::TooManyNotifications);
            return Disposition::Unrecorded;
        }
        to.record(&self.notification_id, self.record(&id, received_at, disposition));
        disposition
    }

    fn apply_to_own(&self, to: &mut Transition<'_>) -> Disposition {
        let paid_before = to.transaction().notifications.values().any(|seen| seen.reference_paid);
        learn(to, &self.facts);
        to.adopt();
        if paid_before && self.reference_paid() {
            to.raise(AttentionReason::PaidAgain);
        }
        match self.claim() {
            Some(PaymentStatus::Final(status)) => to.claim(status),
            Some(PaymentStatus::Open(status)) => to.advance(status, Source::Notification),
            None => Disposition::Noted,
        }
    }

    /// What its status means.
    fn claim(&self) -> Option<PaymentStatus> {
        self.payment_status.as_ref().map(|status| self.facts.effective(status))
    }

    fn reference_paid(&self) -> bool {
        self.facts.reference_status == Some(ReferenceStatus::Paid)
    }

    fn record(&self, id: &TransactionId, received_at: Timestamp, disposition: Disposition) -> NotificationRecord {
        NotificationRecord {
            received_at,
            status: self.payment_status.clone(),
            hash: self.content_hash(Some(id)),
            disposition,
            reference_paid: self.reference_paid(),
        }
    }
}

impl Registration {
    /// Opens the transaction.
    pub(crate) fn open<'r>(
        &self,
        id: &TransactionId,
        received_at: Timestamp,
        rules: &'r Rules,
        now: Timestamp,
    ) -> (Transition<'r>, Disposition) {
        let claim = self.payment_status.as_ref().map(|status| self.facts.effective(status));
        let lifecycle = open(opening_status(claim.as_ref()));
        let mut to = Transition::open(id, lifecycle, &self.facts, Source::Registration, received_at, rules, now);
        if let Some(status) = claim.as_ref().and_then(PaymentStatus::as_final) {
            to.claim(status);
        }
        (to, Disposition::Opened)
    }

    /// Takes it in where the transaction is known.
    pub(crate) fn apply(&self, to: &mut Transition<'_>) -> Disposition {
        let disposition = learn(to, &self.facts);
        // What the merchant registers is the merchant's own, whichever terminal a notification named.
        to.adopt();
        disposition
    }
}

fn open(status: OpenStatus) -> Lifecycle {
    Lifecycle::Open(Open { status, claims: Claims::new() })
}

/// A final claim opens the transaction as Pending (rule 1); so does a notification that says no status at all.
fn opening_status(claim: Option<&PaymentStatus>) -> OpenStatus {
    match claim {
        None | Some(PaymentStatus::Final(_)) => OpenStatus::Pending,
        Some(PaymentStatus::Open(status)) => status.clone(),
    }
}

/// Fills absent facts; amounts that differ need attention (rule 8).
fn learn(to: &mut Transition<'_>, facts: &Facts) -> Disposition {
    let before = to.transaction().facts.clone();
    to.learn(facts);
    let after = &to.transaction().facts;
    let learned = before != *after;
    let learned_type = before.payment_type.is_none() && after.payment_type.is_some();
    let untyped_success = learned_type && to.transaction().status() == PaymentStatus::SUCCESS;
    for reason in before.mismatches(facts) {
        to.raise(reason);
    }
    if untyped_success {
        // It was not called paid for want of a type: only an answer may change that.
        to.recheck_now();
    }
    if learned { Disposition::Filled } else { Disposition::Noted }
}
