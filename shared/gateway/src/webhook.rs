//! The webhook: open the envelope, read the payload, acknowledge.

mod acknowledgement;
mod encoding;
mod envelope;
mod keys;
mod payload;

pub use acknowledgement::{Acknowledgement, STATUS_CODE_DEFAULT};
pub use envelope::{BODY_BYTES_MAX, EnvelopeError, EnvelopePart, IV_HEADER, Plaintext, TAG_HEADER, open};
pub use keys::{KEYS_MAX, KeyError, KeyProblem, WebhookKeys};
pub use payload::{Parsed, PayloadError, parse_notification};
