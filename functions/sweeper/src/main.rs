//! Wires the function: configuration, clients, run.

use std::process::ExitCode;

use lambda_runtime::{Runtime, service_fn};
use sweeper::{Config, LambdaSweep};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (config, source) = match spg_host::start("sweeper", Config::read) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let sweep = match LambdaSweep::new(config).await {
        Ok(sweep) => sweep,
        Err(error) => return spg_host::finish(Err(error)),
    };
    let (sweep, source) = (&sweep, &source);
    spg_host::finish(Runtime::new(service_fn(move |event| sweep.handle(event, source))).run().await)
}
