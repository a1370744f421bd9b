//! The Status API client against a server on loopback.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod answers;
mod connections;
mod credentials;
mod server;

use std::time::Duration;

use spg_domain::{Reply, ShortText, TransactionId};
use spg_gateway::status::{BaseUrl, Credentials, StatusClient};
use tokio::time::Instant;

/// Nothing in these tests takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(20);
const SECRET: &str = r#"{"default":{"token":"canary-token","clientId":"canary-client"},
    "terminals":{"50994":{"token":"other-token","clientId":"other-client"}}}"#;
const PENDING: &str = r#"{"returnStatus":{"statusCode":"000","statusMsg":"Success"},"paymentStatus":"Pending"}"#;

fn client(server: &server::Server) -> StatusClient {
    StatusClient::new(BaseUrl::parse(&server.base_url).unwrap()).unwrap()
}

async fn query(client: &StatusClient) -> Reply {
    query_about(client, "t", None, TIMEOUT).await
}

async fn query_about(client: &StatusClient, id: &str, terminal: Option<&str>, timeout: Duration) -> Reply {
    let (id, terminal) = (TransactionId::new(id).unwrap(), terminal.map(|terminal| ShortText::new(terminal).unwrap()));
    let credentials = Credentials::parse(SECRET).unwrap();
    client.query(&id, terminal.as_ref(), &credentials, Instant::now() + timeout).await
}
