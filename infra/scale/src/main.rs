//! `cargo xtask scale`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "talks to people")]

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Sweep(options) => commands::sweeps(&options),
        Command::Outage(options) => commands::outages(&options),
        Command::Latency(options) => commands::latencies(&options),
        Command::Rate(options) => commands::rates(&options),
        Command::Shards => commands::shards(),
        Command::Steady(options) => commands::steadies(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
