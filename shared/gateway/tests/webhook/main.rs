//! The webhook: envelope, payload, registration.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod envelope;
mod hostile;
mod payload;
mod registration;
