//! The envelope: what was sealed with a key of ours opens as it was, and nothing else ever opens.

use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Key, Nonce, Tag};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use spg_gateway::webhook::{BODY_BYTES_MAX, EnvelopeError, WebhookKeys, open};

use crate::input::line;

/// What a sender may write: padded or not, and no stray bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The first two are ours; the third is somebody else's. They open nothing but what these targets seal.
const KEYS: [[u8; 32]; 3] = [[1; 32], [2; 32], [3; 32]];
const OURS: usize = 2;

/// The first byte says what the rest is: three lines as they came in, or something to be sealed.
pub fn envelope(data: &[u8]) {
    match data {
        [b'r', rest @ ..] => {
            let (iv, rest) = line(rest);
            let (tag, body) = line(rest);
            arrived(body, iv, tag);
        }
        [how, flip, rest @ ..] => sealed(usize::from(*how), usize::from(*flip), rest),
        [] | [_] => {}
    }
}

/// As a webhook of SPG's: the headers IV and tag, and the body.
pub fn seal(key: usize, iv: [u8; 12], plaintext: &[u8]) -> (Vec<u8>, [u8; 16]) {
    let mut buffer = plaintext.to_vec();
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(KEYS[key]));
    let tag = cipher.encrypt_inout_detached(&Nonce::from(iv), &[], buffer.as_mut_slice().into());
    (buffer, tag.expect("a short text can be sealed").into())
}

/// The secret that holds our keys.
pub fn keys() -> WebhookKeys {
    let texts = KEYS[..OURS].iter().map(|key| format!("\"{}\"", BASE64.encode(key))).collect::<Vec<_>>();
    WebhookKeys::parse(&format!("{{\"keys\":[{}]}}", texts.join(","))).expect("two keys of 32 bytes")
}

/// Opened exactly when the other implementation opens it, and with the same result.
fn arrived(body: &[u8], iv: &[u8], tag: &[u8]) {
    let opened = open(body, Some(iv), Some(tag), &keys());
    match (&opened, reference(body, iv, tag)) {
        (Ok(plaintext), Some(expected)) => assert_eq!(plaintext.as_ref(), expected),
        (Ok(_), None) => panic!("opened what only a forger can have written"),
        (Err(error), Some(_)) => panic!("did not open what was sealed with our key: {error}"),
        (Err(error), None) => refused(*error, body),
    }
    // A header that is not there is never made up.
    assert!(open(body, None, Some(tag), &keys()).is_err() && open(body, Some(iv), None, &keys()).is_err());
}

fn refused(error: EnvelopeError, body: &[u8]) {
    let status = error.http_status();
    assert_eq!(error == EnvelopeError::TooLarge, body.len() > BODY_BYTES_MAX);
    assert_eq!(error == EnvelopeError::Empty, body.trim_ascii().is_empty());
    match error {
        EnvelopeError::TooLarge => assert_eq!(status, 413),
        EnvelopeError::Refused => assert_eq!(status, 401),
        EnvelopeError::Empty | EnvelopeError::Absent(_) | EnvelopeError::NotBase64(_) | EnvelopeError::Length(_) => {
            assert_eq!(status, 400);
        }
    }
}

/// The same by the second implementation; none where any part of it cannot be read, or no key of ours fits.
fn reference(body: &[u8], iv: &[u8], tag: &[u8]) -> Option<Vec<u8>> {
    let body = body.trim_ascii();
    if body.is_empty() {
        return None;
    }
    let iv: [u8; 12] = BASE64.decode(iv.trim_ascii()).ok()?.try_into().ok()?;
    let tag: [u8; 16] = BASE64.decode(tag.trim_ascii()).ok()?.try_into().ok()?;
    let ciphertext = BASE64.decode(body).ok()?;
    KEYS[..OURS].iter().find_map(|key| {
        let mut buffer = ciphertext.clone();
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
        let opened =
            cipher.decrypt_inout_detached(&Nonce::from(iv), &[], buffer.as_mut_slice().into(), &Tag::from(tag));
        opened.ok().map(|()| buffer)
    })
}

/// Sealed by us, sent as senders do, opened; then with one bit of it turned over.
fn sealed(how: usize, flip: usize, rest: &[u8]) {
    let mut iv = [0; 12];
    let (start, plaintext) = rest.split_at(rest.len().min(iv.len()));
    iv[..start.len()].copy_from_slice(start);
    let key = how % KEYS.len();
    let (ciphertext, tag) = seal(key, iv, plaintext);
    let (body, iv_text, tag_text) = (written(how, &ciphertext), written(how, &iv), written(how, &tag));
    let opened = open(&body, Some(&iv_text), Some(&tag_text), &keys());
    match opened {
        Ok(opened) => {
            assert!(key < OURS, "opened what was sealed with another key");
            assert_eq!(opened.as_ref(), plaintext);
        }
        Err(EnvelopeError::Empty) => assert!(plaintext.is_empty()),
        Err(EnvelopeError::Refused) => assert!(key >= OURS, "did not open what was sealed with our key"),
        Err(error) => panic!("{error}, of an envelope that is as it should be"),
    }
    let mut parts = [ciphertext, iv.to_vec(), tag.to_vec()];
    let part = &mut parts[flip % 3];
    if part.is_empty() {
        return;
    }
    let byte = (flip / 3) % part.len();
    part[byte] ^= 1 << (how % 8);
    let [ciphertext, iv, tag] = parts.map(|part| written(how, &part));
    if !ciphertext.trim_ascii().is_empty() {
        assert_eq!(open(&ciphertext, Some(&iv), Some(&tag), &keys()).err(), Some(EnvelopeError::Refused));
    }
}

/// Base64 with or without padding, with or without white space around it.
fn written(how: usize, bytes: &[u8]) -> Vec<u8> {
    let text = BASE64.encode(bytes);
    let text = if how & 8 == 0 { text.as_str() } else { text.trim_end_matches('=') };
    let space = ["", " ", "\r\n", "\t "][(how >> 4) & 3];
    format!("{space}{text}{space}").into_bytes()
}
