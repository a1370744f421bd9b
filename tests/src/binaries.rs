//! Finds the binaries under test, and builds them first.
//!
//! All four functions are built by one command, the same selection as a plain `cargo build` makes, so that a build made
//! by hand is reused. With the environment variable `SPG_TEST_BINARIES` set to a folder, what lies there is used instead
//! and nothing is built: `<folder>/<name>` or, as `cargo lambda build` leaves it, `<folder>/<name>/bootstrap`; examples lie in
//! `<folder>/examples`.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

/// The four functions, by the name of their package and binary.
pub const FUNCTIONS: [&str; 4] = ["ack", "processor", "sweeper", "publisher"];
const FOLDER_VARIABLE: &str = "SPG_TEST_BINARIES";
/// What cargo tells a test about itself; build scripts that look at these would run again in a build started here.
const NOT_PASSED_ON: [&str; 8] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
    "LD_LIBRARY_PATH",
];

/// The binary of one of the four functions, built once per test process.
///
/// # Panics
/// If it cannot be built, with the compiler's messages.
pub fn function(name: &str) -> PathBuf {
    assert!(FUNCTIONS.contains(&name), "{name} is none of the functions");
    if let Some(folder) = env::var_os(FOLDER_VARIABLE) {
        return prebuilt(Path::new(&folder), name);
    }
    static BUILT: OnceLock<Built> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let packages = FUNCTIONS.iter().flat_map(|name| ["--package", name]);
        // One function that does not compile must not hide the other three.
        build(packages.chain(["--bins", "--keep-going"]))
    });
    built.executable(name)
}

/// An example of this package, built once per test process: functions made for tests.
///
/// # Panics
/// If it cannot be built, with the compiler's messages.
pub fn example(name: &str) -> PathBuf {
    if let Some(folder) = env::var_os(FOLDER_VARIABLE) {
        return prebuilt(&Path::new(&folder).join("examples"), name);
    }
    static BUILT: OnceLock<Mutex<HashMap<String, PathBuf>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().expect("no panic while locked");
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let path = build(["--package", env!("CARGO_PKG_NAME"), "--example", name]).executable(name);
    built.insert(name.to_owned(), path.clone());
    path
}

/// The workspace's root folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

fn prebuilt(folder: &Path, name: &str) -> PathBuf {
    let candidates = [folder.join(name).join("bootstrap"), folder.join(name)];
    let found = candidates.iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{FOLDER_VARIABLE}: none of {candidates:?} is there")).clone()
}

struct Built {
    executables: HashMap<String, PathBuf>,
    messages: String,
}

impl Built {
    fn executable(&self, name: &str) -> PathBuf {
        let path = self.executables.get(name);
        path.unwrap_or_else(|| panic!("{name} was not built:\n{}", self.messages)).clone()
    }
}

fn build<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Built {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).arg("build").args(arguments);
    command.args(["--message-format", "json-render-diagnostics", "--color", "never"]);
    if let Some((target, profile)) = own_build() {
        command.arg("--target-dir").arg(target).args(["--profile", &profile]);
    }
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_EXE_") || NOT_PASSED_ON.contains(&name) {
            command.env_remove(name);
        }
    }
    let output = command.stdin(Stdio::null()).output().expect("cargo can be run");
    let executables = String::from_utf8_lossy(&output.stdout).lines().filter_map(executable).collect();
    Built { executables, messages: String::from_utf8_lossy(&output.stderr).into_owned() }
}

fn executable(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message.get("executable")?.as_str()?;
    let name = message.pointer("/target/name")?.as_str()?;
    Some((name.to_owned(), PathBuf::from(path)))
}

/// The target folder and profile that this process itself was built with: `<target>/[<triple>/]<profile>/deps/<test>`.
fn own_build() -> Option<(PathBuf, String)> {
    let own = env::current_exe().ok()?;
    let target = own.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    let folder = own.ancestors().skip(1).find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"))?;
    let profile = match folder.file_name()?.to_str()? {
        "debug" => "dev",
        other => other,
    };
    Some((target.to_owned(), profile.to_owned()))
}
