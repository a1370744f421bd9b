//! The secret keys of the webhook, several at once while they are rotated.

use std::fmt;

use base64::Engine as _;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};

use super::encoding::BASE64;
use crate::json::{Block, list, text};

/// Most keys that are tried on one webhook: two while rotating, and some room.
pub const KEYS_MAX: usize = 8;
const KEY_BYTES: usize = 32;

/// The active keys, in the order in which they are tried. Never printed.
pub struct WebhookKeys(Vec<LessSafeKey>);

/// What is wrong with the secret; never what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the webhook secret must be JSON {{\"keys\":[\"<Base64 of 32 bytes>\"]}} or one such key as plain text")]
    Format,
    #[error("the webhook secret has no key")]
    Empty,
    #[error("the webhook secret has {count} keys, at most {KEYS_MAX} are allowed")]
    TooMany { count: usize },
    /// `position` counts from 1.
    #[error("key {position} of {count} in the webhook secret {problem}")]
    Key { position: usize, count: usize, problem: KeyProblem },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProblem {
    NotText,
    NotBase64,
    /// How many bytes it has instead of 32.
    Length(usize),
}

impl WebhookKeys {
    /// Reads the secret: `{"keys":["<Base64 of 32 bytes>", ...]}`, or one such key as plain text.
    ///
    /// # Errors
    /// [`KeyError`] naming the key's position and what is wrong with it, never its value.
    pub fn parse(secret: &str) -> Result<Self, KeyError> {
        let secret = secret.trim();
        if !secret.starts_with('{') {
            return match secret {
                "" => Err(KeyError::Empty),
                key => Self::from_texts(vec![Some(key.to_owned())]),
            };
        }
        let block = Block::parse(secret.as_bytes()).ok_or(KeyError::Format)?;
        let keys = block.get("keys").and_then(list).ok_or(KeyError::Format)?;
        Self::from_texts(keys.into_iter().map(text).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &LessSafeKey> {
        self.0.iter()
    }

    fn from_texts(texts: Vec<Option<String>>) -> Result<Self, KeyError> {
        let count = texts.len();
        if count == 0 {
            return Err(KeyError::Empty);
        }
        if count > KEYS_MAX {
            return Err(KeyError::TooMany { count });
        }
        let keys = texts.iter().enumerate().map(|(index, text)| {
            key(text.as_deref()).map_err(|problem| KeyError::Key { position: index + 1, count, problem })
        });
        keys.collect::<Result<_, _>>().map(Self)
    }
}

fn key(text: Option<&str>) -> Result<LessSafeKey, KeyProblem> {
    let text = text.ok_or(KeyProblem::NotText)?;
    let bytes = BASE64.decode(text.trim()).map_err(|_| KeyProblem::NotBase64)?;
    if bytes.len() != KEY_BYTES {
        return Err(KeyProblem::Length(bytes.len()));
    }
    UnboundKey::new(&AES_256_GCM, &bytes).map(LessSafeKey::new).map_err(|_| KeyProblem::Length(bytes.len()))
}

impl fmt::Debug for WebhookKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookKeys({} keys)", self.0.len())
    }
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("is not a text"),
            Self::NotBase64 => f.write_str("is not standard Base64"),
            Self::Length(bytes) => write!(f, "has {bytes} bytes instead of {KEY_BYTES} (Base64 of {KEY_BYTES} bytes)"),
        }
    }
}
