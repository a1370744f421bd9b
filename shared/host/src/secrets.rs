//! Secrets from Secrets Manager, named in the configuration, read again when they may have changed, and never logged.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use spg_time::{Timestamp, error_chain};

/// A secret is read again at most this often, whoever sends what.
const REREAD_INTERVAL: Duration = Duration::from_secs(60);

/// The text of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

/// Where the text of one secret is read.
pub trait SecretSource {
    /// Reads the secret as it is now.
    fn read(&self) -> impl Future<Output = Result<SecretText, SecretError>> + Send;
}

/// A secret of Secrets Manager, by name or ARN.
#[derive(Debug)]
pub struct ManagedSecret {
    pub client: Client,
    pub id: String,
}

/// The secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not there, not allowed, or Secrets Manager did not answer.
    #[error("Secrets Manager did not give the secret")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the secret holds no text")]
    NoText,
}

/// What a secret holds, parsed. One that cannot be read, or used, leaves what there was.
#[derive(Debug)]
pub struct Secret<T, S> {
    /// For the log: `webhook keys`.
    name: &'static str,
    source: S,
    parse: fn(&str) -> Result<T, String>,
    held: Mutex<Held<T>>,
    /// When the source was last read again. Held while it is, so that many who need it at once cause one reading.
    asked_at: tokio::sync::Mutex<Timestamp>,
}

#[derive(Debug)]
struct Held<T> {
    /// What was read last, usable or not.
    text: Option<SecretText>,
    read_at: Timestamp,
    value: Option<Arc<T>>,
}

impl<T, S: SecretSource> Secret<T, S> {
    /// Reads the secret for the first time. Without a usable one the function starts all the same, and tries again when it needs it.
    /// `parse` says what is wrong with the text, and never what is in it.
    pub async fn load(name: &'static str, source: S, parse: fn(&str) -> Result<T, String>, now: Timestamp) -> Self {
        let held = Mutex::new(Held { text: None, read_at: Timestamp::default(), value: None });
        let secret = Self { name, source, parse, held, asked_at: tokio::sync::Mutex::default() };
        secret.read(now).await;
        secret
    }

    /// What it held when it was last read; none while it could not be used.
    pub fn current(&self) -> Option<Arc<T>> {
        self.held().value.clone()
    }

    /// Something else than `used`, which turned out to be wrong: what others have read since, or what is read now. At most one reading a
    /// minute; none if there is nothing else.
    pub async fn other_than(&self, used: Option<&Arc<T>>, now: Timestamp) -> Option<Arc<T>> {
        let other = || self.current().filter(|it| used.is_none_or(|used| !Arc::ptr_eq(it, used)));
        let mut asked_at = self.asked_at.lock().await;
        if other().is_none() && now.since(*asked_at) >= REREAD_INTERVAL {
            *asked_at = now;
            self.read(now).await;
        }
        other()
    }

    /// Whether it was read so long ago that it should be read again, though nothing turned out to be wrong.
    pub fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        now.since(self.held().read_at) >= age
    }

    async fn read(&self, now: Timestamp) {
        let read = self.source.read().await;
        let mut held = self.held();
        let text = match read {
            Ok(text) => text,
            Err(error) => {
                let error = error_chain(&error);
                tracing::error!(secret = self.name, error, held = held.value.is_some(), "the secret cannot be read");
                return;
            }
        };
        held.read_at = now;
        if held.text.as_ref() == Some(&text) && held.value.is_some() {
            return;
        }
        match (self.parse)(text.expose()) {
            Ok(value) => held.value = Some(Arc::new(value)),
            Err(error) => {
                tracing::error!(
                    secret = self.name,
                    error,
                    held = held.value.is_some(),
                    "the secret cannot be used: put a usable one into it"
                );
            }
        }
        held.text = Some(text);
    }

    fn held(&self) -> MutexGuard<'_, Held<T>> {
        // Never locked over a wait; a panic elsewhere cannot have left it half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

impl SecretSource for ManagedSecret {
    async fn read(&self) -> Result<SecretText, SecretError> {
        // Boxed: a call of the SDK is kilobytes, which every future around it would carry and copy (docs/evidence/performance.md).
        let answer = Box::pin(self.client.get_secret_value().secret_id(&self.id).send()).await;
        let answer = answer.map_err(|error| SecretError::Refused(error.into()))?;
        answer.secret_string.map(SecretText).ok_or(SecretError::NoText)
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

    /// The secret as it is now, absent where it cannot be read, and how often it was.
    #[derive(Default)]
    struct Source(Mutex<(Option<&'static str>, u32)>);

    impl SecretSource for &Source {
        async fn read(&self) -> Result<SecretText, SecretError> {
            let mut source = self.0.lock().unwrap();
            source.1 += 1;
            source.0.map(SecretText::new).ok_or(SecretError::NoText)
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_780_000_000_000 + seconds * 1000)
    }

    fn number(text: &str) -> Result<u32, String> {
        text.parse().map_err(|_| "no number".to_owned())
    }

    #[tokio::test]
    async fn only_a_usable_secret_that_is_another_one_replaces_what_there_is() {
        let source = Source::default();
        let secret = Secret::load("number", &source, number, at(0)).await;
        let mut now = at(0);
        let mut reads = async |text| {
            source.0.lock().unwrap().0 = text;
            now = now + REREAD_INTERVAL;
            let before = secret.current();
            secret.other_than(before.as_ref(), now).await.map(|it| *it)
        };
        assert_eq!(reads(None).await, None);
        assert_eq!(reads(Some("geheim")).await, None);
        assert_eq!(reads(Some("1")).await, Some(1));
        assert_eq!(reads(Some("1")).await, None, "it is the same one");
        assert_eq!(reads(Some("geheim")).await, None);
        assert_eq!(reads(None).await, None);
        assert_eq!(reads(Some("2")).await, Some(2));
    }

    #[tokio::test]
    async fn it_is_read_again_at_most_once_a_minute_and_what_others_have_read_is_taken() {
        let source = Source::default();
        source.0.lock().unwrap().0 = Some("1");
        let secret = Secret::load("number", &source, number, at(0)).await;
        let first = secret.current();
        source.0.lock().unwrap().0 = Some("2");
        let (one, other) =
            tokio::join!(secret.other_than(first.as_ref(), at(1)), secret.other_than(first.as_ref(), at(1)));
        assert_eq!((one.as_deref(), other.as_deref()), (Some(&2), Some(&2)));
        source.0.lock().unwrap().0 = Some("3");
        assert_eq!(secret.other_than(one.as_ref(), at(60)).await, None);
        assert_eq!(source.0.lock().unwrap().1, 2);
        assert_eq!(secret.other_than(one.as_ref(), at(61)).await.as_deref(), Some(&3));
    }

    #[tokio::test]
    async fn it_is_old_when_it_was_not_read_for_a_while() {
        let source = Source::default();
        source.0.lock().unwrap().0 = Some("1");
        let secret = Secret::load("number", &source, number, at(0)).await;
        source.0.lock().unwrap().0 = Some("2");
        let old_at = |seconds| secret.is_older_than(Duration::from_secs(900), at(seconds));
        assert_eq!([899, 900].map(old_at), [false, true]);
        secret.other_than(secret.current().as_ref(), at(900)).await;
        assert_eq!([900, 1799].map(old_at), [false, false]);
    }
}
