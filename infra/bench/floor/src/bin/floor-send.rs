//! The least that a Rust function with one call of AWS can be: an event in, its body onto a queue, an answer out.

use std::env;

use aws_credential_types::Credentials;
use aws_sdk_sqs::config::BehaviorVersion;
use aws_sdk_sqs::{Client, Config};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::region::Region;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = &client()?;
    let queue_url = &env::var("QUEUE_URL")?;
    lambda_runtime::run(service_fn(move |event| send(client, queue_url, event))).await
}

async fn send(client: &Client, queue_url: &str, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let body = event.payload["body"].as_str().unwrap_or_default();
    client.send_message().queue_url(queue_url).message_body(body).send().await?;
    Ok(json!({"statusCode": 200}))
}

/// Region and credentials are given, as in the functions: nothing is searched for.
fn client() -> Result<Client, env::VarError> {
    let key = env::var("AWS_ACCESS_KEY_ID")?;
    let secret = env::var("AWS_SECRET_ACCESS_KEY")?;
    let credentials = Credentials::new(key, secret, env::var("AWS_SESSION_TOKEN").ok(), None, "environment");
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(env::var("AWS_REGION")?))
        .credentials_provider(credentials)
        .http_client(http);
    config.set_endpoint_url(env::var("AWS_ENDPOINT_URL").ok());
    Ok(Client::from_conf(config.build()))
}
