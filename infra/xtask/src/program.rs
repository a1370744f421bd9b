//! Commands that are programs of their own, so that no other command has to compile them.

use std::os::unix::process::CommandExt as _;
use std::process;

use clap::Args;
use spg_local::{BINARIES_VARIABLE, FUNCTION_PACKAGES, executables};

use crate::Outcome;

/// What they take is the programs' matter.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Options of the program; `--help` shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// The scenarios of a payment's life.
pub fn demo(arguments: &Arguments) -> Outcome {
    with_functions("demo", "demo", &["spg-simulator"], arguments)
}

/// The rehearsals of recoveries, which use the operator's command.
pub fn rehearse(arguments: &Arguments) -> Outcome {
    with_functions("demo", "rehearse", &["spg-simulator", "spgctl"], arguments)
}

/// Thousands of payments under kills and cuts.
pub fn load(arguments: &Arguments) -> Outcome {
    with_functions("demo", "load", &["spg-simulator"], arguments)
}

/// Very much of everything.
pub fn scale(arguments: &Arguments) -> Outcome {
    with_functions("scale", "scale", &[], arguments)
}

/// The whole system under a seed.
pub fn sim(arguments: &Arguments) -> Outcome {
    alone("spg-sim", arguments)
}

/// Cost and speed. It builds what it measures by itself, with the release profile.
pub fn bench(arguments: &Arguments) -> Outcome {
    alone("bench", arguments)
}

fn alone(package: &str, arguments: &Arguments) -> Outcome {
    let built = executables(&[package])?;
    become_program(process::Command::new(&built[package]), arguments)
}

/// Builds all that a program of this package runs at once, so that they share what they depend on.
fn with_functions(package: &str, program: &str, beside: &[&str], arguments: &Arguments) -> Outcome {
    let packages: Vec<&str> = FUNCTION_PACKAGES.iter().chain(&[package]).chain(beside).copied().collect();
    println!("building (the first time takes minutes)");
    let built = executables(&packages)?;
    let folder = built[package].parent().unwrap_or(&built[package]);
    let mut command = process::Command::new(folder.join(program));
    command.env(BINARIES_VARIABLE, folder);
    become_program(command, arguments)
}

/// It then has the terminal and Ctrl-C for itself.
fn become_program(mut command: process::Command, arguments: &Arguments) -> Outcome {
    let error = command.args(&arguments.options).exec();
    Err(format!("{} could not be started: {error}", command.get_program().to_string_lossy()).into())
}
