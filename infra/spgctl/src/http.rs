//! HTTP to the system's own addresses and to SPG's: TLS by ring, bounded in time and size.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};

use crate::Error;

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

/// # Errors
/// TLS cannot work on this machine.
pub fn client() -> Result<Client, Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::call("setting TLS up"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("spgctl/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(Error::call("setting HTTP up"))
}

/// Reads an answer.
///
/// # Errors
/// It ends early or is too large.
pub async fn read(mut response: Response) -> Result<Answer, Error> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Error::call("reading the answer"))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Error::Refused(format!("the answer has more than {BODY_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}
