//! Wires the function: configuration, clients, run.

use std::process::ExitCode;

use ack::{Config, LambdaAck};
use lambda_runtime::{Runtime, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (config, source) = match spg_host::start("ack", Config::read) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let (ack, source) = (&LambdaAck::new(config).await, &source);
    spg_host::finish(Runtime::new(service_fn(move |event| ack.handle(event, source))).run().await)
}
