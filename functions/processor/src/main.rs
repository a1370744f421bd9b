//! Wires the function: configuration, clients, run.

use std::process::ExitCode;

use lambda_runtime::{Runtime, service_fn};
use processor::{Config, LambdaProcessor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (config, source) = match spg_host::start("processor", Config::read) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let processor = match LambdaProcessor::new(config).await {
        Ok(processor) => processor,
        Err(error) => return spg_host::finish(Err(error)),
    };
    let (processor, source) = (&processor, &source);
    spg_host::finish(Runtime::new(service_fn(move |event| processor.handle(event, source))).run().await)
}
