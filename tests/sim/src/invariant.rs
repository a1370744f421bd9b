//! The names of what must hold.

use std::fmt;

/// What must hold, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// What was acknowledged to SPG, or to the merchant, is never lost.
    AcceptedIsKept,
    /// Nothing is acknowledged that is not on the queue.
    QueuedBeforeAcknowledged,
    /// What SPG has not sealed is not taken.
    ForgeriesAreRefused,
    /// At quiescence the stored final state is SPG's.
    FinalStateIsSpgs,
    /// Final never goes back.
    FinalStaysFinal,
    /// Only a status answer finalises or corrects.
    OnlyAnswersDecide,
    /// An answer that was asked for before the one that is stored decides nothing.
    LaterAnswersWin,
    /// One event per outcome, always the same.
    OneEventPerOutcome,
    /// An outcome can be republished from the table as it was published, whatever was learned since.
    RepublishedAlike,
    /// No event without its outcome in the table.
    NoEventWithoutOutcome,
    /// No outcome without its event.
    NoMissingEvent,
    /// The sequence rises with each published change, and only with these.
    SequenceRises,
    /// Versions have no gaps.
    VersionsAreConsecutive,
    /// A consumer that keeps the highest sequence ends with the truth.
    ConsumerEndsWithTruth,
    /// Nothing open, disputed or to be rechecked is without a next check or a mark for people.
    NothingIsForgotten,
    /// A dispute ends by an answer, and not before its time.
    DisputesAreSettled,
    /// A notificationID counts once, and is not forgotten.
    CountedOnce,
    /// Paid means Success, of a paying type, of a paid reference, over the amount that was agreed.
    PaidMeansPaid,
    /// Where amounts differ, it is marked for people.
    MismatchesAreRaised,
    /// What is stored outlives SPG's retries.
    OutlivesRetries,
    /// What is done is not given back to the queue.
    DoneStaysDone,
    /// Only what can never succeed is in the dead-letter queue.
    OnlyPermanentErrorsAreDeadLetters,
    /// The budget of calls holds.
    BudgetHolds,
    /// The system becomes quiescent.
    BecomesQuiescent,
    /// With everything healthy a claim is confirmed within ten seconds.
    ConfirmedInTime,
    /// No personal data at rest.
    NoPersonalData,
    /// What is written can be read.
    NothingUnreadable,
    /// Nothing panics by itself.
    NothingPanics,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What was broken, when, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: Invariant,
    pub at: u64,
    pub text: String,
}
