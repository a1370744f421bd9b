//! The Status API's credentials: a token and a client id, by default and per terminal.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::header::HeaderValue;
use spg_domain::ShortText;

use crate::json::{Block, text};

/// Longest token or client id, in bytes: more does not fit the header limits of usual servers.
const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Parsed from the secret. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    default: Credential,
    terminals: BTreeMap<String, Credential>,
}

/// Ready as header values.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) authorization: HeaderValue,
    pub(super) client_id: HeaderValue,
}

/// What is wrong with the secret; never what is in it. `field` is a path such as `terminals.50994.token`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    #[error("the Status API secret must be JSON {{\"default\":{{\"token\":\"...\",\"clientId\":\"...\"}}}}")]
    Format,
    #[error("{field} of the Status API secret {problem}")]
    Field { field: String, problem: &'static str },
}

impl Credentials {
    /// Reads `{"default":{"token":"...","clientId":"..."},"terminals":{"50994":{"token":"...","clientId":"..."}}}`; `terminals` is
    /// optional. White space around values is trimmed.
    ///
    /// # Errors
    /// [`CredentialsError`] naming the field, never its value.
    pub fn parse(secret: &str) -> Result<Self, CredentialsError> {
        let secret = Block::parse(secret.as_bytes()).ok_or(CredentialsError::Format)?;
        let default = Credential::read(&object(&secret, "default", "default")?, "default")?;
        let mut terminals = BTreeMap::new();
        if secret.get("terminals").is_some() {
            let block = object(&secret, "terminals", "terminals")?;
            for (terminal, _) in block.entries() {
                let path = format!("terminals.{terminal}");
                terminals
                    .insert(terminal.trim().to_owned(), Credential::read(&object(&block, terminal, &path)?, &path)?);
            }
        }
        Ok(Self { default, terminals })
    }

    /// The terminals that have credentials of their own.
    pub fn terminals(&self) -> impl Iterator<Item = &str> {
        self.terminals.keys().map(String::as_str)
    }

    /// Whether a terminal's credentials are the same in both: asking again with them would come to the same.
    pub fn are_same(&self, other: &Self, terminal: Option<&ShortText>) -> bool {
        self.of(terminal) == other.of(terminal)
    }

    /// The terminal's own, else the default.
    pub(super) fn of(&self, terminal: Option<&ShortText>) -> &Credential {
        terminal.and_then(|terminal| self.terminals.get(terminal.as_str())).unwrap_or(&self.default)
    }
}

impl Credential {
    fn read(block: &Block<'_>, path: &str) -> Result<Self, CredentialsError> {
        let token = value(block, "token", path)?;
        if token.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
            return Err(problem(path, "token", "must be without the word Bearer"));
        }
        Ok(Self {
            authorization: header(&format!("Bearer {token}"), "token", path)?,
            client_id: header(&value(block, "clientId", path)?, "clientId", path)?,
        })
    }
}

fn object<'a>(block: &Block<'a>, name: &str, path: &str) -> Result<Block<'a>, CredentialsError> {
    let error = |problem| CredentialsError::Field { field: path.to_owned(), problem };
    Block::of(block.get(name).ok_or_else(|| error("is missing"))?).ok_or_else(|| error("is not an object"))
}

fn value(block: &Block<'_>, name: &str, path: &str) -> Result<String, CredentialsError> {
    let raw = block.get(name).ok_or_else(|| problem(path, name, "is missing"))?;
    let value = text(raw).ok_or_else(|| problem(path, name, "is not a text"))?;
    match value.trim() {
        "" => Err(problem(path, name, "is empty")),
        value if value.len() > VALUE_BYTES_MAX => Err(problem(path, name, "is too long for a header")),
        value => Ok(value.to_owned()),
    }
}

fn header(value: &str, name: &str, path: &str) -> Result<HeaderValue, CredentialsError> {
    // Visible ASCII and spaces: `from_str` would let a tab through.
    let fits = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let mut header = HeaderValue::from_str(value)
        .ok()
        .filter(|_| fits)
        .ok_or_else(|| problem(path, name, "has a character that no HTTP header can carry"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn problem(path: &str, name: &str, problem: &'static str) -> CredentialsError {
    CredentialsError::Field { field: format!("{path}.{name}"), problem }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials(default, {} terminals)", self.terminals.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secret: &str, expected: Result<&str, &str>) {
        let parsed = Credentials::parse(secret).map(|c| format!("{c:?}")).map_err(|e| e.to_string());
        assert_eq!(parsed, expected.map(str::to_owned).map_err(str::to_owned), "{secret}");
    }

    #[test]
    fn secrets() {
        check(r#"{"default":{"token":"canary","clientId":"canary"}}"#, Ok("Credentials(default, 0 terminals)"));
        check(
            r#" {"default":{"token":" t\n","clientId":"c"},"terminals":{"50994":{"token":"canary","clientId":"d"}},"x":1} "#,
            Ok("Credentials(default, 1 terminals)"),
        );
        let format = r#"the Status API secret must be JSON {"default":{"token":"...","clientId":"..."}}"#;
        check("", Err(format));
        check("canary", Err(format));
        check("{}", Err("default of the Status API secret is missing"));
        check(r#"{"default":"canary"}"#, Err("default of the Status API secret is not an object"));
        check(r#"{"default":{"token":"canary"}}"#, Err("default.clientId of the Status API secret is missing"));
        check(r#"{"default":{"token":1,"clientId":"c"}}"#, Err("default.token of the Status API secret is not a text"));
        check(r#"{"default":{"token":" ","clientId":"c"}}"#, Err("default.token of the Status API secret is empty"));
        let carries = "has a character that no HTTP header can carry";
        for bad in ["can\\nary", "can\\u0000ary", "canaryé", "can\\tary"] {
            check(
                &format!(r#"{{"default":{{"token":"{bad}","clientId":"c"}}}}"#),
                Err(&format!("default.token of the Status API secret {carries}")),
            );
        }
        check(
            r#"{"default":{"token":"t","clientId":"c"},"terminals":{"50994":{"token":"bearer canary","clientId":"c"}}}"#,
            Err("terminals.50994.token of the Status API secret must be without the word Bearer"),
        );
        let of_length = |bytes| format!(r#"{{"default":{{"token":"{}","clientId":"c"}}}}"#, "x".repeat(bytes));
        check(&of_length(8192), Ok("Credentials(default, 0 terminals)"));
        check(&of_length(8193), Err("default.token of the Status API secret is too long for a header"));
    }

    #[test]
    fn a_terminal_has_its_own_or_the_default() {
        let secret = r#"{"default":{"token":"t","clientId":"c"},"terminals":{"50994":{"token":"u","clientId":"d"}}}"#;
        let credentials = Credentials::parse(secret).unwrap();
        let token = |terminal: Option<&str>| {
            let terminal = terminal.map(|t| ShortText::new(t).unwrap());
            credentials.of(terminal.as_ref()).authorization.to_str().unwrap().to_owned()
        };
        assert_eq!(token(Some("50994")), "Bearer u");
        assert_eq!(token(Some("50995")), "Bearer t");
        assert_eq!(token(None), "Bearer t");
        assert_eq!(credentials.terminals().collect::<Vec<_>>(), ["50994"]);
    }
}
