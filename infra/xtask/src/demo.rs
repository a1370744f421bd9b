use std::os::unix::process::CommandExt as _;

use clap::Args;
use spg_local::workspace;

use crate::Outcome;
use crate::tools::cargo;

/// What it takes is the demo's matter: it is a program of its own, so that no other command has to compile it.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Options of the demo; `--help` shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// Becomes the demo, which then has the terminal and Ctrl-C for itself.
pub fn run(arguments: &Arguments) -> Outcome {
    let mut command = cargo();
    let manifest = workspace().join("Cargo.toml");
    // Paths in the options are meant from where the person is.
    command.current_dir(".").args(["run", "--package", "demo", "--manifest-path"]).arg(manifest).arg("--");
    command.args(&arguments.options);
    Err(format!("the demo could not be started: {}", command.exec()).into())
}
