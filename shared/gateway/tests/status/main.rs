//! The Status API client against a server on loopback.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod answers;
mod connections;
mod credentials;
mod server;

use std::time::Duration;

use spg_domain::{TransactionId, Word};
use spg_gateway::status::{BaseUrl, CredentialSource, Credentials, FixedCredentials, StatusApiConfig, StatusClient};
use spg_reconcile::{Question, Reply, StatusApi};

/// Nothing in these tests takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(20);
const SECRET: &str = r#"{"default":{"token":"canary-token","clientId":"canary-client"},
    "terminals":{"50994":{"token":"other-token","clientId":"other-client"}}}"#;
const PENDING: &str = r#"{"returnStatus":{"statusCode":"000","statusMsg":"Success"},"paymentStatus":"Pending"}"#;

fn client_with<S: CredentialSource>(server: &server::Server, source: S, reread: Duration) -> StatusClient<S> {
    let mut config = StatusApiConfig::new(BaseUrl::parse(&server.base_url).unwrap());
    config.reread_interval = reread;
    StatusClient::new(config, Credentials::parse(SECRET).unwrap(), source).unwrap()
}

fn client(server: &server::Server) -> StatusClient<FixedCredentials> {
    client_with(server, FixedCredentials, Duration::from_secs(60))
}

fn question(id: &str, terminal: Option<&str>, timeout: Duration) -> Question {
    let terminal_id = terminal.map(|terminal| Word::new(terminal).unwrap());
    Question { transaction_id: TransactionId::new(id).unwrap(), terminal_id, timeout }
}

async fn ask(client: &impl StatusApi) -> Reply {
    client.ask(&question("t", None, TIMEOUT)).await
}
