use std::os::unix::process::CommandExt as _;

use clap::Args;
use spg_local::{BINARIES_VARIABLE, FUNCTION_PACKAGES, executables};

use crate::Outcome;

const DEMO: &str = "demo";

/// What it takes is the demo's matter: it is a program of its own, so that no other command has to compile it.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Options of the demo; `--help` shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// Builds all that the demo runs at once, so that they share what they depend on, and becomes the demo, which then has the terminal
/// and Ctrl-C for itself.
pub fn run(arguments: &Arguments) -> Outcome {
    let packages: Vec<&str> = FUNCTION_PACKAGES.into_iter().chain([DEMO, "spg-simulator"]).collect();
    println!("building (the first time takes minutes)");
    let built = executables(&packages)?;
    let demo = &built[DEMO];
    let mut command = std::process::Command::new(demo);
    command.args(&arguments.options).env(BINARIES_VARIABLE, demo.parent().unwrap_or(demo));
    Err(format!("the demo could not be started: {}", command.exec()).into())
}
