//! Payment statuses (C.4) and their rank.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::{ShortText, TextError};

/// SPG's `paymentStatus`: one of C.4's six, or any other value as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PaymentStatus {
    Open(OpenStatus),
    Final(FinalStatus),
}

/// A status that is not final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenStatus {
    Pending,
    InProcessing,
    /// A value that C.4 does not know (`Partial` and `Expired` were seen).
    Other(ShortText),
}

/// The four final states. Only the Status API can put a transaction into one (rule 1).
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
pub enum FinalStatus {
    Success,
    Declined,
    Error,
    Timeout,
}

impl FinalStatus {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl OpenStatus {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "Pending",
            Self::InProcessing => "InProcessing",
            Self::Other(text) => text.as_str(),
        }
    }

    /// C.4's order: a state moves only to a higher rank (rule 2). Every final state is above these.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Other(_) => 0,
            Self::Pending => 1,
            Self::InProcessing => 2,
        }
    }
}

impl PaymentStatus {
    pub const PENDING: Self = Self::Open(OpenStatus::Pending);
    pub const IN_PROCESSING: Self = Self::Open(OpenStatus::InProcessing);
    pub const SUCCESS: Self = Self::Final(FinalStatus::Success);

    /// # Errors
    /// [`TextError`] when the value is empty or longer than 128 bytes.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        match text {
            "Pending" => Ok(Self::PENDING),
            "InProcessing" => Ok(Self::IN_PROCESSING),
            _ => match text.parse() {
                Ok(status) => Ok(Self::Final(status)),
                Err(strum::ParseError::VariantNotFound) => {
                    ShortText::new(text).map(|text| Self::Open(OpenStatus::Other(text)))
                }
            },
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Open(status) => status.as_str(),
            Self::Final(status) => status.as_str(),
        }
    }

    pub fn as_final(&self) -> Option<FinalStatus> {
        match self {
            Self::Final(status) => Some(*status),
            Self::Open(_) => None,
        }
    }
}

impl TryFrom<String> for PaymentStatus {
    type Error = TextError;
    fn try_from(text: String) -> Result<Self, TextError> {
        Self::parse(&text)
    }
}

impl From<PaymentStatus> for String {
    fn from(status: PaymentStatus) -> String {
        status.as_str().to_owned()
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
