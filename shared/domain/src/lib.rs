//! What a transaction is and how it may change.
//!
//! Pure: no clock, no I/O, no AWS, no randomness. Evidence comes in ([`Evidence`]), a [`Decision`] applies it, and at most one
//! [`Write`] comes out. The rules of state are numbered 1 to 10 in ARCHITECTURE.md; comments here refer to them by number.

mod amount;
mod answer;
mod attention;
mod decision;
mod event;
mod evidence;
mod facts;
mod message;
mod notification;
mod resolution;
mod restoration;
mod schedule;
mod status;
mod text;
mod transaction;
mod transition;

pub use amount::{Amount, AmountError};
pub use attention::AttentionReason;
pub use decision::Decision;
pub use event::{DetailType, EVENT_SOURCE, OutcomeDetail, OutcomeEvent};
pub use evidence::{
    Disposition, Evidence, NoAnswer, NoAnswerKind, Notification, RETURN_CODE_SUCCESS, Registration, Reply, Source,
    StatusAnswer,
};
pub use facts::{Facts, ReferenceStatus};
pub use message::{Message, MessageError, Payload, SCHEMA_VERSION};
pub use resolution::resolve;
pub use restoration::restore;
pub use schedule::{CHECKS_END_AFTER, CORRECTION_RECHECK_AFTER, DISPUTE_ENDS_AFTER, UNKNOWN_AFTER};
pub use spg_time::Timestamp;
pub use status::{FinalStatus, OpenStatus, PaymentStatus};
pub use text::{Note, NotificationId, ShortText, TextError, TransactionId};
pub use transaction::{
    CLOCK_TOLERANCE, Change, ChangeKind, Claims, Confirmation, Dispute, Final, HISTORY_ENTRIES_MAX, Lifecycle,
    NOTIFICATIONS_MAX, NotificationRecord, Open, Published, PublishedFacts, Resolution, Rules, Transaction,
};
pub use transition::Write;
