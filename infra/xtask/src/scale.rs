use std::os::unix::process::CommandExt as _;

use clap::Args;
use spg_local::{BINARIES_VARIABLE, FUNCTION_PACKAGES, executables};

use crate::Outcome;

const SCALE: &str = "scale";

/// What it takes is the program's matter: it is a program of its own, so that no other command has to compile it.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Options of the program; `--help` shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// Builds it, and the functions that it runs, and becomes it.
pub fn run(arguments: &Arguments) -> Outcome {
    let packages: Vec<&str> = FUNCTION_PACKAGES.iter().copied().chain([SCALE]).collect();
    println!("building (the first time takes minutes)");
    let built = executables(&packages)?;
    let folder = built[SCALE].parent().unwrap_or(&built[SCALE]);
    let mut command = std::process::Command::new(&built[SCALE]);
    command.args(&arguments.options).env(BINARIES_VARIABLE, folder);
    Err(format!("{SCALE} could not be started: {}", command.exec()).into())
}
