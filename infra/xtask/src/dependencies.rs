//! Licences, duplicate versions and sources of all dependencies, judged by `deny.toml`.
//!
//! The file is cargo-deny's, of which this reads the part that is used: cargo-deny itself cannot be installed in a
//! moment everywhere, and the check must run in every clone.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::process::Command;

use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};
use spg_local::workspace;

use crate::tools::cargo;

#[derive(Deserialize)]
struct Policy {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
    skip: Vec<Skip>,
}

/// A crate that may not be there at all.
#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// A version that may be there beside another.
#[derive(Deserialize)]
struct Skip {
    /// `name@version`; the version may be shortened, as in `syn@2`.
    #[serde(rename = "crate")]
    package: String,
    reason: String,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    allow_registry: Vec<String>,
}

/// What `cargo metadata` says.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// Absent for the packages of the workspace.
    source: Option<String>,
}

impl Package {
    fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// Prints what is not as it must be.
pub fn check() -> Result<(), Box<dyn Error>> {
    let policy: Policy = toml::from_str(&fs::read_to_string(workspace().join("deny.toml"))?)?;
    let packages = dependencies(&policy.graph.targets)?;
    let findings = findings(&policy, &packages)?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("{} dependencies", packages.len());
        return Ok(());
    }
    Err(format!("{} findings", findings.len()).into())
}

/// What is built for the targets, with nothing that only the lock file names.
fn dependencies(targets: &[String]) -> Result<Vec<Package>, Box<dyn Error>> {
    let mut tree = cargo();
    tree.args(["tree", "--workspace", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"]);
    tree.args(targets.iter().flat_map(|target| ["--target", target]));
    let tree = output(tree)?;
    // A line is `name vVERSION` and remarks.
    let built: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| (name, rest.split_once(' ').map_or(rest, |(version, _)| version)))
        .collect();
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&output(metadata)?)?;
    let is_dependency = |package: &Package| {
        package.source.is_some() && built.contains(&(package.name.as_str(), package.version.as_str()))
    };
    Ok(metadata.packages.into_iter().filter(is_dependency).collect())
}

fn output(mut command: Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn findings(policy: &Policy, packages: &[Package]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut findings = licence_findings(&policy.licenses, packages)?;
    for banned in &policy.bans.deny {
        let found = packages.iter().filter(|package| package.name == banned.name);
        findings.extend(found.map(|package| format!("{}: banned: {}", package.label(), banned.reason)));
    }
    findings.extend(duplicate_findings(&policy.bans, packages));
    findings.extend(source_findings(&policy.sources, packages));
    Ok(findings)
}

fn licence_findings(policy: &Licenses, packages: &[Package]) -> Result<Vec<String>, Box<dyn Error>> {
    let allowed = policy.allow.iter().map(|name| Licensee::parse(name)).collect::<Result<Vec<_>, _>>()?;
    let mut used = BTreeSet::new();
    let mut findings = Vec::new();
    for package in packages {
        let Some(licence) = &package.license else {
            findings.push(format!("{}: names no licence", package.label()));
            continue;
        };
        let expression = Expression::parse_mode(licence, ParseMode::LAX)?;
        let accepted = expression.evaluate(|requirement| {
            let index = allowed.iter().position(|licensee| licensee.satisfies(requirement));
            used.extend(index);
            index.is_some()
        });
        if !accepted {
            findings.push(format!("{}: licence {licence} is not allowed", package.label()));
        }
    }
    let unused = policy.allow.iter().enumerate().filter(|(index, _)| !used.contains(index));
    findings.extend(unused.map(|(_, name)| format!("deny.toml: no dependency needs the licence {name}")));
    Ok(findings)
}

fn duplicate_findings(policy: &Bans, packages: &[Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, found| found.len() > 1);
    let mut findings = Vec::new();
    for skip in &policy.skip {
        let (name, version) = skip.package.split_once('@').unwrap_or((&skip.package, ""));
        let found = versions.get_mut(name);
        let before = found.as_ref().map_or(0, |found| found.len());
        let after = found.map_or(0, |found| {
            found.retain(|it| !is_version(it, version));
            found.len()
        });
        if before == after {
            findings.push(format!("deny.toml: {} is no second version any more", skip.package));
        }
        if skip.reason.is_empty() {
            findings.push(format!("deny.toml: {} has no reason", skip.package));
        }
    }
    let several = versions.iter().filter(|(_, found)| found.len() > 1);
    findings.extend(several.map(|(name, found)| {
        let found: Vec<&str> = found.iter().copied().collect();
        format!("{name}: several versions, {}", found.join(", "))
    }));
    findings
}

/// Whether `version` is what the possibly shortened `short` means.
fn is_version(version: &str, short: &str) -> bool {
    version.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn source_findings(policy: &Sources, packages: &[Package]) -> Vec<String> {
    let allowed = |source: &str| {
        source.strip_prefix("registry+").is_some_and(|registry| policy.allow_registry.iter().any(|it| it == registry))
    };
    let foreign = packages.iter().filter(|package| !package.source.as_deref().is_some_and(allowed));
    foreign
        .map(|package| format!("{}: comes from {}", package.label(), package.source.as_deref().unwrap_or("nowhere")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "registry+https://example.com/index";

    fn package(name: &str, version: &str, license: &str) -> Package {
        let source = Some(REGISTRY.to_owned());
        Package { name: name.to_owned(), version: version.to_owned(), license: Some(license.to_owned()), source }
    }

    fn judged(skip: &str, packages: &[Package]) -> Vec<String> {
        let policy = format!(
            "graph.targets = []\nlicenses.allow = ['MIT', 'Apache-2.0']\nbans.skip = [{skip}]\n\
             bans.deny = [{{ crate = 'second-tls', reason = 'one is enough' }}]\n\
             sources.allow-registry = ['https://example.com/index']\n"
        );
        findings(&toml::from_str(&policy).unwrap(), packages).unwrap()
    }

    #[test]
    fn what_is_allowed_gives_no_finding() {
        let packages =
            [package("a", "1.0.0", "MIT OR GPL-3.0-only"), package("b", "1.0.0", "Apache-2.0/MIT AND Apache-2.0")];
        assert!(judged("", &packages).is_empty());
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_found() {
        let packages = [package("a", "1.0.0", "MIT AND GPL-3.0-only"), package("b", "1.0.0", "Apache-2.0")];
        assert_eq!(judged("", &packages), ["a 1.0.0: licence MIT AND GPL-3.0-only is not allowed"]);
    }

    #[test]
    fn a_licence_that_nobody_needs_is_found() {
        assert_eq!(
            judged("", &[package("a", "1.0.0", "MIT")]),
            ["deny.toml: no dependency needs the licence Apache-2.0"]
        );
    }

    #[test]
    fn a_second_version_needs_a_reason_and_the_reason_a_second_version() {
        let both = || [package("a", "1.0.0", "MIT"), package("a", "2.10.0", "Apache-2.0")];
        assert_eq!(judged("", &both()), ["a: several versions, 1.0.0, 2.10.0"]);
        assert!(judged("{ crate = 'a@1', reason = 'b wants it' }", &both()).is_empty());
        assert_eq!(judged("{ crate = 'a@1', reason = '' }", &both()), ["deny.toml: a@1 has no reason"]);
        let stale = judged("{ crate = 'a@2.1', reason = 'b wants it' }", &both());
        assert_eq!(stale, ["deny.toml: a@2.1 is no second version any more", "a: several versions, 1.0.0, 2.10.0"]);
    }

    #[test]
    fn a_banned_crate_is_found() {
        let packages = [package("a", "1.0.0", "MIT"), package("second-tls", "3.0.0", "Apache-2.0")];
        assert_eq!(judged("", &packages), ["second-tls 3.0.0: banned: one is enough"]);
    }

    #[test]
    fn a_source_that_is_not_allowed_is_found() {
        let mut foreign = package("a", "1.0.0", "MIT OR Apache-2.0");
        foreign.source = Some("git+https://example.com/a".to_owned());
        let found = judged("", &[foreign, package("b", "1.0.0", "Apache-2.0")]);
        assert_eq!(found, ["a 1.0.0: comes from git+https://example.com/a"]);
    }
}
