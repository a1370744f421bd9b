//! `cargo xtask demo`

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    demo::main(&demo::DEMO).await
}
