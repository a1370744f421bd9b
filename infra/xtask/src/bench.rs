use std::os::unix::process::CommandExt as _;

use clap::Args;
use spg_local::executables;

use crate::Outcome;

const BENCH: &str = "bench";

/// What it takes is the measurement's matter: it is a program of its own, so that no other command has to compile it.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Options of the measurement; `--help` shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// Builds the measurement and becomes it.
pub fn run(arguments: &Arguments) -> Outcome {
    let built = executables(&[BENCH])?;
    let mut command = std::process::Command::new(&built[BENCH]);
    Err(format!("the measurement could not be started: {}", command.args(&arguments.options).exec()).into())
}
