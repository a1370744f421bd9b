//! Why a person should look at a transaction (rule 9).

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
pub enum AttentionReason {
    /// The amounts of two sources differ as numbers (rule 8).
    AmountMismatch,
    /// The currencies of two sources differ (rule 8).
    CurrencyMismatch,
    /// The Status API answered about another transaction (rule 8).
    TransactionIdMismatch,
    /// The Status API replaced a final state by another one, other than Success by Declined (rule 4).
    UnexpectedCorrection,
    /// Success, but neither the answer nor a notification says of which paymentType (rule 10).
    PaymentTypeUnknown,
    /// A Multibanco reference that was paid is reported as paid again (rule 10).
    PaidAgain,
    /// The Status API did not know the transaction for 15 minutes.
    Unknown,
    /// Open, or disputed, for longer than the payment method can explain.
    Lapsed,
    /// More notifications than are kept.
    TooManyNotifications,
}

impl AttentionReason {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether it may be raised after a person has ended it. Such a reason is an event of its own each time; the others are states
    /// that last, and would be raised again by every check.
    pub fn is_raised_again(self) -> bool {
        match self {
            Self::UnexpectedCorrection | Self::PaidAgain => true,
            Self::AmountMismatch
            | Self::CurrencyMismatch
            | Self::TransactionIdMismatch
            | Self::PaymentTypeUnknown
            | Self::Unknown
            | Self::Lapsed
            | Self::TooManyNotifications => false,
        }
    }

    /// Whether somebody should be woken: money may be wrong. The rest is counted.
    pub fn is_paged(self) -> bool {
        match self {
            Self::AmountMismatch
            | Self::CurrencyMismatch
            | Self::TransactionIdMismatch
            | Self::UnexpectedCorrection
            | Self::PaymentTypeUnknown
            | Self::PaidAgain => true,
            Self::Unknown | Self::Lapsed | Self::TooManyNotifications => false,
        }
    }
}
