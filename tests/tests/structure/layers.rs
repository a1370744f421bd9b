//! What each part of the product must not know: the sentences of ARCHITECTURE.md, and how each is checked.

use std::collections::BTreeSet;
use std::env;
use std::fs;

use serde::Deserialize;
use serde_json::Value;
use tests::binaries::workspace;

use crate::source::{without_comments, without_tests};
use crate::{assert_none, is_product, output, rules, sources};

#[derive(Deserialize)]
pub struct Part {
    folder: String,
    /// As ARCHITECTURE.md says it.
    must_not_know: String,
    /// Crates of the workspace that may be under it, at any depth; no other may.
    may_use: Vec<String>,
    /// Crates of others that may not; `*` stands for any rest of the name.
    never_under_it: Vec<String>,
    /// What its source does not say, outside comments and tests.
    never_said: Vec<String>,
}

/// Words that only some parts say.
#[derive(Deserialize)]
pub struct Reserved {
    /// As ARCHITECTURE.md says it.
    sentence: String,
    words: Vec<String>,
    /// The words count in a line that has one of these too; in every line where there are none.
    beside: Vec<String>,
    said_in: Vec<String>,
}

#[test]
fn no_part_has_a_crate_under_it_that_it_must_not_know() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let mut findings = Vec::new();
    for Part { folder, may_use, never_under_it, .. } in rules().parts {
        let Some(package) = packages.iter().find(|package| folder_of(package) == folder) else {
            findings.push(format!("{folder}: no crate of the workspace"));
            continue;
        };
        let name = package["name"].as_str().unwrap();
        for under in dependencies(name, &packages) {
            let stranger = ours.contains(under.as_str()) && under != name && !may_use.contains(&under);
            if stranger || never_under_it.iter().any(|never| is_like(&under, never)) {
                findings.push(format!("{folder}: {under} is under it (cargo tree -p {name} -e normal -i {under})"));
            }
        }
    }
    assert_none(
        &findings,
        "Take out the dependency, in the crate that brings it in: who needs it belongs into another crate.",
    );
}

#[test]
fn no_part_says_what_it_must_not_know() {
    let (rules, sources) = (rules(), sources());
    let mut findings = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| is_product(path)) {
        let Some((folder, _)) = path.split_once("/src/") else { continue };
        let part = rules.parts.iter().find(|part| part.folder == folder);
        let reserved = rules.reserved.iter().filter(|it| !it.said_in.iter().any(|part| part == folder));
        for (number, line) in (1..).zip(without_comments(without_tests(text)).lines()) {
            let said = |word: &&String| line.contains(word.as_str());
            let never = part.iter().flat_map(|part| &part.never_said).filter(said);
            findings.extend(never.map(|word| format!("{path}:{number}: `{word}` is never said in {folder}")));
            let lower = line.to_lowercase();
            let counts =
                |it: &&Reserved| it.beside.is_empty() || it.beside.iter().any(|word| lower.contains(word.as_str()));
            for it in reserved.clone().filter(counts) {
                let words = it.words.iter().filter(said);
                findings.extend(words.map(|word| format!("{path}:{number}: `{word}`: {}", it.sentence)));
            }
        }
    }
    assert_none(&findings, "Move the line to the part that may say this, and let the others ask that part.");
}

#[test]
fn the_architecture_says_what_is_checked_and_no_more() {
    let rules = rules();
    let document = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    let mut findings = Vec::new();
    for package in packages().iter().filter(|package| is_product(&folder_of(package))) {
        let (folder, name) = (folder_of(package), package["name"].as_str().unwrap());
        let begins = [format!("| `{folder}` |"), "| `functions/*` |".to_owned()];
        let mut rows = document.lines().filter(|line| begins.iter().any(|begin| line.starts_with(begin)));
        let row = rows.find(|row| row.contains(&format!("`{name}`")));
        let said = row.and_then(|row| row.split(" | ").nth(3)).unwrap_or_default().trim_end_matches(" |");
        let checked = rules.parts.iter().find(|part| part.folder == folder).map_or("", |part| &part.must_not_know);
        if said.is_empty() || said != checked {
            findings.push(format!("{folder} must not know: said is \"{said}\", checked is \"{checked}\""));
        }
    }
    let document = document.split_whitespace().collect::<Vec<_>>().join(" ");
    let unsaid = rules.reserved.iter().filter(|reserved| !document.contains(&reserved.sentence));
    findings.extend(unsaid.map(|reserved| format!("checked and not said: \"{}\"", reserved.sentence)));
    assert_none(
        &findings,
        "Say in ARCHITECTURE.md what tests/tests/structure/rules.json checks, or check there what is said.",
    );
}

fn packages() -> Vec<Value> {
    let metadata = output(&cargo(), &["metadata", "--no-deps", "--format-version", "1", "--frozen"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Where a package lies in the workspace.
fn folder_of(package: &Value) -> String {
    let manifest = package["manifest_path"].as_str().unwrap().trim_end_matches("/Cargo.toml");
    manifest.strip_prefix(workspace().to_str().unwrap()).unwrap().trim_start_matches('/').to_owned()
}

/// All crates under one, without what only tests need, with the features that the product asks of it.
fn dependencies(name: &str, packages: &[Value]) -> BTreeSet<String> {
    let users = packages.iter().filter(|user| is_product(&folder_of(user)));
    let queried = users.flat_map(|user| user["dependencies"].as_array().unwrap());
    let queried = queried.filter(|it| it["name"] == name && it["kind"].is_null());
    let features = queried.flat_map(|it| it["features"].as_array().unwrap()).map(|feature| feature.as_str().unwrap());
    let features = features.collect::<Vec<_>>().join(",");
    let arguments = ["tree", "-p", name, "-e", "normal", "--prefix", "none", "--frozen", "--features", &features];
    let tree = output(&cargo(), &arguments);
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn is_like(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}
