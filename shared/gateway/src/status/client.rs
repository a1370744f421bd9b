//! The Status API client.

use std::sync::Arc;
use std::time::Duration;

use spg_domain::{NoAnswerKind, Reply, ShortText, TransactionId};
use tokio::time::Instant;

use super::base_url::BaseUrl;
use super::credentials::Credentials;
use super::exchange::Http;

/// Time to open a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum StatusClientError {
    #[error("no root certificates were found: TLS cannot work")]
    NoRootCertificates,
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

/// Asks the Status API. It holds no credentials: who asks brings them.
#[derive(Debug)]
pub struct StatusClient {
    base_url: BaseUrl,
    http: Http,
}

impl StatusClient {
    /// Builds the client without connecting.
    ///
    /// # Errors
    /// [`StatusClientError`] where TLS cannot work on this machine.
    pub fn new(base_url: BaseUrl) -> Result<Self, StatusClientError> {
        let http = Http::new(CONNECT_TIMEOUT, tls_config(&base_url)?).map_err(StatusClientError::Http)?;
        Ok(Self { base_url, http })
    }

    /// Opens a TLS connection ahead of the first query, without credentials and within `timeout`. Failing does no harm.
    /// Without TLS (loopback) there is nothing worth warming, and nothing is sent.
    pub async fn warm_up(&self, timeout: Duration) {
        if self.base_url.is_tls() {
            self.http.connect(self.base_url.url(), Instant::now() + timeout).await;
        }
    }

    /// Asks once about a transaction, with the credentials of its terminal, and returns by `deadline`. Every failure is a [`Reply`] too.
    pub async fn query(
        &self,
        id: &TransactionId,
        terminal: Option<&ShortText>,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Reply {
        match self.base_url.query(id) {
            Some(url) => self.http.query(&url, credentials.of(terminal), deadline).await,
            None => Reply::none(NoAnswerKind::NotFound, "the transactionID fits no URL"),
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
