//! Wires the function: configuration, clients, run.

use std::process::ExitCode;

use ack::{Config, LambdaAck};
use lambda_runtime::{Runtime, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let config = match spg_host::start("ack", Config::read) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let ack = &LambdaAck::new(config).await;
    spg_host::finish(Runtime::new(service_fn(move |event| ack.handle(event))).run().await)
}
