//! The envelope (E.1.5): AES-256-GCM, no AAD, the Base64 of the ciphertext as body, IV and tag in headers.

use std::fmt;

use base64::Engine as _;
use ring::aead::{Aad, Nonce, Tag};

use super::encoding::BASE64;
use super::keys::WebhookKeys;

/// Header with the Base64 of the 12-byte IV.
pub const IV_HEADER: &str = "X-Initialization-Vector";
/// Header with the Base64 of the 16-byte tag.
pub const TAG_HEADER: &str = "X-Authentication-Tag";
/// Largest body that is accepted, as it came, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// An authentic payload. Holds personal data: never printed.
#[derive(PartialEq, Eq)]
pub struct Plaintext(Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopePart {
    Body,
    Iv,
    Tag,
}

/// Why an envelope was not opened. Nothing of its content is in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// 400
    #[error("the body is empty")]
    Empty,
    /// 413
    #[error("the body has more than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    /// 400: a header is absent.
    #[error("{0} is absent")]
    Absent(EnvelopePart),
    /// 400. Plaintext JSON is this too: there is no plaintext mode.
    #[error("{0} is not Base64")]
    NotBase64(EnvelopePart),
    /// 400
    #[error("{0} has the wrong length")]
    Length(EnvelopePart),
    /// 401: forged, tampered with, or encrypted with a key that is not in the secret.
    #[error("no key opens the body")]
    Refused,
}

impl EnvelopeError {
    /// The HTTP status to answer with.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Empty | Self::Absent(_) | Self::NotBase64(_) | Self::Length(_) => 400,
            Self::TooLarge => 413,
            Self::Refused => 401,
        }
    }
}

/// Opens the envelope with the first key that fits. Body and headers are taken as they came; white space around them is trimmed.
///
/// # Errors
/// [`EnvelopeError`]; each has its HTTP status. Only [`EnvelopeError::Refused`] can be cured by newer keys.
pub fn open(
    body: &[u8],
    iv_header: Option<&[u8]>,
    tag_header: Option<&[u8]>,
    keys: &WebhookKeys,
) -> Result<Plaintext, EnvelopeError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(EnvelopeError::TooLarge);
    }
    let body = body.trim_ascii();
    if body.is_empty() {
        return Err(EnvelopeError::Empty);
    }
    let iv = header(iv_header, EnvelopePart::Iv)?;
    let tag: [u8; 16] = header(tag_header, EnvelopePart::Tag)?;
    let ciphertext = BASE64.decode(body).map_err(|_| EnvelopeError::NotBase64(EnvelopePart::Body))?;
    keys.iter()
        .find_map(|key| {
            // A failed attempt leaves nothing usable in its buffer, so each key gets its own.
            let mut buffer = ciphertext.clone();
            let nonce = Nonce::assume_unique_for_key(iv);
            key.open_in_place_separate_tag(nonce, Aad::empty(), Tag::from(tag), &mut buffer, 0..).ok()?;
            Some(Plaintext(buffer))
        })
        .ok_or(EnvelopeError::Refused)
}

fn header<const BYTES: usize>(value: Option<&[u8]>, part: EnvelopePart) -> Result<[u8; BYTES], EnvelopeError> {
    let value = value.map(<[u8]>::trim_ascii).filter(|value| !value.is_empty()).ok_or(EnvelopeError::Absent(part))?;
    let bytes = BASE64.decode(value).map_err(|_| EnvelopeError::NotBase64(part))?;
    bytes.try_into().map_err(|_| EnvelopeError::Length(part))
}

impl AsRef<[u8]> for Plaintext {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plaintext({} bytes)", self.0.len())
    }
}

impl fmt::Display for EnvelopePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "the body",
            Self::Iv => IV_HEADER,
            Self::Tag => TAG_HEADER,
        })
    }
}
