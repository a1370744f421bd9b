//! The structure that ARCHITECTURE.md promises: no circle of imports, who must not know what, and how large it all is.
//! `rules.json` has the rules.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod circles;
mod imports;
mod layers;
mod size;
mod source;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde::Deserialize;
use tests::binaries::workspace;

#[derive(Deserialize)]
struct Rules {
    parts: Vec<layers::Part>,
    reserved: Vec<layers::Reserved>,
    /// Circles of more than two files in tests and tools: how many, and how many files are in them. Only less is allowed.
    known_circles: BTreeMap<String, (usize, usize)>,
    /// Lines of `functions/*/src` and `shared/*/src` without their test modules.
    product_lines_max: usize,
    /// Lines of Rust outside `functions` and `shared` for every hundred lines of the product.
    others_per_hundred_lines_max: usize,
}

/// Every Rust file of the project by its path in the workspace.
type Sources = BTreeMap<String, String>;

fn rules() -> Rules {
    serde_json::from_str(include_str!("rules.json")).unwrap()
}

fn sources() -> Sources {
    let listed = output("git", &["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]);
    let read = |path: &str| Some((path.to_owned(), fs::read_to_string(workspace().join(path)).ok()?));
    listed.lines().filter_map(read).collect()
}

/// Whether a path belongs to what is deployed. Everything else is tests and tools.
fn is_product(path: &str) -> bool {
    path.starts_with("functions/") || path.starts_with("shared/")
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails with all findings at once, and with what to do about them.
fn assert_none(findings: &[String], what_to_do: &str) {
    assert!(findings.is_empty(), "\n{}\n\n{what_to_do}\n", findings.join("\n"));
}
