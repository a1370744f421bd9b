//! Payment statuses (C.4) and their rank.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{TextError, Word};

/// SPG's `paymentStatus`: C.4's six, and any other value kept as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PaymentStatus {
    Pending,
    InProcessing,
    Final(FinalStatus),
    /// A value that C.4 does not know (`Partial` and `Expired` were seen). Never final.
    Other(Word),
}

/// The four final states. Only the Status API can put a transaction into one (rule 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FinalStatus {
    Success,
    Declined,
    Error,
    Timeout,
}

impl FinalStatus {
    pub const ALL: [Self; 4] = [Self::Success, Self::Declined, Self::Error, Self::Timeout];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Declined => "Declined",
            Self::Error => "Error",
            Self::Timeout => "Timeout",
        }
    }
}

impl PaymentStatus {
    pub const SUCCESS: Self = Self::Final(FinalStatus::Success);

    /// # Errors
    /// [`TextError`] when the value is empty or longer than 128 bytes.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        match text {
            "Pending" => Ok(Self::Pending),
            "InProcessing" => Ok(Self::InProcessing),
            _ => match FinalStatus::ALL.into_iter().find(|s| s.as_str() == text) {
                Some(status) => Ok(Self::Final(status)),
                None => Word::new(text).map(Self::Other),
            },
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "Pending",
            Self::InProcessing => "InProcessing",
            Self::Final(status) => status.as_str(),
            Self::Other(word) => word.as_str(),
        }
    }

    /// C.4's order: a state moves only to a higher rank (rule 2).
    pub fn rank(&self) -> u8 {
        match self {
            Self::Other(_) => 0,
            Self::Pending => 1,
            Self::InProcessing => 2,
            Self::Final(_) => 3,
        }
    }

    pub fn as_final(&self) -> Option<FinalStatus> {
        match self {
            Self::Final(status) => Some(*status),
            Self::Pending | Self::InProcessing | Self::Other(_) => None,
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

impl fmt::Display for FinalStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
