//! A person's way out of rule 9: what needed attention was looked at.

use std::collections::BTreeMap;

use crate::{AttentionReason, Draft, Note, Rules, Timestamp, Transaction, Write};

/// What a person decided about a reason for attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    pub at: Timestamp,
    /// Why. Written by a person, for people; no personal data belongs in it.
    pub note: Note,
}

/// Ends the attention of a transaction: all of its reasons, or `only` one. None: there is nothing to end.
///
/// Nothing else changes. The status does not: only a status answer makes a transaction final (rule 1). Nothing is published, because
/// consumers are told of outcomes, not of who has looked at them. What is due stays due, and what the checks find is told as before.
///
/// The same reason is not raised again for as long as it lasts: an amount that was looked at and still differs at the next check is
/// no news. What happens anew is: see [`AttentionReason::is_raised_again`].
///
/// An open or doubted transaction whose checks have ended is closed by this: it keeps its status, is never asked about again by
/// itself, and expires like a final one. Whatever claims something new about it opens it again. If its checks have not ended, they
/// go on, and should they end without an answer, that is told once more.
pub fn resolve(
    stored: Transaction,
    only: Option<AttentionReason>,
    note: &Note,
    rules: &Rules,
    now: Timestamp,
) -> Option<Write> {
    let concerns = |reason: &AttentionReason| only.is_none_or(|only| only == *reason);
    if !stored.attention.keys().any(concerns) {
        return None;
    }
    let mut draft = Draft::new(stored.id.clone(), Some(stored), rules);
    draft.now = now;
    let transaction = draft.transaction_mut()?;
    let (ended, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
        std::mem::take(&mut transaction.attention).into_iter().partition(|(reason, _)| concerns(reason));
    transaction.attention = left;
    let resolution = Resolution { at: now, note: note.clone() };
    transaction.resolved.extend(ended.into_keys().map(|reason| (reason, resolution.clone())));
    draft.conclude()
}
