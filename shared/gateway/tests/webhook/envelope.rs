use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::Value;
use spg_gateway::webhook::EnvelopePart::{Body, Iv, Tag};
use spg_gateway::webhook::{BODY_BYTES_MAX, EnvelopeError, KEYS_MAX, WebhookKeys, open};

const VECTOR: &str = include_str!("../../../../tests/vectors/webhook-card-success.json");

/// An envelope as text, as it goes over the wire.
#[derive(Clone)]
struct Envelope {
    body: String,
    iv: String,
    tag: String,
}

impl Envelope {
    fn open(&self, keys: &WebhookKeys) -> Result<Vec<u8>, EnvelopeError> {
        let plaintext = open(self.body.as_bytes(), Some(self.iv.as_bytes()), Some(self.tag.as_bytes()), keys)?;
        Ok(plaintext.as_ref().to_vec())
    }
}

/// The published example: its envelope, its secret, its plaintext.
pub fn vector() -> (Value, WebhookKeys, Value) {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let keys = WebhookKeys::parse(vector["secret"].as_str().unwrap()).unwrap();
    let plaintext = vector["plaintext"].clone();
    (vector, keys, plaintext)
}

fn published() -> (Envelope, WebhookKeys) {
    let (vector, keys, _) = vector();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let envelope = Envelope {
        body: text(&vector["body"]),
        iv: text(&vector["headers"]["X-Initialization-Vector"]),
        tag: text(&vector["headers"]["X-Authentication-Tag"]),
    };
    (envelope, keys)
}

/// Sealed by another implementation than the one that opens.
fn seal(plaintext: &[u8], key: [u8; 32]) -> Envelope {
    let iv = [7; 12];
    let sealed = Aes256Gcm::new(&key.into()).encrypt(&iv.into(), plaintext).unwrap();
    let (ciphertext, tag) = sealed.split_at(sealed.len() - 16);
    Envelope { body: STANDARD.encode(ciphertext), iv: STANDARD.encode(iv), tag: STANDARD.encode(tag) }
}

fn keys(keys: &[[u8; 32]]) -> WebhookKeys {
    let keys: Vec<_> = keys.iter().map(|key| STANDARD.encode(key)).collect();
    WebhookKeys::parse(&serde_json::json!({ "keys": keys }).to_string()).unwrap()
}

#[test]
fn the_published_example_opens() {
    let (envelope, keys) = published();
    let plaintext: Value = serde_json::from_slice(&envelope.open(&keys).unwrap()).unwrap();
    assert_eq!(plaintext, vector().2);
}

#[test]
fn each_damaged_bit_is_refused() {
    let (envelope, keys) = published();
    let parts = [&envelope.body, &envelope.iv, &envelope.tag].map(|text| STANDARD.decode(text).unwrap());
    for part in 0..parts.len() {
        for bit in 0..parts[part].len() * 8 {
            let mut damaged = parts.clone();
            damaged[part][bit / 8] ^= 1 << (bit % 8);
            let [body, iv, tag] = damaged.map(|bytes| STANDARD.encode(bytes));
            assert_eq!(Envelope { body, iv, tag }.open(&keys), Err(EnvelopeError::Refused), "part {part}, bit {bit}");
        }
    }
}

#[test]
fn each_damaged_bit_of_the_text_is_refused() {
    let (envelope, keys) = published();
    let parts = [&envelope.body, &envelope.iv, &envelope.tag].map(|text| text.as_bytes().to_vec());
    for part in 0..parts.len() {
        for bit in 0..parts[part].len() * 8 {
            let mut damaged = parts.clone();
            damaged[part][bit / 8] ^= 1 << (bit % 8);
            let opened = open(&damaged[0], Some(&damaged[1]), Some(&damaged[2]), &keys);
            assert!(opened.is_err(), "part {part}, bit {bit}");
        }
    }
}

#[test]
fn shortened_and_lengthened_ciphertexts_are_refused() {
    let (envelope, keys) = published();
    let bytes = STANDARD.decode(&envelope.body).unwrap();
    for other in [&bytes[1..], &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &bytes[..1]] {
        let damaged = Envelope { body: STANDARD.encode(other), ..envelope.clone() };
        assert_eq!(damaged.open(&keys), Err(EnvelopeError::Refused));
    }
}

#[test]
fn white_space_around_and_absent_padding_are_taken() {
    let (envelope, keys) = published();
    let around = |text: &str| format!(" \r\n\t{text}\r\n ");
    let spaced = Envelope { body: around(&envelope.body), iv: around(&envelope.iv), tag: around(&envelope.tag) };
    assert!(spaced.open(&keys).is_ok());
    let bare = |text: &str| STANDARD_NO_PAD.encode(STANDARD.decode(text).unwrap());
    let unpadded = Envelope { body: bare(&envelope.body), iv: bare(&envelope.iv), tag: bare(&envelope.tag) };
    assert!(unpadded.open(&keys).is_ok());
}

#[test]
fn what_another_implementation_sealed_opens_with_any_of_the_keys() {
    let envelope = seal(b"{}", [2; 32]);
    assert_eq!(envelope.open(&keys(&[[2; 32]])).unwrap(), b"{}");
    assert_eq!(envelope.open(&keys(&[[1; 32], [3; 32], [2; 32]])).unwrap(), b"{}");
    assert_eq!(envelope.open(&keys(&[[1; 32], [3; 32]])), Err(EnvelopeError::Refused));
}

#[test]
fn the_secrets_own_letters_are_no_key() {
    // 32 characters that are Base64 of 24 bytes: taken as UTF-8 they would be a key.
    let letters = *b"abcdefghijklmnopqrstuvwxyzABCDEF";
    assert!(WebhookKeys::parse(std::str::from_utf8(&letters).unwrap()).is_err());
    let (vector, keys, _) = vector();
    let secret = vector["secret"].as_str().unwrap().as_bytes();
    let envelope = seal(b"{}", secret[..32].try_into().unwrap());
    assert_eq!(envelope.open(&keys), Err(EnvelopeError::Refused));
}

fn check(body: &[u8], iv: Option<&str>, tag: Option<&str>, expected: EnvelopeError, http_status: u16) {
    let keys = keys(&[[2; 32]]);
    let opened = open(body, iv.map(str::as_bytes), tag.map(str::as_bytes), &keys);
    assert_eq!(opened, Err(expected));
    assert_eq!(expected.http_status(), http_status);
}

#[test]
fn each_fault_of_an_envelope_has_its_answer() {
    let good = seal(b"{}", [2; 32]);
    let (body, iv, tag) = (good.body.as_bytes(), Some(good.iv.as_str()), Some(good.tag.as_str()));
    let short = STANDARD.encode([0; 11]);
    let long = STANDARD.encode([0; 17]);
    check(b"", iv, tag, EnvelopeError::Empty, 400);
    check(b" \r\n", iv, tag, EnvelopeError::Empty, 400);
    assert_eq!(BODY_BYTES_MAX, 262_144);
    check(&vec![b'A'; BODY_BYTES_MAX + 1], iv, tag, EnvelopeError::TooLarge, 413);
    check(&vec![b'A'; BODY_BYTES_MAX], iv, tag, EnvelopeError::Refused, 401);
    check(body, None, tag, EnvelopeError::Absent(Iv), 400);
    check(body, iv, None, EnvelopeError::Absent(Tag), 400);
    check(body, Some(" "), tag, EnvelopeError::Absent(Iv), 400);
    check(body, Some("4589E8CA"), tag, EnvelopeError::Length(Iv), 400);
    check(body, Some("***"), tag, EnvelopeError::NotBase64(Iv), 400);
    check(body, iv, Some("é"), EnvelopeError::NotBase64(Tag), 400);
    check(body, Some(&short), tag, EnvelopeError::Length(Iv), 400);
    check(body, iv, Some(&long), EnvelopeError::Length(Tag), 400);
    check(br#"{"paymentStatus":"Success"}"#, iv, tag, EnvelopeError::NotBase64(Body), 400);
    check(b"AAAA\nAAAA", iv, tag, EnvelopeError::NotBase64(Body), 400);
    check(b"-_-_", iv, tag, EnvelopeError::NotBase64(Body), 400);
    check(b"AAAA", iv, tag, EnvelopeError::Refused, 401);
}

/// What was decrypted is never shown; what is wrong with an envelope names its part.
#[test]
fn words_for_logs() {
    let (envelope, keys) = published();
    let opened = open(envelope.body.as_bytes(), Some(envelope.iv.as_bytes()), Some(envelope.tag.as_bytes()), &keys);
    let opened = opened.unwrap();
    assert_eq!(format!("{opened:?}"), format!("Plaintext({} bytes)", opened.as_ref().len()));
    let parts = [Body, Iv, Tag].map(|part| part.to_string());
    assert_eq!(parts, ["the body", "X-Initialization-Vector", "X-Authentication-Tag"]);
}

fn check_keys(secret: &str, expected: Result<&str, &str>) {
    let parsed = WebhookKeys::parse(secret).map(|k| format!("{k:?}")).map_err(|e| e.to_string());
    assert_eq!(parsed, expected.map(str::to_owned).map_err(str::to_owned), "{secret}");
}

#[test]
fn secrets() {
    let key = STANDARD.encode([9; 32]);
    check_keys(&key, Ok("WebhookKeys(1 keys)"));
    check_keys(&format!(" {}\n", key.trim_end_matches('=')), Ok("WebhookKeys(1 keys)"));
    check_keys(&format!(r#" {{"keys":["{key}"," {key} "],"note":1}} "#), Ok("WebhookKeys(2 keys)"));
    check_keys("", Err("the webhook secret has no key"));
    check_keys(r#"{"keys":[]}"#, Err("the webhook secret has no key"));
    let format = r#"the webhook secret must be JSON {"keys":["<Base64 of 32 bytes>"]} or one such key as plain text"#;
    for bad in [r#"{"keys":"canary"}"#, r#"{"keys":null}"#, r#"{"key":["canary"]}"#, "{canary"] {
        check_keys(bad, Err(format));
    }
    for length in [0, 16, 31, 33, 64] {
        let other = STANDARD.encode(vec![9; length]);
        let problem = format!("key 2 of 2 in the webhook secret has {length} bytes instead of 32 (Base64 of 32 bytes)");
        check_keys(&format!(r#"{{"keys":["{key}","{other}"]}}"#), Err(&problem));
    }
    check_keys(r#"{"keys":["*canary*"]}"#, Err("key 1 of 1 in the webhook secret is not standard Base64"));
    check_keys(r#"{"keys":[12]}"#, Err("key 1 of 1 in the webhook secret is not a text"));
    let most = serde_json::json!({ "keys": vec![key.clone(); KEYS_MAX] });
    check_keys(&most.to_string(), Ok("WebhookKeys(8 keys)"));
    let many = vec![key; KEYS_MAX + 1];
    check_keys(
        &serde_json::json!({ "keys": many }).to_string(),
        Err("the webhook secret has 9 keys, at most 8 are allowed"),
    );
}
