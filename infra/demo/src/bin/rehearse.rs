//! `cargo xtask rehearse`

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    demo::main(&demo::REHEARSALS).await
}
