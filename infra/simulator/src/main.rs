//! The `spg-simulator` command.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command for people: it prints what it does")]

mod command;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Command;

/// A simulated SIBS Payment Gateway: encrypted webhooks, retries, faults, and a Status API.
#[derive(Parser)]
#[command(name = "spg-simulator", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[tokio::main]
async fn main() -> ExitCode {
    match command::run(Arguments::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("spg-simulator: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                eprintln!("  because: {source}");
                cause = source.source();
            }
            ExitCode::from(command::EXIT_USAGE)
        }
    }
}
