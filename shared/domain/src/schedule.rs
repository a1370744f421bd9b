//! When a transaction is queried next (rule 9). No randomness: the jitter comes from the transactionID and the version.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::{Claims, Lifecycle, NoAnswer, NoAnswerKind, ShortText, Timestamp, Transaction};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Checks end this long after the transaction, the dispute or the recheck began.
pub const CHECKS_END_AFTER: Duration = Duration::from_secs(60 * 24 * 3600);
/// Answers that confirm the stored state for this long end a dispute (rule 5).
pub const DISPUTE_ENDS_AFTER: Duration = DAY;
/// A final state that replaced another is queried once more after this time: longer than SPG's Status API is seen to lag.
pub const CORRECTION_RECHECK_AFTER: Duration = Duration::from_secs(15 * 60);
/// A transaction that the Status API does not know for this long needs attention.
pub const UNKNOWN_AFTER: Duration = Duration::from_secs(15 * 60);
/// While nothing is answered at all, each query is repeated this soon: recovery is then seen within two minutes.
const OUTAGE_RETRY: Duration = Duration::from_secs(30);
/// While our credentials are refused, each query is repeated this soon: it is over when somebody has put the right ones.
const REFUSED_RETRY: Duration = Duration::from_secs(10 * 60);
/// What a Retry-After may postpone a query about one transaction by, at most.
const POSTPONED_MAX: Duration = HOUR;
/// A claim that is not confirmed is queried again after half its age, within these bounds.
const CLAIM_DELAY_MIN: Duration = Duration::from_secs(15);

/// Whether the Status API was queried in this write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Query {
    NotMade,
    Answered,
    Unanswered(NoAnswer),
}

/// When the evidence of this write wants the next query, the later ones sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NextQuery {
    AsScheduled,
    /// Before the write if there is time, else as scheduled.
    Again,
    /// Due at once.
    Due,
    /// Before the write if there is time, else due at once.
    Now,
}

impl NextQuery {
    pub fn is_wanted(self) -> bool {
        matches!(self, Self::Again | Self::Now)
    }

    fn is_due(self) -> bool {
        matches!(self, Self::Due | Self::Now)
    }
}

/// How a payment method's open transactions are queried: after a quarter of their age, within bounds.
struct Curve {
    delay_min: Duration,
    delay_max: Duration,
    /// After this age the method does not explain an open transaction.
    lapses_after: Duration,
}

/// MB WAY approvals expire after about 4 minutes, 3-D Secure takes minutes, a Multibanco reference lives hours to days.
fn curve(transaction: &Transaction) -> Curve {
    match transaction.facts.payment_method.as_ref().map(ShortText::as_str) {
        Some("REFERENCE") => Curve { delay_min: 10 * MINUTE, delay_max: 6 * HOUR, lapses_after: 30 * DAY },
        Some("MBWAY") => Curve { delay_min: 45 * SECOND, delay_max: DAY, lapses_after: HOUR },
        Some("CARD" | "XPAY" | "TOKEN") => Curve { delay_min: MINUTE, delay_max: DAY, lapses_after: DAY },
        Some(_) | None => Curve { delay_min: MINUTE, delay_max: DAY, lapses_after: 7 * DAY },
    }
}

/// The moment of the next query, or none where nothing is left to ask.
pub(crate) fn next_check(
    transaction: &Transaction,
    query: Query,
    next_query: NextQuery,
    now: Timestamp,
) -> Option<Timestamp> {
    if transaction.is_other_merchants() {
        return None;
    }
    let wanted = wanted(transaction, now);
    match query {
        // Evidence alone may only bring it nearer, and only where it is a reason to ask.
        Query::NotMade if next_query.is_due() => Some(transaction.next_check_at.map_or(now, |at| at.min(now))),
        Query::NotMade => transaction.next_check_at.or(wanted),
        // The answer is stale and there was no time to ask again.
        Query::Answered if next_query.is_due() => Some(now),
        Query::Answered => wanted,
        Query::Unanswered(no_answer) => {
            let soonest = now + jittered(transaction, no_answer.retry_after.unwrap_or_default().min(POSTPONED_MAX));
            let soon = |delay| now + jittered(transaction, delay);
            let wanted = match no_answer.kind {
                NoAnswerKind::NotFound => wanted,
                NoAnswerKind::Unauthorised => wanted.map(|at| at.min(soon(REFUSED_RETRY))),
                NoAnswerKind::Unavailable => wanted.map(|at| at.min(soon(alone_retry(transaction)))),
                NoAnswerKind::RateLimited | NoAnswerKind::Outage => wanted.map(|_| soon(OUTAGE_RETRY)),
            };
            wanted.map(|at| at.max(soonest))
        }
    }
}

/// It may be the first of an outage, so it is queried soon; one that alone is never answered backs off to what its age wants.
fn alone_retry(transaction: &Transaction) -> Duration {
    OUTAGE_RETRY * (1 << transaction.unanswered_in_a_row.saturating_sub(1).min(12))
}

/// Whether a query has found it open, or disputed, for longer than can be explained.
pub(crate) fn has_lapsed(transaction: &Transaction, query: Query, now: Timestamp) -> bool {
    let explained = match &transaction.lifecycle {
        Lifecycle::OtherMerchants(_) => true,
        Lifecycle::Open(_) => now.since(transaction.first_seen_at) < curve(transaction).lapses_after,
        Lifecycle::Final(is) => is
            .dispute
            .as_ref()
            .and_then(|dispute| latest(&dispute.claims))
            .is_none_or(|since| now.since(since) < CHECKS_END_AFTER),
    };
    query != Query::NotMade && !explained
}

/// Whether the last check was made, nothing is settled and nothing is marked for people.
pub(crate) fn has_ended(transaction: &Transaction, query: Query) -> bool {
    let over = transaction.is_unsettled() && transaction.next_check_at.is_none() && transaction.attention.is_empty();
    query != Query::NotMade && over
}

/// When it is to be queried by its age alone.
fn wanted(transaction: &Transaction, now: Timestamp) -> Option<Timestamp> {
    let claimed = transaction.lifecycle.claims().and_then(latest);
    let claim = claimed.and_then(|since| after_part(transaction, since, 2, CLAIM_DELAY_MIN, 6 * HOUR, now));
    let rest = match &transaction.lifecycle {
        Lifecycle::OtherMerchants(_) => None,
        Lifecycle::Open(_) => {
            let curve = curve(transaction);
            after_part(transaction, transaction.first_seen_at, 4, curve.delay_min, curve.delay_max, now)
        }
        Lifecycle::Final(is) => is.recheck_at.and_then(|at| recheck(transaction, at, now)),
    };
    [claim, rest].into_iter().flatten().min()
}

/// A recheck is done when an answer agrees; until then it is repeated.
fn recheck(transaction: &Transaction, at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    if at > now { Some(at) } else { after_part(transaction, at, 2, MINUTE, DAY, now) }
}

/// When the latest claim came.
fn latest(claims: &Claims) -> Option<Timestamp> {
    claims.values().max().copied()
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
