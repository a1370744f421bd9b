use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::{Error, workspace};

/// The part of cargo's messages that says where an executable is.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// A folder with executables that were built before: one build then serves several programs.
pub const BINARIES_VARIABLE: &str = "SPG_TEST_BINARIES";

/// The packages of the functions.
pub const FUNCTION_PACKAGES: [&str; 4] = ["ack", "processor", "sweeper", "publisher"];

/// Builds the functions; returns the executable of each by its name. Who builds exactly these packages, and no others
/// with them, shares the result: the features of the dependencies depend on what is built together.
///
/// # Errors
/// They do not compile.
pub fn build_functions() -> Result<BTreeMap<String, PathBuf>, Error> {
    executables(&FUNCTION_PACKAGES)
}

/// Cargo, the one that runs this, in the root of the workspace.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    forget_own_package(&mut command);
    command
}

/// Without what cargo told this program about its own package: build scripts that look at these variables (ring's does) would take
/// them for changed ones and compile again each time.
pub fn forget_own_package(command: &mut Command) {
    let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own)) {
        command.env_remove(name);
    }
}

/// Builds packages with the development profile and returns the executable of each by its name; cargo shows its own progress.
/// Where [`BINARIES_VARIABLE`] names a folder, what lies there is taken and nothing is built.
///
/// # Errors
/// They do not compile, or are not in the folder.
pub fn executables(packages: &[&str]) -> Result<BTreeMap<String, PathBuf>, Error> {
    if let Some(folder) = std::env::var_os(BINARIES_VARIABLE).map(PathBuf::from) {
        return packages.iter().map(|package| Ok(((*package).to_owned(), prebuilt(&folder, package)?))).collect();
    }
    let mut command = cargo();
    let program = command.get_program().to_owned();
    command
        .args(["build", "--bins", "--message-format=json-render-diagnostics"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(Error::start(&program))?;
    let mut found = BTreeMap::new();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let Ok(message) = serde_json::from_str::<Message>(&line.map_err(Error::start(&program))?) else { continue };
        if let ("compiler-artifact", Some(target), Some(executable)) =
            (message.reason.as_str(), message.target, message.executable)
        {
            found.insert(target.name, executable);
        }
    }
    if !child.wait().map_err(Error::start(&program))?.success() {
        return Err(Error::Build);
    }
    match packages.iter().find(|package| !found.contains_key(**package)) {
        Some(package) => Err(Error::NoExecutable { package: (*package).to_owned() }),
        None => Ok(found),
    }
}

fn prebuilt(folder: &Path, package: &str) -> Result<PathBuf, Error> {
    let path = folder.join(package);
    if path.is_file() { Ok(path) } else { Err(Error::NoExecutable { package: package.to_owned() }) }
}
