//! What a transaction is and how it may change.
//!
//! Pure: no clock, no I/O, no AWS, no randomness. Evidence comes in ([`Evidence`]), a [`Draft`] weighs it, and at most one
//! [`Write`] comes out. The rules of state are numbered 1 to 10 in ARCHITECTURE.md; comments here refer to them by number.

mod amount;
mod answer;
mod attention;
mod draft;
mod event;
mod evidence;
mod facts;
mod message;
mod notice;
mod resolution;
mod restoration;
mod schedule;
mod status;
mod text;
mod time;
mod transaction;

pub use amount::{Amount, AmountError};
pub use attention::AttentionReason;
pub use draft::{Draft, Write};
pub use event::{DetailType, EVENT_SOURCE, OutcomeDetail, OutcomeEvent, Outgoing};
pub use evidence::{
    Disposition, Evidence, Notification, RETURN_CODE_SUCCESS, Registration, Silence, SilenceKind, Source, StatusAnswer,
};
pub use facts::{Facts, ReferenceStatus};
pub use message::{Message, MessageError, Payload, SCHEMA_VERSION};
pub use resolution::{Resolution, resolve};
pub use restoration::{RESTORED_OUTCOME_STEP, restore};
pub use schedule::{CHECKS_END_AFTER, CORRECTION_RECHECK_AFTER, DOUBT_WINDOW, UNKNOWN_AFTER};
pub use status::{FinalStatus, PaymentStatus};
pub use text::{Note, NotificationId, TextError, TransactionId, Word};
pub use time::Timestamp;
pub use transaction::{
    Change, ChangeKind, HISTORY_ENTRIES_MAX, NOTIFICATIONS_MAX, NotificationRecord, Published, Rules, Told, Transaction,
};
