//! The credentials in use, and their renewal when SPG refuses them.

use std::error::Error;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use spg_domain::Word;
use tokio::sync::Mutex;

use super::credentials::{Credential, Credentials};

/// Where the credentials can be read again: the secret store.
pub trait CredentialSource {
    /// The secret as it is now, for [`Credentials::parse`]. None: there is nothing to read.
    fn read(&self) -> impl Future<Output = Result<Option<String>, Box<dyn Error + Send + Sync>>> + Send;
}

/// Credentials that are what they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct FixedCredentials;

impl CredentialSource for FixedCredentials {
    async fn read(&self) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
        Ok(None)
    }
}

#[derive(Debug)]
pub(super) struct Vault<S> {
    current: RwLock<Arc<Credentials>>,
    source: S,
    interval: Duration,
    /// When the source was last read. Held while reading, so that many refusals at once cause one read.
    last_read: Mutex<Option<Instant>>,
}

impl<S: CredentialSource> Vault<S> {
    pub(super) fn new(credentials: Credentials, source: S, interval: Duration) -> Self {
        Self { current: RwLock::new(Arc::new(credentials)), source, interval, last_read: Mutex::new(None) }
    }

    pub(super) fn current(&self) -> Arc<Credentials> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, credentials: Credentials) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
    }

    /// Another credential than the `refused` one, if there is one by now. Reads the source at most once per interval.
    pub(super) async fn other_than(&self, refused: &Credential, terminal: Option<&Word>) -> Option<Credential> {
        let other = |current: &Credentials| Some(current.of(terminal)).filter(|c| *c != refused).cloned();
        let mut last_read = self.last_read.lock().await;
        if let Some(credential) = other(&self.current()) {
            return Some(credential);
        }
        if last_read.is_some_and(|at| at.elapsed() < self.interval) {
            return None;
        }
        *last_read = Some(Instant::now());
        self.read_source().await;
        other(&self.current())
    }

    async fn read_source(&self) {
        let secret = match self.source.read().await {
            Ok(Some(secret)) => secret,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(error = %error, "the Status API secret could not be read again");
                return;
            }
        };
        match Credentials::parse(&secret) {
            Ok(credentials) => self.replace(credentials),
            Err(error) => {
                tracing::warn!(error = %error, "the Status API secret cannot be used; the old one stays in use")
            }
        }
    }
}
