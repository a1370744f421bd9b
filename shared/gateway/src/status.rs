//! The Status API (E.2): the authority on what became of a payment.

mod answer;
mod base_url;
mod client;
mod credentials;
mod exchange;
mod retry_after;
mod vault;

pub use base_url::{BaseUrl, BaseUrlError};
pub use client::{StatusApiConfig, StatusClient, StatusClientError};
pub use credentials::{Credentials, CredentialsError};
pub use exchange::{ANSWER_BYTES_MAX, reply};
pub use vault::{CredentialSource, FixedCredentials};
