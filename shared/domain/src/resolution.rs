//! A person's way out of rule 9: what needed attention was looked at.

use crate::transition::Transition;
use crate::{AttentionReason, Note, Rules, Timestamp, Transaction, Write};

/// Ends the attention of a transaction: all of its reasons, or `only` one. None: there is nothing to end.
///
/// Nothing else changes. The status does not: only a status answer makes a transaction final (rule 1). Nothing is published, because
/// outcomes are published, not who has looked at them. What is due stays due, and what the checks find is published as before.
///
/// The same reason is not raised again for as long as it lasts: an amount that was looked at and still differs at the next check is
/// no news. What happens anew is: see [`AttentionReason::is_raised_again`].
///
/// An open or disputed transaction whose checks have ended is closed by this: it keeps its status, is never queried again by
/// itself, and expires like a final one. Whatever claims something new about it opens it again. If its checks have not ended, they
/// go on, and should they end without an answer, that is published once more.
pub fn resolve(
    stored: Transaction,
    only: Option<AttentionReason>,
    note: &Note,
    rules: &Rules,
    now: Timestamp,
) -> Option<Write> {
    let concerned = |reason: &AttentionReason| only.is_none_or(|only| only == *reason);
    let reasons: Vec<AttentionReason> = stored.attention.keys().copied().filter(concerned).collect();
    if reasons.is_empty() {
        return None;
    }
    let mut transition = Transition::of(stored, rules);
    transition.wait_until(now);
    transition.resolve(&reasons, note);
    transition.into_write()
}
