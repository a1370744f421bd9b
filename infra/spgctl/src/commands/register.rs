//! `spgctl register`: a signed registration, as the merchant's backend sends it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use reqwest::Client;
use serde::Serialize;
use serde_json::{Map, Value, json};
use spg_domain::Timestamp;
use spg_gateway::registration::{REGISTRATION_BYTES_MAX, parse_registration};

use crate::http::read;
use crate::signed::Signer;
use crate::{Error, Exit, Output};

/// What is registered: fields, or a file with the JSON as the backend would send it.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    pub file: Option<PathBuf>,
    pub transaction_id: Option<String>,
    pub status: Option<String>,
    pub order: Option<String>,
    pub terminal: Option<String>,
    pub method: Option<String>,
    pub kind: Option<String>,
    /// Value and currency.
    pub amount: Option<(String, String)>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    #[serde(rename = "transactionID")]
    transaction_id: String,
    http_status: u16,
    registered: bool,
    answer: String,
}

/// The service that HTTP APIs are to IAM.
pub const SERVICE: &str = "execute-api";
const ACCEPTED: u16 = 202;

/// # Errors
/// The registration is malformed, or the address does not answer.
pub async fn run(
    http: &Client,
    url: &str,
    signer: &Signer,
    registration: &Registration,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let body = registration.body()?;
    // The function's own judgement, before anything is sent.
    let (id, _) = parse_registration(&body).map_err(|error| Error::input("the registration", error))?;
    let content_type = [("content-type", "application/json")];
    let request = http.post(url).headers(signer.headers(url, &content_type, &body, now)?);
    let response = request.body(body).send().await.map_err(Error::call(format!("registering at {url}")))?;
    let answer = read(response).await?;
    let http_status = answer.status.as_u16();
    let registered = Registered {
        transaction_id: id.to_string(),
        http_status,
        registered: http_status == ACCEPTED,
        answer: String::from_utf8_lossy(&answer.body).into_owned(),
    };
    output.show(&registered, || registered.text())?;
    Ok(if registered.registered { Exit::Done } else { Exit::Findings })
}

impl Registration {
    fn body(&self) -> Result<Vec<u8>, Error> {
        if let Some(path) = &self.file {
            return read_file(path);
        }
        let mut body = Map::new();
        let fields = [
            ("transactionID", &self.transaction_id),
            ("paymentStatus", &self.status),
            ("merchantTransactionId", &self.order),
            ("terminalId", &self.terminal),
            ("paymentMethod", &self.method),
            ("paymentType", &self.kind),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
        if let Some((value, currency)) = &self.amount {
            body.insert("amount".to_owned(), json!({"value": value, "currency": currency}));
        }
        Ok(Value::Object(body).to_string().into_bytes())
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File { path: path.to_path_buf(), source };
    let mut body = Vec::new();
    // One byte more than allowed is enough to know.
    let limit = u64::try_from(REGISTRATION_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut body).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(limit).read_to_end(&mut body).map_err(failed)?;
    }
    Ok(body)
}

impl Registered {
    fn text(&self) -> String {
        if self.registered {
            return format!("{} is registered: it will be queried until it is final", self.transaction_id);
        }
        let remedy = match self.http_status {
            403 => "; the credentials need execute-api:Invoke on POST /transactions",
            400 => "; the message says which field",
            _ => "",
        };
        format!("NOT registered: HTTP {} {}{remedy}", self.http_status, self.answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_registered() {
        let registration = Registration {
            transaction_id: Some("t1".to_owned()),
            amount: Some(("15.90".to_owned(), "EUR".to_owned())),
            ..Registration::default()
        };
        let body = String::from_utf8(registration.body().unwrap()).unwrap();
        assert_eq!(body, r#"{"amount":{"currency":"EUR","value":"15.90"},"transactionID":"t1"}"#);
        assert!(parse_registration(body.as_bytes()).is_ok());
    }
}
