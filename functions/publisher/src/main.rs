//! Wires the function: configuration, clients, run.

use std::process::ExitCode;

use lambda_runtime::{Runtime, service_fn};
use publisher::{Config, LambdaPublisher};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (config, source) = match spg_host::start("publisher", Config::read) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let (publisher, source) = (&LambdaPublisher::new(config).await, &source);
    spg_host::finish(Runtime::new(service_fn(move |event| publisher.handle(event, source))).run().await)
}
