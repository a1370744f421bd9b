//! Bounded text: identifiers and the short words that SPG uses as values.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest identifier that is accepted, in bytes of UTF-8.
const ID_BYTES_MAX: usize = 256;
/// Longest other value that is kept, in bytes of UTF-8: a status, a method, a terminal, the merchant's order id.
const SHORT_TEXT_BYTES_MAX: usize = 128;

/// Longest note of a person's, in bytes of UTF-8.
const NOTE_BYTES_MAX: usize = 256;

/// Text that is empty or longer than its type allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must have 1 to {bytes_max} bytes, this has {bytes}")]
pub struct TextError {
    what: &'static str,
    bytes_max: usize,
    bytes: usize,
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// # Errors
            /// [`TextError`] when the text is empty or too long.
            pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
                let text = text.into();
                if text.is_empty() || text.len() > $max {
                    return Err(TextError { what: $what, bytes_max: $max, bytes: text.len() });
                }
                Ok(Self(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;
            fn try_from(text: String) -> Result<Self, TextError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

bounded_text!(
    /// SPG's `transactionID`: opaque, 1 to 256 bytes of any UTF-8.
    TransactionId,
    "a transactionID",
    ID_BYTES_MAX
);
bounded_text!(
    /// SPG's `notificationID`: opaque, 1 to 256 bytes of any UTF-8. One notification keeps its id through all retries.
    NotificationId,
    "a notificationID",
    ID_BYTES_MAX
);
bounded_text!(
    /// Any other value of SPG's that is kept as it came, 1 to 128 bytes.
    ShortText,
    "a value",
    SHORT_TEXT_BYTES_MAX
);
bounded_text!(
    /// What a person wrote about a transaction, 1 to 256 bytes.
    Note,
    "a note",
    NOTE_BYTES_MAX
);
