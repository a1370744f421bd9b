//! The whole system on one machine: the real `template.yaml` and the real functions on an emulated AWS.
//!
//! [`Stack::up`] builds the functions, starts the emulator, deploys the template and writes `stack.json`;
//! [`Stack::down`] ends every process that it started. Everything of one stack lies in one folder, and several stacks
//! run side by side in different folders. Progress goes to standard error.
#![allow(clippy::print_stderr, reason = "shows people what it does")]

mod build;
mod deploy;
mod emulator;
#[cfg(target_os = "linux")]
mod environments;
mod error;
mod http;
mod interrupt;
mod logs;
mod operate;
mod options;
mod poll;
mod probe;
mod process;
mod python;
mod simulator;
mod stack;

pub use build::{BINARIES_VARIABLE, FUNCTION_PACKAGES, build_functions, cargo, executables, forget_own_package};
#[cfg(target_os = "linux")]
pub use environments::Environment;
pub use error::Error;
pub use interrupt::end_on_interrupt;
pub use logs::{Logs, show_logs};
pub use operate::Operator;
pub use options::{Options, PORT_DEFAULT, STATUS_API_CLIENT_ID_DEFAULT, STATUS_API_TOKEN_DEFAULT};
pub use poll::until;
pub use python::PythonEnv;
pub use stack::{Functions, Secrets, Stack, StackInfo};

use std::path::{Path, PathBuf};

/// The alias of each function, which everything calls.
pub const ALIAS: &str = "live";

const TEMPLATE: &str = "template.yaml";

/// The folder of the workspace. Where cargo runs this program, that is the workspace which it was run in: a build
/// directory may be shared by several.
#[must_use]
pub fn workspace() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&package).ancestors().find(|folder| folder.join(TEMPLATE).exists());
    root.unwrap_or_else(|| Path::new(".")).to_path_buf()
}

/// The folder of the stack when none is given: `target/local`.
#[must_use]
pub fn default_dir() -> PathBuf {
    workspace().join("target/local")
}

/// Tells people what happens now.
fn progress(what: &str) {
    eprintln!("local: {what}");
}
