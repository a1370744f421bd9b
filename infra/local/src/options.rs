use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;

pub const PORT_DEFAULT: u16 = 4577;
/// What the functions present to a Status API that somebody else runs, unless told otherwise.
pub const STATUS_API_TOKEN_DEFAULT: &str = "local-token";
pub const STATUS_API_CLIENT_ID_DEFAULT: &str = "local-client";

const KEY_BYTES: usize = 32;

/// How a stack is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for all files of the stack, absolute.
    pub dir: PathBuf,
    /// The emulator's port on loopback; 0 takes any that is free.
    pub port: u16,
    /// The port through which the functions reach the emulator, where somebody stands between them; absent: the emulator's.
    pub functions_port: Option<u16>,
    /// Base address of a Status API that somebody else runs; without it a simulator is started.
    pub status_api_url: Option<String>,
    pub status_api_token: String,
    pub status_api_client_id: String,
    /// Base64 of 32 bytes each; without any, one is made.
    pub webhook_keys: Vec<String>,
    pub ack_status_code: Option<String>,
    /// Parameters of the template by name; they win over everything above.
    pub parameters: Vec<(String, String)>,
}

impl Options {
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            port: PORT_DEFAULT,
            functions_port: None,
            status_api_url: None,
            status_api_token: STATUS_API_TOKEN_DEFAULT.to_owned(),
            status_api_client_id: STATUS_API_CLIENT_ID_DEFAULT.to_owned(),
            webhook_keys: Vec::new(),
            ack_status_code: None,
            parameters: Vec::new(),
        }
    }

    /// The webhook keys that were given, or a new one.
    ///
    /// # Errors
    /// A key is not the Base64 of 32 bytes, or the operating system has no random bytes.
    pub(crate) fn keys(&self) -> Result<Vec<String>, Error> {
        for (index, key) in self.webhook_keys.iter().enumerate() {
            if STANDARD.decode(key).map(|bytes| bytes.len()) != Ok(KEY_BYTES) {
                return Err(Error::WebhookKey { position: index + 1 });
            }
        }
        if !self.webhook_keys.is_empty() {
            return Ok(self.webhook_keys.clone());
        }
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(Error::Random)?;
        Ok(vec![STANDARD.encode(key)])
    }

    /// The values of the template's parameters; a later one of the same name wins.
    pub(crate) fn template_parameters(&self, status_api_url: &str) -> Vec<(String, String)> {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let mut parameters = vec![
            ("StatusApiUrl".to_owned(), status_api_url.to_owned()),
            ("Architecture".to_owned(), architecture.to_owned()),
            // The emulator knows no AWS::Logs::QueryDefinition.
            ("SavedQueries".to_owned(), "no".to_owned()),
        ];
        parameters.extend(self.ack_status_code.clone().map(|code| ("AckStatusCode".to_owned(), code)));
        parameters.extend(self.parameters.iter().cloned());
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_when_none_is_given() {
        let options = Options::new(PathBuf::from("/nowhere"));
        let keys = options.keys().unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(STANDARD.decode(&keys[0]).unwrap().len(), KEY_BYTES);
        assert_ne!(keys, options.keys().unwrap());
    }

    #[test]
    fn a_wrong_key_is_named_by_its_position() {
        let mut options = Options::new(PathBuf::from("/nowhere"));
        options.webhook_keys = vec![STANDARD.encode([7; KEY_BYTES]), STANDARD.encode([7; 16])];
        assert!(matches!(options.keys(), Err(Error::WebhookKey { position: 2 })));
    }

    #[test]
    fn parameters_come_last() {
        let mut options = Options::new(PathBuf::from("/nowhere"));
        options.ack_status_code = Some("200".to_owned());
        options.parameters = vec![("AckStatusCode".to_owned(), "000".to_owned())];
        let parameters = options.template_parameters("http://127.0.0.1:1");
        let last = parameters.iter().rev().find(|(name, _)| name == "AckStatusCode");
        assert_eq!(last.map(|(_, value)| value.as_str()), Some("000"));
    }
}
