use std::error::Error;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use clap::Args;
use clap::builder::PossibleValuesParser;
use spg_local::{BINARIES_VARIABLE, workspace};

use crate::tools::{cargo, cargo_deny, checkov, checks, command, run as run_command, run_into, zizmor};
use crate::{Outcome, consumer, parameters};

#[derive(Args)]
pub struct Arguments {
    /// Run this step and no other; several may be given
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(names()))]
    only: Vec<String>,
    /// Leave this step out; several may be given
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(names()))]
    skip: Vec<String>,
    /// Show the steps and run none
    #[arg(long)]
    list: bool,
}

struct Step {
    name: &'static str,
    about: &'static str,
    check: fn() -> Check,
}

type Check = Result<(), Box<dyn Error>>;

/// In the order in which they begin. The steps of a row run [`AT_ONCE`] at a time: they wait more than they compute.
const ROWS: &[&[Step]] = &[CODE, BUILD, UNIT, STACK];

/// One that computes and one that waits for programs to be installed, or for a clock.
const AT_ONCE: usize = 2;

const CODE: &[Step] = &[
    Step { name: "fmt", about: "the sources are formatted", check: fmt },
    Step { name: "clippy", about: "no warnings in any target", check: clippy },
    Step { name: "template", about: "template.yaml, and what SAM makes of it, without findings", check: template },
    Step { name: "workflows", about: "the workflows of .github, without findings", check: workflows },
    Step {
        name: "consumer",
        about: "the worked consumer: its template and its tests in Python",
        check: consumer::check,
    },
    Step { name: "deny", about: "licences, sources and duplicate versions of the dependencies", check: deny },
];

const BUILD: &[Step] =
    &[Step { name: "build", about: "everything, once: the steps after it run what it makes", check: build }];

const UNIT: &[Step] = &[Step { name: "unit", about: "the tests of all crates", check: unit }];

const STACK: &[Step] = &[
    Step { name: "rehearse", about: "the recoveries of docs/operate/recovery.md on the local stack", check: rehearse },
    Step {
        name: "parameters",
        about: "the template with every parameter changed, on the local stack",
        check: changed_parameters,
    },
    Step { name: "pysibs", about: "a client of another maker against the simulator, and its cipher", check: pysibs },
    Step { name: "local", about: "the scenarios of the demo on the local stack", check: local },
    Step {
        name: "spgctl",
        about: "every command of spgctl on the local stack, as docs/operate/spgctl.md shows it",
        check: spgctl,
    },
];

/// Runs the chosen steps, all of them even if one fails.
pub fn run(arguments: &Arguments) -> Outcome {
    if arguments.list {
        for step in steps() {
            println!("{:<10} {}", step.name, step.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut results = Vec::new();
    for row in ROWS {
        let chosen: Vec<&Step> = row.iter().filter(|step| arguments.chooses(step.name)).collect();
        match chosen[..] {
            [step] => results.push((step.name, passes(step))),
            _ => results.extend(beside_each_other(&chosen)?),
        }
    }
    let failed: Vec<&str> = results.iter().filter(|(_, passed)| !passed).map(|(name, _)| *name).collect();
    println!();
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    println!("{} passed, {} failed", results.len() - failed.len(), failed.len());
    Ok(if failed.is_empty() && !results.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn chooses(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|it| it == name);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    steps().map(|step| step.name)
}

fn steps() -> impl Iterator<Item = &'static Step> {
    ROWS.iter().copied().flatten()
}

/// Each in a process of its own, whose output is shown when it ends.
fn beside_each_other(steps: &[&'static Step]) -> Result<Vec<(&'static str, bool)>, Box<dyn Error>> {
    let own = binaries()?.join("xtask");
    let logs = workspace().join("target/test");
    fs::create_dir_all(&logs)?;
    let waiting = Mutex::new(steps.iter());
    let results = Mutex::new(Vec::new());
    let next = || lock(&waiting).next();
    let work = || {
        while let Some(step) = next() {
            println!("== {} begins: {}", step.name, step.about);
            let log = logs.join(format!("{}.log", step.name));
            let result = run_into(&log, command(&own).args(["test", "--only", step.name]));
            let mut results = lock(&results);
            println!("{}", String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()));
            results.push((step.name, result.is_ok()));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn passes(step: &Step) -> bool {
    println!("\n== {}: {}", step.name, step.about);
    let start = Instant::now();
    let result = (step.check)();
    let seconds = start.elapsed().as_secs();
    match result {
        Ok(()) => println!("== {} passed ({seconds} s)", step.name),
        Err(ref error) => println!("== {} FAILED ({seconds} s): {error}", step.name),
    }
    result.is_ok()
}

fn fmt() -> Check {
    run_command(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Check {
    run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// What SAM makes of the template with these parameters, `NAME=VALUE`; returns where it lies.
pub fn transform(parameters: &[String]) -> Result<PathBuf, Box<dyn Error>> {
    let folder = workspace().join("target/template");
    fs::create_dir_all(&folder)?;
    let transformed = folder.join(if parameters.is_empty() { "transformed.json" } else { "changed.json" });
    run_command(
        command(checks()?.program("python"))
            .args(["infra/local/transform.py", "template.yaml"])
            .args(parameters)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(File::create(&transformed)?),
    )?;
    Ok(transformed)
}

/// `DeploymentStyle` and its mapping are looked up by the transform, and nothing in its result uses them.
const SEEN_BY_SAM_ALONE: [&str; 3] = ["--ignore-checks", "W2001", "W7001"];

/// cfn-lint finds in the result what it does not see in the source, and the other way round.
fn template() -> Check {
    let (tools, transformed) = (checks()?, transform(&[])?);
    let changed = transform(&parameters::for_lint())?;
    parameters::check_complete(&transformed)?;
    let lint = || command(tools.program("cfn-lint"));
    run_command(lint().arg("template.yaml"))?;
    run_command(lint().arg(&transformed).args(SEEN_BY_SAM_ALONE))?;
    run_command(lint().arg(&changed).args(SEEN_BY_SAM_ALONE).arg("--parameters").args(parameters::for_lint()))?;
    run_command(
        command(tools.program("sam"))
            .args(["validate", "--lint", "--template", "template.yaml", "--region", "eu-west-1"])
            .env("SAM_CLI_TELEMETRY", "0"),
    )?;
    run_command(
        command(checkov()?.program("checkov"))
            .args(["--config-file", ".checkov.yaml", "--file"])
            .arg(&transformed)
            .arg(&changed),
    )
}

fn workflows() -> Check {
    run_command(command(zizmor()?.program("zizmor")).args(["--offline", "--persona", "pedantic", ".github"]))
}

/// An entry of `deny.toml` that nothing needs any more is a finding, too.
fn deny() -> Check {
    run_command(command(cargo_deny()?.program("cargo-deny")).args([
        "check",
        "--deny",
        "unnecessary-skip",
        "bans",
        "licenses",
        "sources",
    ]))
}

/// One build of everything has one set of features: nothing is compiled twice for the steps that follow.
fn build() -> Check {
    run_command(cargo().args(["build", "--workspace", "--all-targets"]))
}

fn unit() -> Check {
    run_command(cargo().args(["test", "--workspace", "--no-fail-fast"]).env(BINARIES_VARIABLE, binaries()?))
}

fn changed_parameters() -> Check {
    let binaries = binaries()?;
    run_command(command(binaries.join("xtask")).arg("parameters").env(BINARIES_VARIABLE, &binaries))
}

/// The public client pysibs, unmodified, pinned with hashes.
fn pysibs() -> Check {
    let client = crate::tools::pysibs()?;
    run_command(
        command(client.program("python"))
            .args(["-m", "unittest", "discover", "--start-directory", "tests/pysibs", "--verbose"])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env(BINARIES_VARIABLE, binaries()?),
    )
}

fn local() -> Check {
    let binaries = binaries()?;
    run_command(command(binaries.join("demo")).env(BINARIES_VARIABLE, &binaries))
}

fn rehearse() -> Check {
    let binaries = binaries()?;
    run_command(command(binaries.join("rehearse")).env(BINARIES_VARIABLE, &binaries))
}

fn spgctl() -> Check {
    let binaries = binaries()?;
    run_command(command(binaries.join("spgctl-record")).env(BINARIES_VARIABLE, &binaries))
}

/// Where `build` leaves its executables: beside this one.
fn binaries() -> Result<PathBuf, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    Ok(own.parent().ok_or("this program lies in no folder")?.to_owned())
}
