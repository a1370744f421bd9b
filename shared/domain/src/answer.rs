//! What the Status API does: it alone finalises and corrects (rules 1, 3, 4, 7, 8, 10).

use crate::draft::{ANSWERED_NOW, Draft};
use crate::schedule::{Asked, CORRECTION_RECHECK_AFTER, DOUBT_WINDOW, UNKNOWN_AFTER};
use crate::{
    AttentionReason, ChangeKind, Disposition, FinalStatus, PaymentStatus, Silence, SilenceKind, Source, StatusAnswer,
};

pub(crate) fn answer(draft: &mut Draft<'_>, answer: &StatusAnswer, asked_version: u64) -> Disposition {
    draft.asked = Asked::Answered;
    draft.due_now = false;
    if answer.transaction_id.as_ref().is_some_and(|id| id != draft.id()) {
        draft.wants_answer = false;
        draft.raise(AttentionReason::TransactionIdMismatch);
        return Disposition::Blocked;
    }
    let now = draft.now;
    let transaction = match draft.transaction_mut() {
        Some(transaction) => transaction,
        None => draft.open(PaymentStatus::Pending, Source::StatusApi, &answer.facts, now),
    };
    transaction.silences = 0;
    let mut facts = transaction.facts.clone();
    let mismatches = facts.mismatches(&answer.facts);
    facts.overrule_by(&answer.facts);
    let said = facts.effective(&answer.payment_status);

    // Rule 7: someone wrote a later answer while this one was under way.
    let overtaken = transaction.answered_version != ANSWERED_NOW && transaction.answered_version > asked_version;
    if overtaken && said != transaction.status {
        transaction.ask_once_more(now);
        draft.wants_answer = true;
        draft.due_now = true;
        return Disposition::Overtaken;
    }
    if overtaken {
        draft.wants_answer = false;
        return Disposition::Agreed;
    }
    for reason in &mismatches {
        draft.raise(*reason);
    }
    match said {
        PaymentStatus::Final(status) => final_answer(draft, status, facts, !mismatches.is_empty()),
        PaymentStatus::Pending | PaymentStatus::InProcessing | PaymentStatus::Other(_) => {
            open_answer(draft, said, facts)
        }
    }
}

/// Nothing usable came back: when it is asked again is the schedule's matter.
pub(crate) fn silence(draft: &mut Draft<'_>, silence: &Silence) -> Disposition {
    let now = draft.now;
    let wanted = std::mem::take(&mut draft.wants_answer);
    draft.asked = Asked::Silent(*silence);
    if let Some(transaction) = draft.transaction_mut().filter(|t| wanted || t.next_check_at.is_some()) {
        transaction.silences = match silence.kind {
            SilenceKind::NotFound => 0,
            SilenceKind::Unavailable if !silence.outage => transaction.silences.saturating_add(1),
            SilenceKind::Unavailable | SilenceKind::Unauthorised => transaction.silences,
        };
    }
    let unknown = silence.kind == SilenceKind::NotFound
        && draft.transaction().is_some_and(|t| t.answered_version == 0 && now.since(t.first_seen_at) >= UNKNOWN_AFTER);
    if unknown {
        draft.raise(AttentionReason::Unknown);
    }
    Disposition::Unanswered
}

fn open_answer(draft: &mut Draft<'_>, said: PaymentStatus, facts: crate::Facts) -> Disposition {
    let Some(transaction) = draft.transaction_mut() else { return Disposition::Refused };
    if transaction.status.as_final().is_some() {
        // Rule 3. Whatever was due stays due.
        draft.wants_answer = false;
        return Disposition::Refused;
    }
    let (rank, claimed) = (transaction.status.rank(), !transaction.claims.is_empty());
    transaction.facts.fill_from(&facts);
    // SPG is eventually consistent: where a final state is claimed, the answer may only lag (C.7).
    draft.wants_answer = claimed;
    if said.rank() < rank {
        return Disposition::Refused;
    }
    draft.accept_answer();
    if said.rank() == rank {
        return Disposition::Noted;
    }
    draft.change_status(said, Source::StatusApi, ChangeKind::Advanced);
    Disposition::Advanced
}

fn final_answer(draft: &mut Draft<'_>, said: FinalStatus, facts: crate::Facts, mismatch: bool) -> Disposition {
    draft.wants_answer = false;
    let now = draft.now;
    let Some(transaction) = draft.transaction_mut() else { return Disposition::Refused };
    let stored = transaction.status.as_final();
    if stored == Some(said) {
        return agree(draft, said, facts, mismatch);
    }
    if mismatch && said == FinalStatus::Success {
        // Rule 8: not made Success. The claim stays, so that it is asked about again.
        transaction.claims.entry(said).or_insert(now);
        return Disposition::Blocked;
    }
    transaction.tell_again = false;
    let kept_amount = transaction.facts.amount.clone();
    transaction.facts = facts;
    if mismatch {
        transaction.facts.amount = kept_amount;
    }
    let type_unknown = said == FinalStatus::Success && transaction.facts.payment_type.is_none();
    transaction.confirmed_at = Some(now);
    transaction.claims.remove(&said);
    transaction.agreed_since = (!transaction.claims.is_empty()).then_some(now);
    let kind = if stored.is_some() { ChangeKind::Corrected } else { ChangeKind::Finalised };
    draft.change_status(PaymentStatus::Final(said), Source::StatusApi, kind);
    draft.accept_answer();
    draft.plan_recheck(said, stored.is_some());
    match stored {
        None => {}
        // C.4's post-authorisation decline.
        Some(FinalStatus::Success) if said == FinalStatus::Declined => draft.announce(kind, "PostAuthorisationDecline"),
        Some(_) => draft.unexpected_correction(),
    }
    if type_unknown {
        draft.raise(AttentionReason::PaymentTypeUnknown);
    }
    if stored.is_some() { Disposition::Corrected } else { Disposition::Finalised }
}

/// The answer confirms the stored final state: doubts run out, the recheck is done.
fn agree(draft: &mut Draft<'_>, said: FinalStatus, facts: crate::Facts, mismatch: bool) -> Disposition {
    let (now, recheck_after) = (draft.now, draft.rules.recheck_success_after);
    let Some(transaction) = draft.transaction_mut() else { return Disposition::Refused };
    let tell_again = transaction.tell_again && !mismatch;
    transaction.tell_again &= mismatch;
    let was_paid = transaction.paid();
    let now_paid = facts.paid(&transaction.status);
    if !mismatch {
        transaction.facts = facts;
    }
    transaction.claims.remove(&said);
    if !transaction.claims.is_empty() {
        let since = *transaction.agreed_since.get_or_insert(now);
        if now.since(since) >= DOUBT_WINDOW {
            transaction.claims.clear();
        }
    }
    if transaction.claims.is_empty() {
        transaction.agreed_since = None;
    }
    if transaction.recheck_at.is_some_and(|at| at <= now) {
        // It may have been brought forward: the recheck of a Success still comes at its time.
        let planned = transaction.confirmed_at.zip(recheck_after).map(|(confirmed, after)| confirmed + after);
        transaction.recheck_at = planned.filter(|at| *at > now && said == FinalStatus::Success);
    }
    draft.accept_answer();
    match (was_paid, now_paid) {
        _ if mismatch => {}
        (false, true) => draft.announce(ChangeKind::Corrected, "PaymentTypeLearned"),
        (true, false) => draft.unexpected_correction(),
        (true, true) | (false, false) if tell_again => draft.announce(ChangeKind::Corrected, "Restored"),
        (true, true) | (false, false) => {}
    }
    Disposition::Agreed
}

impl Draft<'_> {
    /// A correction is looked at again whatever the rules are: two answers have disagreed, and the later one may have lagged.
    fn plan_recheck(&mut self, said: FinalStatus, corrects: bool) {
        let success = self.rules.recheck_success_after.filter(|_| said == FinalStatus::Success);
        let correction = corrects.then_some(CORRECTION_RECHECK_AFTER);
        let at = [success, correction].into_iter().flatten().min().map(|after| self.now + after);
        if let Some(transaction) = self.transaction_mut() {
            transaction.recheck_at = at;
        }
    }

    /// Published each time, though the mark for people is set once.
    fn unexpected_correction(&mut self) {
        let now = self.now;
        if let Some(transaction) = self.transaction_mut() {
            transaction.attention.entry(AttentionReason::UnexpectedCorrection).or_insert(now);
        }
        self.announce_attention(ChangeKind::Corrected, AttentionReason::UnexpectedCorrection);
    }
}
