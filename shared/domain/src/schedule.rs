//! When a transaction is asked about next (rule 9). No randomness: the jitter comes from the transactionID and the version.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::{AttentionReason, FinalStatus, Silence, SilenceKind, Timestamp, Transaction};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Checks end this long after the transaction, the doubt or the recheck began.
pub const CHECKS_END_AFTER: Duration = Duration::from_secs(60 * 24 * 3600);
/// Answers that confirm the stored state for this long end a doubt (rule 5).
pub const DOUBT_WINDOW: Duration = DAY;
/// A final state that replaced another is asked about once more after this time: longer than SPG's Status API is seen to lag.
pub const CORRECTION_RECHECK_AFTER: Duration = Duration::from_secs(15 * 60);
/// A transaction that the Status API does not know for this long needs attention.
pub const UNKNOWN_AFTER: Duration = Duration::from_secs(15 * 60);
/// While nothing is answered at all, each question is repeated this soon: recovery is then seen within two minutes.
const OUTAGE_RETRY: Duration = Duration::from_secs(30);
/// While our credentials are refused, each question is repeated this soon: it is over when somebody has put the right ones.
const REFUSED_RETRY: Duration = Duration::from_secs(10 * 60);
/// What a Retry-After may postpone a question by, at most.
const RETRY_AFTER_MAX: Duration = HOUR;
/// A claim that is not confirmed is asked about again after half its age, within these bounds.
const CLAIM_DELAY_MIN: Duration = Duration::from_secs(15);

/// Whether the Status API was asked in this write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    No,
    Answered,
    Silent(Silence),
}

/// How a payment method's open transactions are asked about: after a quarter of their age, within bounds.
struct Curve {
    delay_min: Duration,
    delay_max: Duration,
    /// After this age the method does not explain an open transaction.
    lapses_after: Duration,
}

/// MB WAY approvals expire after about 4 minutes, 3-D Secure takes minutes, a Multibanco reference lives hours to days.
fn curve(transaction: &Transaction) -> Curve {
    match transaction.facts.payment_method.as_ref().map(crate::Word::as_str) {
        Some("REFERENCE") => Curve { delay_min: 10 * MINUTE, delay_max: 6 * HOUR, lapses_after: 30 * DAY },
        Some("MBWAY") => Curve { delay_min: 45 * SECOND, delay_max: DAY, lapses_after: HOUR },
        Some("CARD" | "XPAY" | "TOKEN") => Curve { delay_min: MINUTE, delay_max: DAY, lapses_after: DAY },
        Some(_) | None => Curve { delay_min: MINUTE, delay_max: DAY, lapses_after: 7 * DAY },
    }
}

/// The moment of the next question, or none where nothing is left to ask.
pub(crate) fn next_check(transaction: &Transaction, asked: Asked, due_now: bool, now: Timestamp) -> Option<Timestamp> {
    if transaction.foreign {
        return None;
    }
    let wanted = wanted(transaction, now);
    match asked {
        // Evidence alone may only bring it nearer, and only where it is a reason to ask.
        Asked::No if due_now => Some(transaction.next_check_at.map_or(now, |at| at.min(now))),
        // What is opened is asked about at least once, even if its first evidence says that it is too old for that.
        Asked::No => transaction.next_check_at.or(wanted).or((transaction.version == 0).then_some(now)),
        // The answer was overtaken and there was no time to ask again.
        Asked::Answered if due_now => Some(now),
        Asked::Answered => wanted,
        Asked::Silent(silence) => {
            let soonest = now + jittered(transaction, silence.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX));
            let soon = |delay| now + jittered(transaction, delay);
            let wanted = match silence.kind {
                _ if silence.outage => wanted.map(|_| soon(OUTAGE_RETRY)),
                SilenceKind::NotFound => wanted,
                SilenceKind::Unauthorised => wanted.map(|at| at.min(soon(REFUSED_RETRY))),
                SilenceKind::Unavailable => wanted.map(|at| at.min(soon(alone_retry(transaction)))),
            };
            wanted.map(|at| at.max(soonest))
        }
    }
}

/// It may be the first of an outage, so it is asked about soon; one that alone is never answered backs off to what its age wants.
fn alone_retry(transaction: &Transaction) -> Duration {
    OUTAGE_RETRY * (1 << transaction.silences.saturating_sub(1).min(12))
}

/// Marks what has been open or in doubt for longer than can be explained, once.
pub(crate) fn lapse(transaction: &mut Transaction, asked: Asked, now: Timestamp) -> Option<AttentionReason> {
    let asked = match asked {
        Asked::No => false,
        Asked::Answered | Asked::Silent(_) => true,
    };
    let explained = match transaction.status.as_final() {
        None => now.since(transaction.first_seen_at) < curve(transaction).lapses_after,
        Some(_) => doubt_since(transaction).is_none_or(|since| now.since(since) < CHECKS_END_AFTER),
    };
    let known = [AttentionReason::Lapsed, AttentionReason::Unknown].into_iter().any(|reason| transaction.knows(reason));
    if !asked || explained || known || transaction.foreign {
        return None;
    }
    transaction.attention.insert(AttentionReason::Lapsed, now);
    Some(AttentionReason::Lapsed)
}

/// The last check was made and nothing is settled: that needs a mark, also where a person has ended an earlier one (rule 9).
pub(crate) fn ended(transaction: &mut Transaction, asked: Asked, now: Timestamp) -> Option<AttentionReason> {
    let asked = match asked {
        Asked::No => false,
        Asked::Answered | Asked::Silent { .. } => true,
    };
    let over = transaction.is_unsettled() && transaction.next_check_at.is_none() && transaction.attention.is_empty();
    if !asked || !over || transaction.foreign {
        return None;
    }
    transaction.attention.insert(AttentionReason::Lapsed, now);
    Some(AttentionReason::Lapsed)
}

fn wanted(transaction: &Transaction, now: Timestamp) -> Option<Timestamp> {
    let claim =
        doubt_since(transaction).and_then(|since| after_part(transaction, since, 2, CLAIM_DELAY_MIN, 6 * HOUR, now));
    let rest = match transaction.status.as_final() {
        None => {
            let curve = curve(transaction);
            after_part(transaction, transaction.first_seen_at, 4, curve.delay_min, curve.delay_max, now)
        }
        Some(FinalStatus::Success | FinalStatus::Declined | FinalStatus::Error | FinalStatus::Timeout) => {
            transaction.recheck_at.and_then(|at| recheck(transaction, at, now))
        }
    };
    [claim, rest].into_iter().flatten().min()
}

/// A recheck is done when an answer agrees; until then it is repeated.
fn recheck(transaction: &Transaction, at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    if at > now { Some(at) } else { after_part(transaction, at, 2, MINUTE, DAY, now) }
}

/// The latest claim that no answer has agreed with.
fn doubt_since(transaction: &Transaction) -> Option<Timestamp> {
    transaction.claims.values().max().copied()
}

/// `1/part` of the age from now, within bounds; none when the checks have ended.
fn after_part(
    t: &Transaction,
    since: Timestamp,
    part: u32,
    min: Duration,
    max: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    let age = now.since(since);
    (age < CHECKS_END_AFTER).then(|| now + jittered(t, (age / part).clamp(min, max)))
}

/// Up to a tenth less, so that what fell due together does not stay together.
fn jittered(transaction: &Transaction, delay: Duration) -> Duration {
    let mut hasher = Sha256::new();
    hasher.update(transaction.id.as_str());
    hasher.update(transaction.version.to_be_bytes());
    let tenth = u32::from(hasher.finalize()[0]);
    delay - delay * tenth / 2560
}
