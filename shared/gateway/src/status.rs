//! The Status API (E.2): the authority on what became of a payment.

mod answer;
mod base_url;
mod client;
mod credentials;
mod exchange;
mod retry_after;

pub use base_url::{BaseUrl, BaseUrlError};
pub use client::{StatusClient, StatusClientError};
pub use credentials::{Credentials, CredentialsError};
pub use exchange::{ANSWER_BYTES_MAX, reply};
