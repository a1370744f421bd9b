//! The binaries as they are deployed.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use spg_local::{BINARIES_VARIABLE, cargo, workspace};

/// Built by one command, so that floor and project share every dependency and its features.
const PACKAGES: [&str; 3] = ["ack", "processor", "floor"];
const BINARIES: [&str; 4] = ["ack", "processor", "floor", "floor-send"];

/// Builds them with the release profile; returns each by its name. Where `SPG_TEST_BINARIES` names a folder, what lies there is
/// taken: what was cross-built or built with another profile can be measured too.
///
/// # Errors
/// They do not compile.
pub fn binaries() -> Result<BTreeMap<String, PathBuf>, Box<dyn Error>> {
    if let Some(folder) = std::env::var_os(BINARIES_VARIABLE).map(PathBuf::from) {
        return Ok(BINARIES.iter().map(|name| ((*name).to_owned(), folder.join(name))).collect());
    }
    eprintln!("bench: building the release binaries (the first time takes many minutes)");
    let mut command = cargo();
    command.args(["build", "--release", "--bins"]).args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    if !command.status()?.success() {
        return Err("the release binaries were not built".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    Ok(BINARIES.iter().map(|name| ((*name).to_owned(), target.join("release").join(name))).collect())
}
