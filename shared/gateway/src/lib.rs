//! SPG's two faces: the webhook that it calls and the Status API that it answers on.
//!
//! The only crate that names SPG's JSON. [`webhook`] opens the envelope, reads the payload and acknowledges; it needs no
//! network. [`status`] asks the Status API. Both read the same core of fields, with the same tolerance: JSON types vary, unknown
//! fields appear without warning, and a field that cannot be read is dropped and named instead of failing the rest.
//!
//! Nothing here logs a body, a key, a token or personal data, and no `Debug` or error text holds one.

mod facts;
mod json;
pub mod registration;
pub mod status;
pub mod webhook;
