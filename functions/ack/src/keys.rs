//! The webhook keys: read at the start, again when something does not open, and again when they have grown old.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spg_domain::Timestamp;
use spg_gateway::webhook::WebhookKeys;
use spg_host::{SecretError, SecretSource, SecretText};

/// A key that was taken out of the secret is good for no longer than this and one more webhook.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// Where the secret with the keys is read.
pub trait KeySource {
    /// Reads the secret: at the start.
    fn read(&self) -> impl Future<Output = Result<SecretText, SecretError>> + Send;

    /// Reads it again, at most once a minute whoever sends what; none if that is not over yet.
    fn reread(&self) -> impl Future<Output = Option<Result<SecretText, SecretError>>> + Send;
}

impl KeySource for SecretSource {
    async fn read(&self) -> Result<SecretText, SecretError> {
        self.read().await
    }

    async fn reread(&self) -> Option<Result<SecretText, SecretError>> {
        self.reread().await
    }
}

/// The active keys and where newer ones come from.
#[derive(Debug)]
pub struct KeyRing<K> {
    source: K,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// What was read last, usable or not.
    text: Option<SecretText>,
    /// When it was read last.
    read_at: Timestamp,
    keys: Option<Arc<WebhookKeys>>,
}

impl<K: KeySource> KeyRing<K> {
    /// Reads the keys. Without any the function starts all the same: registrations are taken, webhooks are sent back to be tried
    /// again.
    pub async fn load(source: K, now: Timestamp) -> Self {
        let mut held = Held::default();
        held.take_in(source.read().await, now);
        Self { source, held: Mutex::new(held) }
    }

    pub(crate) fn current(&self) -> Option<Arc<WebhookKeys>> {
        self.held().keys.clone()
    }

    /// Reads the secret again, at most once a minute, and returns the keys if there are other ones now.
    pub(crate) async fn newer(&self, now: Timestamp) -> Option<Arc<WebhookKeys>> {
        let read = self.source.reread().await?;
        let mut held = self.held();
        held.take_in(read, now).then(|| held.keys.clone()).flatten()
    }

    /// Whether the secret was read so long ago that it should be read again, though everything opens.
    pub(crate) fn are_old(&self, now: Timestamp) -> bool {
        now.since(self.held().read_at) >= AGE_MAX
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Never locked over a wait; a panic elsewhere cannot have left it half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// True if there are other keys now. A secret that cannot be read, or used, leaves those that there were.
    fn take_in(&mut self, read: Result<SecretText, SecretError>, now: Timestamp) -> bool {
        let text = match read {
            Ok(text) => {
                self.read_at = now;
                text
            }
            Err(error) => {
                tracing::error!(error = %error, held = self.keys.is_some(), "the webhook keys cannot be read");
                return false;
            }
        };
        if self.text.as_ref() == Some(&text) {
            return false;
        }
        let parsed = WebhookKeys::parse(text.expose());
        self.text = Some(text);
        match parsed {
            Ok(keys) => {
                self.keys = Some(Arc::new(keys));
                true
            }
            Err(error) => {
                tracing::error!(error = %error, held = self.keys.is_some(), "the webhook keys cannot be used");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"keys":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}"#;
    const OTHER: &str = r#"{"keys":["AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}"#;

    #[test]
    fn only_a_usable_secret_that_is_another_one_replaces_the_keys() {
        let mut held = Held::default();
        let mut take_in = |text: Result<&str, SecretError>| {
            let changed = held.take_in(text.map(SecretText::new), Timestamp::from_millis(1));
            (changed, held.keys.is_some())
        };
        assert_eq!(take_in(Err(SecretError::NoText)), (false, false));
        assert_eq!(take_in(Ok(r#"{"keys":[]}"#)), (false, false));
        assert_eq!(take_in(Ok(ONE)), (true, true));
        assert_eq!(take_in(Ok(ONE)), (false, true));
        assert_eq!(take_in(Ok("{}")), (false, true));
        assert_eq!(take_in(Err(SecretError::NoText)), (false, true));
        assert_eq!(take_in(Ok(OTHER)), (true, true));
    }
}
