//! What the Status API does: it alone finalises and corrects (rules 1, 3, 4, 7, 8, 10).

use crate::schedule::{DISPUTE_ENDS_AFTER, UNKNOWN_AFTER};
use crate::transition::Transition;
use crate::{
    AttentionReason, ChangeKind, Claims, Confirmation, Disposition, Facts, Final, FinalStatus, Lifecycle, NoAnswer,
    NoAnswerKind, Open, OpenStatus, PaymentStatus, Rules, Source, StatusAnswer, Timestamp, TransactionId,
};

impl StatusAnswer {
    /// Opens a transaction that nothing but this answer is known of. None: the answer is about another one (rule 8).
    pub(crate) fn open<'r>(
        &self,
        id: &TransactionId,
        rules: &'r Rules,
        now: Timestamp,
    ) -> Option<(Transition<'r>, Disposition)> {
        if !self.is_about(id) {
            return None;
        }
        let lifecycle = Lifecycle::Open(Open { status: OpenStatus::Pending, claims: Claims::new() });
        let mut to = Transition::open(id, lifecycle, &self.facts, Source::StatusApi, now, rules, now);
        let disposition = self.apply(&mut to, 0);
        Some((to, disposition))
    }

    /// Takes it in where the transaction is known.
    pub(crate) fn apply(&self, to: &mut Transition<'_>, queried_version: u64) -> Disposition {
        to.answered();
        if !self.is_about(&to.transaction().id) {
            to.raise(AttentionReason::TransactionIdMismatch);
            return Disposition::Blocked;
        }
        to.clear_unanswered();
        let mut facts = to.transaction().facts.clone();
        let mismatches = facts.mismatches(&self.facts);
        facts.overrule_by(&self.facts);
        let said = facts.effective(&self.payment_status);
        if to.is_stale(queried_version) {
            if said == to.transaction().status() {
                return Disposition::Agreed;
            }
            to.recheck_now();
            return Disposition::Stale;
        }
        for reason in &mismatches {
            to.raise(*reason);
        }
        match said {
            PaymentStatus::Final(status) => final_answer(to, status, facts, &mismatches),
            PaymentStatus::Open(status) => open_answer(to, status, &facts),
        }
    }

    fn is_about(&self, id: &TransactionId) -> bool {
        self.transaction_id.as_ref().is_none_or(|it| it == id)
    }
}

impl NoAnswer {
    /// Takes in that nothing usable came back: when it is queried again is the schedule's matter.
    pub(crate) fn apply(self, to: &mut Transition<'_>) -> Disposition {
        to.unanswered(self);
        let is = to.transaction();
        let long_enough = to.now().since(is.first_seen_at) >= UNKNOWN_AFTER;
        if self.kind == NoAnswerKind::NotFound && is.answered_version.is_none() && long_enough {
            to.raise(AttentionReason::Unknown);
        }
        Disposition::Unanswered
    }
}

fn open_answer(to: &mut Transition<'_>, said: OpenStatus, facts: &Facts) -> Disposition {
    let rank = match &to.transaction().lifecycle {
        // Rule 3. Whatever was due stays due.
        Lifecycle::Final(_) => return Disposition::Refused,
        Lifecycle::OtherMerchants(status) => status.rank(),
        Lifecycle::Open(open) => open.status.rank(),
    };
    to.learn(facts);
    to.want_answer_while_claimed();
    if said.rank() < rank {
        return Disposition::Refused;
    }
    to.accept_answer();
    to.advance(said, Source::StatusApi)
}

fn final_answer(
    to: &mut Transition<'_>,
    said: FinalStatus,
    mut facts: Facts,
    mismatches: &[AttentionReason],
) -> Disposition {
    let matches = mismatches.is_empty();
    let (now, rules) = (to.now(), to.rules());
    if let Some(is) = to.final_mut().filter(|is| is.status == said) {
        is.confirm(now, rules);
        let restored = matches && is.end_restore();
        return agree(to, facts, matches, restored);
    }
    if !matches && said == FinalStatus::Success {
        to.keep_as_claim(said);
        return Disposition::Blocked;
    }
    if !matches {
        facts.amount.clone_from(&to.transaction().facts.amount);
    }
    let type_unknown = said == FinalStatus::Success && facts.payment_type.is_none();
    to.replace_facts(facts);
    let replaced = to.settle(said);
    to.accept_answer();
    match replaced {
        None => {}
        // C.4's post-authorisation decline.
        Some(FinalStatus::Success) if said == FinalStatus::Declined => {
            to.announce(ChangeKind::Corrected, "PostAuthorisationDecline");
        }
        Some(_) => to.mark(AttentionReason::UnexpectedCorrection),
    }
    if type_unknown {
        to.raise(AttentionReason::PaymentTypeUnknown);
    }
    if replaced.is_some() { Disposition::Corrected } else { Disposition::Finalised }
}

/// The answer confirms the final state; it may still change whether it is paid.
fn agree(to: &mut Transition<'_>, facts: Facts, matches: bool, restored: bool) -> Disposition {
    to.accept_answer();
    if !matches {
        return Disposition::Agreed;
    }
    let was_paid = to.transaction().paid();
    let now_paid = facts.paid(&to.transaction().status());
    to.replace_facts(facts);
    match (was_paid, now_paid) {
        (false, true) => to.announce(ChangeKind::Corrected, "PaymentTypeLearned"),
        (true, false) => {
            to.change_to(ChangeKind::Corrected);
            to.mark(AttentionReason::UnexpectedCorrection);
        }
        (true, true) | (false, false) if restored => to.announce(ChangeKind::Corrected, "Restored"),
        (true, true) | (false, false) => {}
    }
    Disposition::Agreed
}

impl Final {
    /// An answer agrees: a dispute runs out, a recheck that was due is done.
    fn confirm(&mut self, now: Timestamp, rules: &Rules) {
        if let Some(dispute) = &mut self.dispute {
            let since = *dispute.agreed_since.get_or_insert(now);
            if now.since(since) >= DISPUTE_ENDS_AFTER {
                self.dispute = None;
            }
        }
        if self.recheck_at.is_some_and(|at| at <= now) {
            // It may have been brought forward: the recheck of a Success still comes at its time.
            let planned = rules.recheck_success_after.map(|after| self.confirmation.at() + after);
            self.recheck_at = planned.filter(|at| *at > now && self.status == FinalStatus::Success);
        }
    }

    /// Whether it was confirmed before a restore only, which ends with the answer that has come now.
    fn end_restore(&mut self) -> bool {
        let restored = matches!(self.confirmation, Confirmation::BeforeRestore(_));
        self.confirmation = Confirmation::At(self.confirmation.at());
        restored
    }
}
