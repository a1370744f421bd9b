//! The Status API client.

use std::sync::Arc;
use std::time::Duration;

use spg_domain::SilenceKind;
use spg_reconcile::{Question, Reply, StatusApi};
use tokio::time::{Instant, timeout_at};

use super::base_url::BaseUrl;
use super::credentials::Credentials;
use super::exchange::Http;
use super::vault::{CredentialSource, Vault};

/// Time to open a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Refused credentials are read again at most this often.
const REREAD_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusApiConfig {
    pub base_url: BaseUrl,
    /// Longest time to open a connection, TLS included.
    pub connect_timeout: Duration,
    /// Refused credentials (401, 403) are read again at most once in this time.
    pub reread_interval: Duration,
}

impl StatusApiConfig {
    /// Connect within 2 seconds, re-read credentials at most once a minute.
    pub fn new(base_url: BaseUrl) -> Self {
        Self { base_url, connect_timeout: CONNECT_TIMEOUT, reread_interval: REREAD_INTERVAL }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StatusClientError {
    #[error("no root certificates were found: TLS cannot work")]
    NoRootCertificates,
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    #[error("the HTTP client cannot be set up")]
    Http,
}

/// Asks the Status API with the credentials of the transaction's terminal.
#[derive(Debug)]
pub struct StatusClient<S> {
    base_url: BaseUrl,
    http: Http,
    vault: Vault<S>,
}

impl<S: CredentialSource> StatusClient<S> {
    /// Builds the client without connecting. `source` is where refused credentials are read again.
    ///
    /// # Errors
    /// [`StatusClientError`] where TLS cannot work on this machine.
    pub fn new(config: StatusApiConfig, credentials: Credentials, source: S) -> Result<Self, StatusClientError> {
        let http = Http::new(config.connect_timeout, tls_config(&config.base_url)?)?;
        Ok(Self { base_url: config.base_url, http, vault: Vault::new(credentials, source, config.reread_interval) })
    }

    pub fn replace_credentials(&self, credentials: Credentials) {
        self.vault.replace(credentials);
    }

    /// Opens a TLS connection ahead of the first question, without credentials and within `timeout`. Failing does no harm.
    /// Without TLS (loopback) there is nothing worth warming, and nothing is sent.
    pub async fn warm_up(&self, timeout: Duration) {
        if self.base_url.is_tls() {
            self.http.connect(self.base_url.url(), Instant::now() + timeout).await;
        }
    }
}

impl<S: CredentialSource + Sync> StatusApi for StatusClient<S> {
    async fn ask(&self, question: &Question) -> Reply {
        let deadline = Instant::now() + question.timeout;
        let Some(url) = self.base_url.question(&question.transaction_id) else {
            return Reply {
                result: Err(SilenceKind::NotFound),
                http_status: None,
                return_code: None,
                retry_after: None,
                problem: Some("the transactionID fits no URL"),
            };
        };
        let terminal = question.terminal_id.as_ref();
        let credentials = self.vault.current();
        let credential = credentials.of(terminal);
        let reply = self.http.ask(&url, credential, deadline).await;
        if reply.result != Err(SilenceKind::Unauthorised) {
            return reply;
        }
        match timeout_at(deadline, self.vault.other_than(credential, terminal)).await {
            Ok(Some(other)) => self.http.ask(&url, &other, deadline).await,
            Ok(None) | Err(_) => reply,
        }
    }
}

/// TLS by ring, named explicitly: nothing depends on which provider the process happens to have installed.
fn tls_config(base_url: &BaseUrl) -> Result<rustls::ClientConfig, StatusClientError> {
    let mut roots = rustls::RootCertStore::empty();
    // Reading them takes a few milliseconds, which plain loopback need not spend.
    if base_url.is_tls() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(StatusClientError::NoRootCertificates);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(StatusClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
