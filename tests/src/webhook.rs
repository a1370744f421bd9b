//! Webhooks as SPG encrypts them, made by another implementation of AES-256-GCM than the one under test.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::binaries::workspace;

/// A webhook key: 32 bytes.
pub type WebhookKey = [u8; 32];
/// HTTP headers in the order in which they are sent.
pub type Headers = Vec<(String, String)>;

const IV_BYTES: usize = 12;
const IV_HEADER: &str = "X-Initialization-Vector";
const TAG_HEADER: &str = "X-Authentication-Tag";

/// A key for tests, the same in every run.
pub const KEY: WebhookKey = *b"spg-webhooks harness key, 32 byt";

/// A key as the Backoffice and the secret spell it.
pub fn key_base64(key: &WebhookKey) -> String {
    STANDARD.encode(key)
}

/// SPG's payload of a purchase by MB WAY of 15.90 EUR.
pub fn payload(transaction_id: &str, notification_id: &str, status: &str) -> Value {
    json!({
        "returnStatus": {"statusMsg": "Success", "statusCode": "000"},
        "paymentStatus": status,
        "paymentMethod": "MBWAY",
        "transactionID": transaction_id,
        "transactionDateTime": "2026-03-12T10:48:44Z",
        "amount": {"currency": "EUR", "value": 15.9},
        "merchant": {"transactionId": format!("order-{transaction_id}"), "terminalId": 50994},
        "paymentType": "PURS",
        "notificationID": notification_id,
    })
}

/// Encrypts a payload under a fresh IV. Returns the headers and the Base64 body.
pub fn encrypt(key: &WebhookKey, payload: &Value) -> (Headers, String) {
    encrypt_bytes(key, payload.to_string().as_bytes())
}

/// As [`encrypt`], for payloads that are not JSON.
pub fn encrypt_bytes(key: &WebhookKey, plaintext: &[u8]) -> (Headers, String) {
    encrypt_with_iv(key, fresh_iv(), plaintext)
}

/// As [`encrypt_bytes`] with a given IV: the same input gives the same webhook.
pub fn encrypt_with_iv(key: &WebhookKey, iv: [u8; IV_BYTES], plaintext: &[u8]) -> (Headers, String) {
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
    let mut buffer = plaintext.to_vec();
    let tag = cipher
        .encrypt_inout_detached(&Nonce::from(iv), b"", buffer.as_mut_slice().into())
        .expect("a payload within the cipher's limits");
    let headers = vec![
        ("Content-Type".to_owned(), "text/plain".to_owned()),
        (IV_HEADER.to_owned(), STANDARD.encode(iv)),
        (TAG_HEADER.to_owned(), STANDARD.encode(tag)),
    ];
    (headers, STANDARD.encode(buffer))
}

/// A published webhook with its key and its plaintext.
#[derive(Clone, Debug, Deserialize)]
pub struct Vector {
    pub name: String,
    pub source: String,
    /// Base64 of the key.
    pub secret: String,
    headers: serde_json::Map<String, Value>,
    /// Base64, as sent.
    pub body: String,
    /// What it says, parsed.
    pub plaintext: Value,
}

impl Vector {
    /// SPG's documented webhook of a successful card payment.
    ///
    /// # Panics
    /// If the file is not there or not readable.
    pub fn card_success() -> Self {
        Self::load("webhook-card-success")
    }

    /// A vector of `tests/vectors`, by its file name without the extension.
    ///
    /// # Panics
    /// If the file is not there or not readable.
    pub fn load(name: &str) -> Self {
        let path = workspace().join("tests/vectors").join(format!("{name}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).expect("a vector in the known shape")
    }

    pub fn headers(&self) -> Headers {
        let text = |value: &Value| value.as_str().expect("headers are strings").to_owned();
        self.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// The key's bytes.
    pub fn key(&self) -> WebhookKey {
        decoded(&self.secret)
    }

    /// The IV's bytes.
    pub fn iv(&self) -> [u8; IV_BYTES] {
        decoded(self.headers.get(IV_HEADER).and_then(Value::as_str).expect("a vector has an IV"))
    }
}

fn decoded<const BYTES: usize>(base64: &str) -> [u8; BYTES] {
    STANDARD.decode(base64).ok().and_then(|bytes| bytes.try_into().ok()).expect("Base64 of the right length")
}

/// Random at the start of the process, then counted: never twice under one key.
fn fresh_iv() -> [u8; IV_BYTES] {
    static START: OnceLock<u64> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let start = *START.get_or_init(|| RandomState::new().build_hasher().finish());
    let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let mut iv = [0; IV_BYTES];
    iv[4..].copy_from_slice(&number.to_be_bytes());
    iv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_is_reproduced_byte_for_byte() {
        let vector = Vector::card_success();
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(vector.key()));
        let mut plaintext = STANDARD.decode(&vector.body).unwrap();
        let tag: [u8; 16] = decoded(vector.headers[TAG_HEADER].as_str().unwrap());
        cipher
            .decrypt_inout_detached(&Nonce::from(vector.iv()), b"", plaintext.as_mut_slice().into(), &tag.into())
            .unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&plaintext).unwrap(), vector.plaintext);

        let (headers, body) = encrypt_with_iv(&vector.key(), vector.iv(), &plaintext);
        assert_eq!(body, vector.body);
        let sorted = |mut headers: Headers| {
            headers.sort();
            headers
        };
        assert_eq!(sorted(headers), sorted(vector.headers()));
    }

    #[test]
    fn no_iv_is_used_twice() {
        let webhooks = [encrypt(&KEY, &Value::Null), encrypt(&KEY, &Value::Null)];
        assert_ne!(webhooks[0], webhooks[1]);
    }
}
