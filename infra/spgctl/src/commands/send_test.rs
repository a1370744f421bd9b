//! `spgctl send-test`: a notification as SPG would send it, before the Backoffice does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;
use serde_json::{Value, json};
use spg_domain::Timestamp;
use spg_gateway::webhook::{IV_HEADER, TAG_HEADER};

use crate::http::{Answer, read};
use crate::keys::KeyText;
use crate::{Error, Exit, Output};

/// As the Backoffice's own Test button names its sample.
pub const TRANSACTION_ID_DEFAULT: &str = "WebhookTest";
const TERMINAL_ID: u64 = 1_000_000;
const NOTIFICATION_ID_BYTES: usize = 8;

#[derive(Debug, Clone)]
pub struct Arguments {
    pub url: String,
    /// The statusCode that the acknowledgement must have.
    pub status_code: String,
    pub transaction_id: String,
}

/// What came back, judged as SPG judges it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    pub url: String,
    #[serde(rename = "notificationID")]
    pub notification_id: String,
    pub http_status: u16,
    pub acknowledged: bool,
    /// What SPG would not accept; empty if it would.
    pub problems: Vec<String>,
}

/// # Errors
/// The address does not answer at all.
pub async fn run(
    http: &Client,
    key: &KeyText,
    arguments: &Arguments,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let sent = send(http, key, arguments, now).await?;
    output.show(&sent, || sent.text())?;
    Ok(if sent.acknowledged { Exit::Done } else { Exit::Findings })
}

/// Encrypts and sends one.
///
/// # Errors
/// As for [`run`].
pub async fn send(http: &Client, key: &KeyText, arguments: &Arguments, now: Timestamp) -> Result<Sent, Error> {
    let random = SystemRandom::new();
    let mut id = [0; NOTIFICATION_ID_BYTES];
    random.fill(&mut id).map_err(|_| no_random())?;
    let id = id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let notification_id = format!("spgctl-test-{id}");
    let payload = payload(&arguments.transaction_id, &notification_id, now).to_string();
    let envelope = seal(key, payload.as_bytes(), &random)?;
    let request = http
        .post(&arguments.url)
        .header(CONTENT_TYPE, "text/plain")
        .header(IV_HEADER, envelope.iv)
        .header(TAG_HEADER, envelope.tag)
        .body(envelope.body);
    let response = request.send().await.map_err(Error::call(format!("sending to {}", arguments.url)))?;
    let answer = read(response).await?;
    let problems = problems(&answer, &arguments.status_code, &notification_id);
    Ok(Sent {
        url: arguments.url.clone(),
        notification_id,
        http_status: answer.status.as_u16(),
        acknowledged: problems.is_empty(),
        problems,
    })
}

/// It claims nothing: what is opened by it is Pending, and nothing is queried in a hurry.
fn payload(transaction_id: &str, notification_id: &str, now: Timestamp) -> Value {
    json!({
        "returnStatus": {"statusMsg": "Success", "statusCode": "000"},
        "paymentStatus": "Pending",
        "paymentMethod": "CARD",
        "paymentType": "PURS",
        "transactionID": transaction_id,
        "notificationID": notification_id,
        "transactionDateTime": now.to_string(),
        "amount": {"currency": "EUR", "value": "0.01"},
        "merchant": {"transactionId": "spgctl", "terminalId": TERMINAL_ID},
    })
}

struct Envelope {
    body: String,
    iv: String,
    tag: String,
}

/// AES-256-GCM without further data, as E.1.5 has it.
fn seal(key: &KeyText, plaintext: &[u8], random: &SystemRandom) -> Result<Envelope, Error> {
    let unusable = |_| Error::input("the webhook key", "it has not 32 bytes");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.bytes()).map_err(unusable)?);
    let mut iv = [0; NONCE_LEN];
    random.fill(&mut iv).map_err(|_| no_random())?;
    let mut body = plaintext.to_vec();
    let nonce = Nonce::assume_unique_for_key(iv);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut body).map_err(unusable)?;
    Ok(Envelope { body: STANDARD.encode(body), iv: STANDARD.encode(iv), tag: STANDARD.encode(tag) })
}

fn no_random() -> Error {
    Error::Refused("the operating system gives no random bytes".to_owned())
}

/// SPG counts anything but exactly this as a failed delivery.
fn problems(answer: &Answer, status_code: &str, notification_id: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let status = answer.status.as_u16();
    if status != 200 {
        problems.push(format!("HTTP {status} instead of 200: {}", meaning(status)));
        return problems;
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(&answer.body) else {
        problems.push("the body is not a JSON object".to_owned());
        return problems;
    };
    let expected = [("statusCode", status_code), ("statusMsg", "Success"), ("notificationID", notification_id)];
    for (name, expected) in expected {
        match body.get(name).map(Value::as_str) {
            Some(Some(found)) if found == expected => {}
            Some(Some(found)) => problems.push(format!("{name} is {found:?} instead of {expected:?}")),
            Some(None) => problems.push(format!("{name} is not a text")),
            None => problems.push(format!("{name} is absent")),
        }
    }
    problems
}

fn meaning(status: u16) -> &'static str {
    match status {
        401 => "no key of the secret opens it; a key that was put there just now is taken up within a minute",
        403 | 404 => "there is no such route: is it the output WebhookUrl, as it is?",
        413 | 400 => "the address understands it as another request: is it the output WebhookUrl?",
        429 => "throttled: raise the parameters for webhooks per second",
        503 => "the secret has no usable key, or the queue did not take it: `spgctl doctor` says which",
        500..=599 => "the function fails: look at its log",
        _ => "it is not the webhook address of spg-webhooks",
    }
}

impl Sent {
    fn text(&self) -> String {
        if self.acknowledged {
            return format!("acknowledged: {} takes {} as SPG wants it", self.url, self.notification_id);
        }
        format!("NOT acknowledged by {}\n  {}", self.url, self.problems.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use spg_gateway::webhook::{WebhookKeys, open, parse_notification};

    use super::*;

    const KEY: &str = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    #[test]
    fn what_is_sealed_here_is_opened_by_the_receiver() {
        let key = KeyText::parse(KEY).unwrap();
        let now = Timestamp::from_millis(1_773_312_524_000);
        let sent = payload("WebhookTest", "n1", now).to_string();
        let envelope = seal(&key, sent.as_bytes(), &SystemRandom::new()).unwrap();
        let keys = WebhookKeys::parse(KEY).unwrap();
        let (iv, tag) = (envelope.iv.as_bytes(), envelope.tag.as_bytes());
        let opened = open(envelope.body.as_bytes(), Some(iv), Some(tag), &keys).unwrap();
        let parsed = parse_notification(opened.as_ref()).unwrap();
        assert_eq!(parsed.transaction_id.unwrap().as_str(), "WebhookTest");
        assert_eq!(parsed.notification.notification_id.as_str(), "n1");
        assert_eq!(parsed.dropped, Vec::<&str>::new());
    }

    fn check(status: u16, body: &str, expected: &[&str]) {
        let answer = Answer { status: StatusCode::from_u16(status).unwrap(), body: body.into() };
        let found = problems(&answer, "000", "n1");
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found} / {expected}");
        }
    }

    #[test]
    fn an_acknowledgement_is_judged_as_by_spg() {
        check(200, r#"{"statusCode":"000","statusMsg":"Success","notificationID":"n1"}"#, &[]);
        check(200, r#"{"statusCode":"200","statusMsg":"Success","notificationID":"n1"}"#, &["statusCode is \"200\""]);
        check(
            200,
            r#"{"statusCode":0,"statusMsg":"Success","notificationID":"n2"}"#,
            &["statusCode is not a text", "notificationID is \"n2\" instead of \"n1\""],
        );
        check(200, r#"{"statusCode":"000","notificationID":"n1"}"#, &["statusMsg is absent"]);
        check(200, "OK", &["the body is not"]);
        check(202, "{}", &["HTTP 202"]);
        check(401, "{}", &["HTTP 401 instead of 200: no key"]);
    }
}
