//! The webhook keys in their secret, as text that goes back there. Never printed.

use std::fmt;

use aws_sdk_secretsmanager::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use spg_gateway::webhook::{KEYS_MAX, WebhookKeys};

use crate::Error;

/// One key as the Backoffice shows it: the Base64 of 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    text: String,
    bytes: Vec<u8>,
}

impl KeyText {
    /// # Errors
    /// It is no key; the message does not say what it is.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        // The functions' own judgement first; it names what is wrong and not what is there.
        let usable = !text.starts_with('{');
        WebhookKeys::parse(if usable { text } else { "" }).map_err(|error| Error::input("the key", error))?;
        // Padded or not, as the functions take it.
        let padded = format!("{}{}", text.trim_end_matches('='), "=");
        let bytes = STANDARD.decode(padded).map_err(|_| Error::input("the key", "it is not the Base64 of 32 bytes"))?;
        Ok(Self { text: text.to_owned(), bytes })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(..)")
    }
}

/// The secret with the keys.
#[derive(Debug)]
pub struct KeySecret {
    client: Client,
    id: String,
}

/// What the secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    pub keys: Vec<KeyText>,
    /// Members beside `keys`, which are kept.
    rest: Map<String, Value>,
}

impl Keys {
    /// # Errors
    /// It is not as the functions want it. No keys at all is no error here: that is how the secret begins.
    pub fn parse(secret: &str) -> Result<Self, Error> {
        let secret = secret.trim();
        if !secret.starts_with('{') {
            return Ok(Self { keys: vec![KeyText::parse(secret)?], rest: Map::new() });
        }
        let wrong = || Error::input("the webhook secret", "it must be {\"keys\":[\"<Base64 of 32 bytes>\"]}");
        let Ok(Value::Object(mut rest)) = serde_json::from_str(secret) else { return Err(wrong()) };
        let Some(Value::Array(texts)) = rest.remove("keys") else { return Err(wrong()) };
        let keys = texts.iter().map(|text| KeyText::parse(text.as_str().unwrap_or_default()));
        Ok(Self { keys: keys.collect::<Result<_, _>>()?, rest })
    }

    fn to_secret(&self) -> String {
        let mut secret = self.rest.clone();
        secret.insert("keys".to_owned(), json!(self.keys.iter().map(|key| &key.text).collect::<Vec<_>>()));
        Value::Object(secret).to_string()
    }
}

impl KeySecret {
    pub fn new(client: Client, id: impl Into<String>) -> Self {
        Self { client, id: id.into() }
    }

    /// # Errors
    /// It cannot be read or used.
    pub async fn read(&self) -> Result<Keys, Error> {
        let call = self.client.get_secret_value().secret_id(&self.id).send().await;
        let answer = call.map_err(Error::call("reading the secret with the webhook keys"))?;
        let text = answer.secret_string.unwrap_or_default();
        Keys::parse(&text).map_err(|error| Error::Secret { secret: self.id.clone(), reason: error.to_string() })
    }

    /// # Errors
    /// There would be too many keys, or Secrets Manager refuses.
    pub async fn write(&self, keys: &Keys) -> Result<(), Error> {
        if keys.keys.len() > KEYS_MAX {
            return Err(Error::Refused(format!("the secret would have more than {KEYS_MAX} keys: retire some first")));
        }
        let text = keys.to_secret();
        // What the functions would not read must not get there.
        WebhookKeys::parse(&text).map_err(|error| Error::input("the secret as it would be", error))?;
        let call = self.client.put_secret_value().secret_id(&self.id).secret_string(text).send().await;
        call.map(|_| ()).map_err(Error::call("writing the secret with the webhook keys"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const OTHER: &str = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn a_key_is_what_the_functions_take_and_is_never_printed() {
        for text in [ONE, OTHER, &format!(" {ONE}\n")] {
            let key = KeyText::parse(text).unwrap();
            assert_eq!(key.bytes().len(), 32);
            assert_eq!(format!("{key:?}"), "KeyText(..)");
        }
        for text in ["", "{}", "geheim", "AAAA", &format!("{{\"keys\":[\"{ONE}\"]}}")] {
            let error = KeyText::parse(text).unwrap_err().to_string();
            assert!(!error.contains("geheim"), "{error}");
        }
    }

    #[test]
    fn what_else_is_in_the_secret_stays_there() {
        let mut keys = Keys::parse(&format!("{{\"keys\":[\"{ONE}\"],\"note\":\"x\"}}")).unwrap();
        keys.keys.push(KeyText::parse(OTHER).unwrap());
        let written = keys.to_secret();
        assert_eq!(written, format!("{{\"keys\":[\"{ONE}\",\"{OTHER}\"],\"note\":\"x\"}}"));
        assert_eq!(Keys::parse(&written).unwrap(), keys);
        assert_eq!(Keys::parse(r#"{"keys":[]}"#).unwrap().keys, []);
        assert_eq!(Keys::parse(ONE).unwrap().keys.len(), 1);
        for wrong in ["{}", r#"{"keys":"x"}"#, r#"{"keys":[1]}"#, "[]"] {
            assert!(Keys::parse(wrong).is_err(), "{wrong}");
        }
    }
}
