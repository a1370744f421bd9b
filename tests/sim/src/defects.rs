//! Known-bad receivers. Each is the good one with one part replaced or wrapped (see `faulty.rs`); none of this is in what is deployed.
#![allow(clippy::wildcard_enum_match_arm, reason = "each part has some of the defects")]

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use spg_domain::{NotificationId, PaymentStatus, TransactionId};
use spg_host::Metrics;

/// A deliberate mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    AcknowledgesBeforeEnqueue,
    AcknowledgesDespiteRefusal,
    DropsUnknownStatuses,
    KeepsThePhone,
    ChecksThenInserts,
    LastWriteWins,
    TimestampInsteadOfVersion,
    DedupesBeforeTheEffect,
    EvictsNotifications,
    TrustsTheWebhook,
    PollOverwritesFinal,
    RefusesCorrections,
    AppliesOldAnswers,
    CachesAnswers,
    ForgetsDisputes,
    ForgetsTheDueDate,
    PublishesBeforeCommit,
    PublishesByItself,
    NewIdOnRedelivery,
    RepublishesWithWhatItLearned,
    IgnoresPartialFailures,
    WholeBatchFails,
    FailureIsSuccess,
    PanicIsSuccess,
    MalformedBatchAnswer,
    ForgetsTooSoon,
    PaidWithoutPaid,
    PaidWhateverType,
    IgnoresAmounts,
    NotFoundIsDeclined,
    OutageIsError,
    QueriesUntilFinal,
}

impl Defect {
    pub const ALL: [Self; 32] = [
        Self::AcknowledgesBeforeEnqueue,
        Self::AcknowledgesDespiteRefusal,
        Self::DropsUnknownStatuses,
        Self::KeepsThePhone,
        Self::ChecksThenInserts,
        Self::LastWriteWins,
        Self::TimestampInsteadOfVersion,
        Self::DedupesBeforeTheEffect,
        Self::EvictsNotifications,
        Self::TrustsTheWebhook,
        Self::PollOverwritesFinal,
        Self::RefusesCorrections,
        Self::AppliesOldAnswers,
        Self::CachesAnswers,
        Self::ForgetsDisputes,
        Self::ForgetsTheDueDate,
        Self::PublishesBeforeCommit,
        Self::PublishesByItself,
        Self::NewIdOnRedelivery,
        Self::RepublishesWithWhatItLearned,
        Self::IgnoresPartialFailures,
        Self::WholeBatchFails,
        Self::FailureIsSuccess,
        Self::PanicIsSuccess,
        Self::MalformedBatchAnswer,
        Self::ForgetsTooSoon,
        Self::PaidWithoutPaid,
        Self::PaidWhateverType,
        Self::IgnoresAmounts,
        Self::NotFoundIsDeclined,
        Self::OutageIsError,
        Self::QueriesUntilFinal,
    ];

    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// What it does wrong.
    pub fn about(self) -> &'static str {
        match self {
            Self::AcknowledgesBeforeEnqueue => "answers 200 and sends to the queue afterwards",
            Self::AcknowledgesDespiteRefusal => "answers 200 although the queue has refused",
            Self::DropsUnknownStatuses => "acknowledges a status that C.4 does not know, and forgets it",
            Self::KeepsThePhone => "puts the phone number of the token into the message",
            Self::ChecksThenInserts => "reads the version, then writes without a condition",
            Self::LastWriteWins => "writes without looking",
            Self::TimestampInsteadOfVersion => "a later clock wins, instead of a known version",
            Self::DedupesBeforeTheEffect => "marks a notificationID as seen before its effect is stored",
            Self::EvictsNotifications => "remembers only the latest two notificationIDs",
            Self::TrustsTheWebhook => "a webhook that claims a final state makes it final",
            Self::PollOverwritesFinal => "a status answer that is not final replaces a final state",
            Self::RefusesCorrections => "a final state is never replaced by another",
            Self::AppliesOldAnswers => "an answer counts although a later one was stored while it was in flight",
            Self::CachesAnswers => "an answer is good for ten minutes",
            Self::ForgetsDisputes => "a claim against a final state is recorded, and not queried",
            Self::ForgetsTheDueDate => "what is open has no next check",
            Self::PublishesBeforeCommit => "the event is sent before the write",
            Self::PublishesByItself => "the event is sent after the write, by the writer, not by the stream",
            Self::NewIdOnRedelivery => "an event that is sent again has another id",
            Self::RepublishesWithWhatItLearned => "the latest event is made anew of what is known by now",
            Self::IgnoresPartialFailures => "PutEvents' failed entries are not looked at",
            Self::WholeBatchFails => "one failed record gives back its whole batch",
            Self::FailureIsSuccess => "failed records are not named in the batch's answer",
            Self::PanicIsSuccess => "a record that panicked is not named in the batch's answer",
            Self::MalformedBatchAnswer => "names failed records by another id than the message's",
            Self::ForgetsTooSoon => "deletes a transaction after a day, while SPG retries for two months",
            Self::PaidWithoutPaid => "a Success is paid, whatever its reference says",
            Self::PaidWhateverType => "a Success is paid, whatever its paymentType",
            Self::IgnoresAmounts => "amounts are not compared",
            Self::NotFoundIsDeclined => "404 of the Status API is a refusal",
            Self::OutageIsError => "a failure of the Status API is an Error",
            Self::QueriesUntilFinal => "asks again at once until the answer is final",
        }
    }
}

/// What faulty parts share: a second table, a cache, an attribute.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub seen: BTreeSet<NotificationId>,
    pub updated_at: BTreeMap<TransactionId, u64>,
    pub answers: BTreeMap<TransactionId, PaymentStatus>,
    pub put: BTreeMap<String, u64>,
    /// The table's stream is not used.
    pub stream_off: bool,
}

/// The processor's answer to Lambda, as a bad one would give it.
pub(crate) fn corrupt_response(
    defect: Option<Defect>,
    event: &SqsEvent,
    (mut response, metrics): (SqsBatchResponse, Metrics),
) -> SqsBatchResponse {
    let failures = &mut response.batch_item_failures;
    match defect {
        Some(Defect::WholeBatchFails) if !failures.is_empty() => {
            *failures = event.records.iter().filter_map(|record| record.message_id.clone()).map(failure).collect();
        }
        Some(Defect::MalformedBatchAnswer) if !failures.is_empty() => {
            let renamed = |f: &BatchItemFailure| failure(format!("message-{}", f.item_identifier));
            *failures = failures.iter().map(renamed).collect();
        }
        Some(Defect::FailureIsSuccess) => failures.clear(),
        Some(Defect::PanicIsSuccess) if metrics.total("Panics") > 0 => failures.clear(),
        _ => {}
    }
    response
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
