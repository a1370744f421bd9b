//! Wires the function: configuration, clients, run.

use std::process::ExitCode;

use lambda_runtime::{Runtime, service_fn};
use publisher::{Config, LambdaPublisher};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let config = match spg_host::start("publisher", Config::read) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let publisher = &LambdaPublisher::new(config).await;
    spg_host::finish(Runtime::new(service_fn(move |event| publisher.handle(event))).run().await)
}
