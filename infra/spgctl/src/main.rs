//! Reads the command line and runs the command.
#![allow(clippy::print_stderr, reason = "talks to people")]

use std::process::ExitCode;

use clap::Parser as _;
use spgctl::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli, &mut std::io::stdout()).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error}");
            error.exit().into()
        }
    }
}
