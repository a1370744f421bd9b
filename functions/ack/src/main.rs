//! Wires the function: configuration, clients, run.

use std::process::ExitCode;
use std::sync::Arc;

use ack::{Config, LambdaAck, with_readable_event};
use lambda_http::service_fn;
use lambda_http::tower::util::MapRequestLayer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (config, source) = match spg_host::start("ack", Config::read) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let function = Arc::new((LambdaAck::new(config).await, source));
    let handler = service_fn(move |request| {
        let function = Arc::clone(&function);
        async move { function.0.handle(request, &function.1).await }
    });
    let runtime = lambda_http::runtime(handler).layer(MapRequestLayer::new(with_readable_event));
    spg_host::finish(runtime.run().await)
}
