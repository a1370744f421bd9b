//! The secrets: there, well-formed, and accepted by SPG. Never shown.

use spg_domain::{NoAnswerKind, ShortText, TransactionId};
use spg_gateway::status::{BaseUrl, Credentials, StatusClient};
use tokio::time::Instant;

use super::Finding;
use crate::Deployment;
use crate::commands::check::QUERY_TIMEOUT;
use crate::keys::KeySecret;

const KEYS: &str = "webhook keys";
const SECRET: &str = "Status API secret";
const ACCEPTED: &str = "Status API";
/// No transaction has this id: a Status API that accepts the credentials does not find it.
const QUERIED: &str = "spgctl-doctor";

pub(super) async fn webhook_keys(at: &Deployment) -> Finding {
    const REMEDY: &str = "put the secret of the SPG Backoffice into it: `spgctl rotate-key add`";
    let id = match at.resource("WebhookKeysSecret") {
        Ok(id) => id,
        Err(error) => return Finding::unseen(KEYS, error),
    };
    match KeySecret::new(at.aws.secrets(), id).read().await {
        Ok(found) => match found.keys.len() {
            0 => Finding::wrong(KEYS, "the secret has no key: every webhook is answered 503", REMEDY),
            1 => Finding::ok(KEYS, "1 key"),
            many => Finding::note(KEYS, format!("{many} keys: a rotation is in progress; retire the old one in time")),
        },
        Err(error) => Finding::wrong(KEYS, error.to_string(), REMEDY),
    }
}

/// The secret, and whether each of its credentials is accepted.
pub(super) async fn status_api(at: &Deployment) -> Vec<Finding> {
    const REMEDY: &str =
        "put {\"default\":{\"token\":\"...\",\"clientId\":\"...\"}} into the secret StatusApiSecretArn";
    let text = match secret_text(at).await {
        Ok(text) => text,
        Err(error) => return vec![Finding::wrong(SECRET, error, REMEDY)],
    };
    let credentials = match Credentials::parse(&text) {
        Ok(credentials) => credentials,
        Err(error) => return vec![Finding::wrong(SECRET, error.to_string(), REMEDY)],
    };
    let terminals: Vec<String> = credentials.terminals().map(str::to_owned).collect();
    let mut findings = vec![Finding::ok(SECRET, format!("well-formed, {} terminals of their own", terminals.len()))];
    let client = match client(at).await {
        Ok(client) => client,
        Err(error) => {
            findings.push(Finding::unseen(ACCEPTED, error));
            return findings;
        }
    };
    findings.push(accepted(&client, &credentials, None).await);
    for terminal in terminals {
        if let Ok(terminal) = ShortText::new(terminal) {
            findings.push(accepted(&client, &credentials, Some(terminal)).await);
        }
    }
    findings
}

async fn secret_text(at: &Deployment) -> Result<String, String> {
    let id = at.resource("StatusApiSecret").map_err(|error| error.to_string())?;
    let call = at.aws.secrets().get_secret_value().secret_id(id).send().await;
    let answer = call.map_err(|error| spg_time::error_chain(&error))?;
    answer.secret_string.ok_or_else(|| "the secret holds no text".to_owned())
}

async fn client(at: &Deployment) -> Result<StatusClient, String> {
    let config = at.settling_config().await.map_err(|error| error.to_string())?;
    let base_url = BaseUrl::parse(&config.status_api_url).map_err(|error| error.to_string())?;
    StatusClient::new(base_url).map_err(|error| error.to_string())
}

async fn accepted(client: &StatusClient, credentials: &Credentials, terminal: Option<ShortText>) -> Finding {
    let whose = terminal.as_ref().map_or_else(|| "default".to_owned(), |terminal| format!("terminal {terminal}"));
    let Ok(id) = TransactionId::new(QUERIED) else { return Finding::unseen(ACCEPTED, "no id") };
    let reply = client.query(&id, terminal.as_ref(), credentials, Instant::now() + QUERY_TIMEOUT).await;
    let http = reply.http_status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
    match reply.result {
        Ok(_) | Err(NoAnswerKind::NotFound) => Finding::ok(ACCEPTED, format!("{whose} credentials accepted")),
        Err(NoAnswerKind::Unauthorised) => Finding::wrong(
            ACCEPTED,
            format!("{whose} credentials refused ({http})"),
            "compare token and client id with the SPG Backoffice, and StatusApiUrl with the environment they are for",
        ),
        Err(NoAnswerKind::RateLimited | NoAnswerKind::Unavailable | NoAnswerKind::Outage) => Finding::wrong(
            ACCEPTED,
            format!("no usable answer ({http}{})", reply.problem.map(|it| format!(", {it}")).unwrap_or_default()),
            "if SPG has an outage, wait: what is due stays due; else check the parameter StatusApiUrl",
        ),
    }
}
