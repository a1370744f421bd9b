//! Secrets from Secrets Manager, named in the configuration and never logged.

use std::fmt;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;

use crate::{Throttle, chain};

/// A secret is read again at most this often, whoever sends what.
const REREAD_INTERVAL: Duration = Duration::from_secs(60);

/// The text of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

/// One secret, by name or ARN.
#[derive(Debug)]
pub struct SecretSource {
    client: Client,
    id: String,
    reread: Throttle,
}

/// The secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not there, not allowed, or Secrets Manager did not answer.
    #[error("Secrets Manager did not give the secret: {0}")]
    Refused(String),
    #[error("the secret holds no text")]
    NoText,
}

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be parsed and forgotten.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl SecretSource {
    pub fn new(client: Client, id: impl Into<String>) -> Self {
        Self { client, id: id.into(), reread: Throttle::new(REREAD_INTERVAL) }
    }

    /// Reads the secret: at the start.
    ///
    /// # Errors
    /// [`SecretError`] when it cannot be read within the client's time-outs.
    pub async fn read(&self) -> Result<SecretText, SecretError> {
        // Boxed: a call of the SDK is kilobytes, which every future around it would carry and copy (docs/performance.md).
        let answer = Box::pin(self.client.get_secret_value().secret_id(&self.id).send()).await;
        let answer = answer.map_err(|error| SecretError::Refused(chain(&error)))?;
        answer.secret_string.map(SecretText).ok_or(SecretError::NoText)
    }

    /// Reads it again, at most once a minute; none if that is not over yet.
    pub async fn reread(&self) -> Option<Result<SecretText, SecretError>> {
        if !self.reread.admits() {
            return None;
        }
        Some(self.read().await)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed() {
        assert_eq!(format!("{:?}", SecretText::new("geheim")), "SecretText(..)");
        assert_eq!(SecretText::new("geheim").expose(), "geheim");
    }
}
