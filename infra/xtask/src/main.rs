//! `cargo xtask ...`: everything that a person does with this repository beside building and deploying it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "talks to people")]

mod consumer;
mod dashboard;
mod fuzz;
mod local;
mod mutants;
mod parameters;
mod program;
mod test;
mod tools;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Runs and checks spg-webhooks on this machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The whole system on this machine: the real template on an emulated AWS
    #[command(subcommand)]
    Local(local::Command),
    /// The scenarios of a payment's life against the whole system on this machine, with a verdict
    Demo(program::Arguments),
    /// The recoveries of docs/operate/recovery.md against the whole system on this machine, with a verdict
    Rehearse(program::Arguments),
    /// The template with every parameter changed, on this machine: does it deploy and work, and do its rules refuse?
    Parameters,
    /// Draw the layout of the CloudWatch dashboard into docs/operate/dashboard.png
    Dashboard,
    /// The whole system under one seed, with every fault, in virtual time
    Sim(program::Arguments),
    /// Long runs of the fuzz targets, by libFuzzer
    Fuzz(fuzz::Arguments),
    /// Mutation testing of what decides
    Mutants(mutants::Arguments),
    /// Thousands of payments on the local stack while processes are killed and connections cut, with a verdict
    Load(program::Arguments),
    /// Cost and speed, side by side with a bare function and with what one would build otherwise
    Bench(program::Arguments),
    /// What the system does when there is very much of everything: a million transactions, an hour's outage, 10,000 a second
    Scale(program::Arguments),
    /// Every check of the project, in order
    Test(test::Arguments),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Local(command) => command.run(),
        Command::Demo(arguments) => program::demo(&arguments),
        Command::Rehearse(arguments) => program::rehearse(&arguments),
        Command::Parameters => parameters::deploy().map(|()| ExitCode::SUCCESS),
        Command::Dashboard => test::transform(&[]).and_then(|it| dashboard::draw(&it)).map(|()| ExitCode::SUCCESS),
        Command::Sim(arguments) => program::sim(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Load(arguments) => program::load(&arguments),
        Command::Bench(arguments) => program::bench(&arguments),
        Command::Scale(arguments) => program::scale(&arguments),
        Command::Test(arguments) => test::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// How a subcommand ends.
type Outcome = Result<ExitCode, Box<dyn Error>>;
