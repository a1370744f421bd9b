//! A function for the harness's own test: it sends one message, makes one conditional update and logs; on other commands
//! it fails in all the ways a function can.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the harness captures what is printed")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use std::{env, process};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use aws_smithy_http_client::Builder;
use aws_types::SdkConfig;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

const EXIT_CODE: i32 = 3;

struct Clients {
    sqs: aws_sdk_sqs::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    events: aws_sdk_eventbridge::Client,
    secrets: aws_sdk_secretsmanager::Client,
    queue_url: String,
    table: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    println!("probe starts");
    match env::var("PROBE_INIT").as_deref() {
        Ok("report") => return report_init_error(),
        Ok("exit") => {
            eprintln!("QUEUE_URL is not set");
            process::exit(EXIT_CODE);
        }
        Ok(_) | Err(_) => {}
    }
    let clients = Clients::new()?;
    // What a function does to warm its connections: calls that the budget does not count.
    clients.dynamodb.describe_table().table_name(&clients.table).send().await?;
    let clients = &clients;
    run(service_fn(move |event: LambdaEvent<Value>| handle(clients, event))).await
}

impl Clients {
    fn new() -> Result<Self, Error> {
        let (key, secret) = (env::var("AWS_ACCESS_KEY_ID")?, env::var("AWS_SECRET_ACCESS_KEY")?);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Builder::new().build_http())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                key,
                secret,
                env::var("AWS_SESSION_TOKEN").ok(),
                None,
                "environment",
            )))
            .region(Region::new(env::var("AWS_REGION")?))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .endpoint_url(env::var("AWS_ENDPOINT_URL")?)
            .build();
        Ok(Self {
            sqs: aws_sdk_sqs::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            queue_url: env::var("QUEUE_URL")?,
            table: env::var("TABLE_NAME")?,
        })
    }
}

async fn handle(clients: &Clients, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let command = event.payload["command"].as_str().unwrap_or_default();
    println!("{}", json!({"level": "INFO", "command": command, "requestId": event.context.request_id}));
    match command {
        "work" => work(clients, event.payload["id"].as_str().unwrap_or_default()).await,
        "context" => Ok(json!({
            "deadline": event.context.deadline,
            "traceId": event.context.xray_trace_id,
            "requestId": event.context.request_id,
            "arn": event.context.invoked_function_arn,
            "memory": event.context.env_config.memory,
        })),
        "publish" => publish(clients).await,
        "secret" => secret(clients).await,
        "read" => read(clients).await,
        "postpone" => postpone(clients).await,
        "fail" => Err("asked to fail".into()),
        "panic" => panic!("asked to panic"),
        "exit" => process::exit(EXIT_CODE),
        "hang" => std::future::pending().await,
        other => Err(format!("unknown command {other}").into()),
    }
}

async fn work(clients: &Clients, id: &str) -> Result<Value, Error> {
    let sent = clients.sqs.send_message().queue_url(&clients.queue_url).message_body(format!("work {id}"));
    let sent = sent.send().await.map_err(|error| error.into_service_error())?;
    let updated = clients
        .dynamodb
        .update_item()
        .table_name(&clients.table)
        .key("transactionID", AttributeValue::S(id.to_owned()))
        .update_expression("SET version = :one")
        .condition_expression("attribute_not_exists(version)")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let digest = sent.md5_of_message_body();
    match updated {
        Ok(_) => Ok(json!({"digest": digest, "update": "applied"})),
        Err(error) => refused(error).map(|old| json!({"digest": digest, "update": "refused", "old": old})),
    }
}

async fn publish(clients: &Clients) -> Result<Value, Error> {
    let entry = |number: u8| {
        let entry = PutEventsRequestEntry::builder().source("probe").detail_type("Probe").event_bus_name("bus");
        entry.detail(json!({ "number": number }).to_string()).build()
    };
    let answer = clients.events.put_events().entries(entry(1)).entries(entry(2)).send().await?;
    let codes: Vec<_> = answer.entries().iter().map(|entry| entry.error_code()).collect();
    Ok(json!({"failed": answer.failed_entry_count(), "codes": codes}))
}

async fn secret(clients: &Clients) -> Result<Value, Error> {
    let answer = clients.secrets.get_secret_value().secret_id("probe-secret").send().await;
    let answer = answer.map_err(|error| error.into_service_error())?;
    Ok(answer.secret_string().into())
}

async fn read(clients: &Clients) -> Result<Value, Error> {
    let key = |id: &str| [("transactionID".to_owned(), AttributeValue::S(id.to_owned()))].into();
    let keys = KeysAndAttributes::builder().consistent_read(true).keys(key("a")).keys(key("b")).build()?;
    let answer = clients.dynamodb.batch_get_item().request_items(&clients.table, keys).send().await?;
    let found = answer.responses().and_then(|tables| tables.get(&clients.table)).map_or(0, Vec::len);
    let left =
        answer.unprocessed_keys().and_then(|tables| tables.get(&clients.table)).map_or(0, |left| left.keys.len());
    let due = clients
        .dynamodb
        .query()
        .table_name(&clients.table)
        .index_name("due")
        .key_condition_expression("dueShard = :shard AND nextCheckAt <= :now")
        .expression_attribute_values(":shard", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":now", AttributeValue::N("100".to_owned()))
        .send()
        .await?;
    Ok(json!({"found": found, "left": left, "due": due.count()}))
}

async fn postpone(clients: &Clients) -> Result<Value, Error> {
    let entry = |id: &str| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle("handle");
        entry.visibility_timeout(30).build()
    };
    let request = clients.sqs.change_message_visibility_batch().queue_url(&clients.queue_url);
    let answer = request.entries(entry("0")?).entries(entry("1")?).send().await?;
    let failed: Vec<_> = answer.failed().iter().map(|entry| entry.id()).collect();
    Ok(json!({"changed": answer.successful().len(), "failed": failed}))
}

/// The version that stood in the way.
fn refused(error: SdkError<UpdateItemError, HttpResponse>) -> Result<Value, Error> {
    let error = error.into_service_error();
    let UpdateItemError::ConditionalCheckFailedException(failed) = error else { return Err(error.into()) };
    let version = failed.item.and_then(|item| item.get("version").and_then(|value| value.as_n().ok().cloned()));
    Ok(version.into())
}

/// lambda_runtime has no way to report a failed init; other runtimes do it like this.
fn report_init_error() -> Result<(), Error> {
    let body = json!({"errorType": "Configuration", "errorMessage": "QUEUE_URL is not set"}).to_string();
    let mut stream = TcpStream::connect(env::var("AWS_LAMBDA_RUNTIME_API")?)?;
    let length = body.len();
    write!(
        stream,
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: runtime\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    stream.read_to_string(&mut String::new())?;
    Ok(())
}
