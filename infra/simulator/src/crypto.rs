//! The webhook's envelope (wire facts from SPG documentation E.1.5): AES-256-GCM without associated data, the body is the
//! Base64 of the ciphertext alone, IV and tag travel Base64-encoded in two headers.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// Header with the Base64 of the IV.
pub const IV_HEADER: &str = "X-Initialization-Vector";
/// Header with the Base64 of the authentication tag.
pub const TAG_HEADER: &str = "X-Authentication-Tag";
/// Length of a key.
pub const KEY_BYTES: usize = 32;
/// Length of an IV.
pub const IV_BYTES: usize = 12;
/// Length of an authentication tag.
pub const TAG_BYTES: usize = 16;

/// What can be wrong with a key or an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The secret is not the Base64 of 32 bytes.
    #[error("a webhook key is the Base64 of exactly {KEY_BYTES} bytes")]
    Key,
    /// A part of the envelope is not Base64 or has a wrong length.
    #[error("{0} is not Base64 of the right length")]
    Encoding(&'static str),
    /// The tag does not fit: other key, or altered on the way.
    #[error("the authentication tag does not fit: another key, or altered on the way")]
    Authentication,
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
}

/// A webhook secret as the Backoffice shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookKey([u8; KEY_BYTES]);

impl WebhookKey {
    /// Reads the Base64 of 32 bytes.
    ///
    /// # Errors
    /// [`CryptoError::Key`] for anything else.
    pub fn from_base64(secret: &str) -> Result<Self, CryptoError> {
        let bytes = STANDARD.decode(secret.trim()).map_err(|_| CryptoError::Key)?;
        bytes.try_into().map(Self).map_err(|_| CryptoError::Key)
    }

    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret as the Backoffice would show it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    fn cipher(&self) -> Result<LessSafeKey, CryptoError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.0).map_err(|_| CryptoError::Key)?;
        Ok(LessSafeKey::new(key))
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey(..)")
    }
}

/// An encrypted webhook as it goes over the wire: two header values and a body, all Base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Value of [`IV_HEADER`].
    pub iv: String,
    /// Value of [`TAG_HEADER`].
    pub tag: String,
    /// The request's body.
    pub body: String,
}

/// An IV from the system's random numbers.
///
/// # Errors
/// [`CryptoError::Random`] if the system has none.
pub fn random_iv() -> Result<[u8; IV_BYTES], CryptoError> {
    let mut iv = [0; IV_BYTES];
    SystemRandom::new().fill(&mut iv).map_err(|_| CryptoError::Random)?;
    Ok(iv)
}

/// Encrypts a payload.
///
/// An IV must not be used twice with one key. The simulator draws its IVs from the seed, so its keys must be test keys.
///
/// # Errors
/// [`CryptoError::Key`] if the library refuses the key.
pub fn encrypt(key: &WebhookKey, iv: [u8; IV_BYTES], plaintext: &[u8]) -> Result<Envelope, CryptoError> {
    let mut data = plaintext.to_vec();
    let tag = key
        .cipher()?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::empty(), &mut data)
        .map_err(|_| CryptoError::Key)?;
    Ok(Envelope { iv: STANDARD.encode(iv), tag: STANDARD.encode(tag.as_ref()), body: STANDARD.encode(&data) })
}

/// Opens an envelope.
///
/// # Errors
/// [`CryptoError::Encoding`] for a part that is no Base64 or too long or short, [`CryptoError::Authentication`] if the tag
/// does not fit.
pub fn decrypt(key: &WebhookKey, envelope: &Envelope) -> Result<Vec<u8>, CryptoError> {
    let iv: [u8; IV_BYTES] =
        decode(&envelope.iv, IV_HEADER)?.try_into().map_err(|_| CryptoError::Encoding(IV_HEADER))?;
    let tag = decode(&envelope.tag, TAG_HEADER)?;
    if tag.len() != TAG_BYTES {
        return Err(CryptoError::Encoding(TAG_HEADER));
    }
    let mut data = decode(&envelope.body, "the body")?;
    data.extend_from_slice(&tag);
    let plaintext = key
        .cipher()?
        .open_in_place(Nonce::assume_unique_for_key(iv), Aad::empty(), &mut data)
        .map_err(|_| CryptoError::Authentication)?;
    Ok(plaintext.to_vec())
}

fn decode(text: &str, what: &'static str) -> Result<Vec<u8>, CryptoError> {
    STANDARD.decode(text.trim()).map_err(|_| CryptoError::Encoding(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const VECTOR: &str = include_str!("../../../tests/vectors/webhook-card-success.json");

    fn vector() -> (WebhookKey, Envelope, Value) {
        let vector: Value = serde_json::from_str(VECTOR).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let envelope = Envelope {
            iv: text(&vector["headers"][IV_HEADER]),
            tag: text(&vector["headers"][TAG_HEADER]),
            body: text(&vector["body"]),
        };
        (WebhookKey::from_base64(&text(&vector["secret"])).unwrap(), envelope, vector["plaintext"].clone())
    }

    #[test]
    fn opens_the_published_vector_and_seals_it_again_byte_for_byte() {
        let (key, envelope, expected) = vector();
        let plaintext = decrypt(&key, &envelope).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&plaintext).unwrap(), expected);
        let iv = STANDARD.decode(&envelope.iv).unwrap().try_into().unwrap();
        assert_eq!(encrypt(&key, iv, &plaintext).unwrap(), envelope);
    }

    #[test]
    fn goes_there_and_back() {
        let key = WebhookKey::from_bytes([7; KEY_BYTES]);
        for plaintext in ["", "{}", "não é JSON", &"x".repeat(100_000)] {
            let envelope = encrypt(&key, [1; IV_BYTES], plaintext.as_bytes()).unwrap();
            assert_eq!(decrypt(&key, &envelope).unwrap(), plaintext.as_bytes());
            assert_eq!(decrypt(&WebhookKey::from_bytes([8; KEY_BYTES]), &envelope), Err(CryptoError::Authentication));
        }
    }

    #[test]
    fn refuses_what_is_malformed() {
        let (key, good, _) = vector();
        let with = |change: &dyn Fn(&mut Envelope)| {
            let mut envelope = good.clone();
            change(&mut envelope);
            decrypt(&key, &envelope).unwrap_err()
        };
        assert_eq!(with(&|e| e.iv = "AAAA".into()), CryptoError::Encoding(IV_HEADER));
        assert_eq!(with(&|e| e.tag = "AAAA".into()), CryptoError::Encoding(TAG_HEADER));
        assert_eq!(with(&|e| e.body = "{}".into()), CryptoError::Encoding("the body"));
        assert_eq!(with(&|e| e.body = "AAAA".into()), CryptoError::Authentication);
        assert_eq!(WebhookKey::from_base64("c2hvcnQ=").unwrap_err(), CryptoError::Key);
        assert_eq!(format!("{key:?}"), "WebhookKey(..)");
    }
}
