use std::os::unix::process::CommandExt as _;

use clap::Args;
use spg_local::{BINARIES_VARIABLE, FUNCTION_PACKAGES, executables};

use crate::Outcome;

/// The package of the programs, and the program of the same name.
const DEMO: &str = "demo";
const REHEARSE: &str = "rehearse";
const LOAD: &str = "load";
/// The operator's command, which the rehearsals use.
const OPERATORS: &str = "spgctl";

/// What they take is the programs' matter: they are programs of their own, so that no other command has to compile them.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Options of the program; `--help` shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// The scenarios of a payment's life.
pub fn run(arguments: &Arguments) -> Outcome {
    become_program(DEMO, &[], arguments)
}

/// The rehearsals of recoveries.
pub fn rehearse(arguments: &Arguments) -> Outcome {
    become_program(REHEARSE, &[OPERATORS], arguments)
}

/// Thousands of payments under kills and cuts.
pub fn load(arguments: &Arguments) -> Outcome {
    become_program(LOAD, &[], arguments)
}

/// Builds all that the program runs at once, so that they share what they depend on, and becomes the program, which then has the
/// terminal and Ctrl-C for itself.
fn become_program(program: &str, beside: &[&str], arguments: &Arguments) -> Outcome {
    let packages: Vec<&str> =
        FUNCTION_PACKAGES.iter().copied().chain([DEMO, "spg-simulator"]).chain(beside.iter().copied()).collect();
    println!("building (the first time takes minutes)");
    let built = executables(&packages)?;
    let folder = built[DEMO].parent().unwrap_or(&built[DEMO]);
    let mut command = std::process::Command::new(folder.join(program));
    command.args(&arguments.options).env(BINARIES_VARIABLE, folder);
    Err(format!("{program} could not be started: {}", command.exec()).into())
}
