use std::error::Error;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use clap::builder::PossibleValuesParser;
use spg_local::{BINARIES_VARIABLE, workspace};

use crate::tools::{cargo, checkov, checks, command, run as run_command};
use crate::{Outcome, consumer, dependencies, parameters};

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
    check: fn() -> Result<(), Box<dyn Error>>,
}

/// In the order in which they run: what fails fast comes first.
const STEPS: &[Step] = &[
    Step { name: "fmt", about: "the sources are formatted", check: fmt },
    Step { name: "template", about: "template.yaml, and what SAM makes of it, without findings", check: template },
    Step {
        name: "consumer",
        about: "the worked consumer: its template and its tests in Python",
        check: consumer::check,
    },
    Step {
        name: "deny",
        about: "licences, sources and duplicate versions of the dependencies",
        check: dependencies::check,
    },
    Step { name: "clippy", about: "no warnings in any target", check: clippy },
    Step { name: "build", about: "everything, once: the next two steps run what it makes", check: build },
    Step { name: "unit", about: "the tests of all crates", check: unit },
    Step {
        name: "parameters",
        about: "the template with every parameter changed, on the local stack",
        check: changed_parameters,
    },
    Step { name: "pysibs", about: "a client of another maker against the simulator, and its cipher", check: pysibs },
    Step { name: "local", about: "the scenarios of the demo on the local stack", check: local },
    Step { name: "rehearse", about: "the recoveries of docs/recovery.md on the local stack", check: rehearse },
    Step {
        name: "spgctl",
        about: "every command of spgctl on the local stack, as docs/spgctl.md shows it",
        check: spgctl,
    },
];

/// Runs the chosen steps, all of them even if one fails.
pub fn run(arguments: &Arguments) -> Outcome {
    if arguments.list {
        for step in STEPS {
            println!("{:<10} {}", step.name, step.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = STEPS.iter().filter(|step| arguments.chooses(step.name));
    let results: Vec<(&str, bool)> = chosen.map(|step| (step.name, passes(step))).collect();
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
    STEPS.iter().map(|step| step.name)
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

fn fmt() -> Result<(), Box<dyn Error>> {
    run_command(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), Box<dyn Error>> {
    run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// What SAM makes of the template; returns where it lies.
pub fn transform() -> Result<PathBuf, Box<dyn Error>> {
    let folder = workspace().join("target/template");
    fs::create_dir_all(&folder)?;
    let transformed = folder.join("transformed.json");
    run_command(
        command(checks()?.program("python"))
            .args(["infra/local/transform.py", "template.yaml"])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(File::create(&transformed)?),
    )?;
    Ok(transformed)
}

/// cfn-lint finds in the result what it does not see in the source, and the other way round.
fn template() -> Result<(), Box<dyn Error>> {
    let (tools, transformed) = (checks()?, transform()?);
    parameters::check_complete(&transformed)?;
    run_command(command(tools.program("cfn-lint")).arg("template.yaml").arg(&transformed))?;
    run_command(command(tools.program("cfn-lint")).arg(&transformed).arg("--parameters").args(parameters::for_lint()))?;
    run_command(
        command(tools.program("sam"))
            .args(["validate", "--lint", "--template", "template.yaml", "--region", "eu-west-1"])
            .env("SAM_CLI_TELEMETRY", "0"),
    )?;
    run_command(
        command(checkov()?.program("checkov")).args(["--config-file", ".checkov.yaml", "--file"]).arg(&transformed),
    )
}

/// One build of everything has one set of features: nothing is compiled twice for the steps that follow.
fn build() -> Result<(), Box<dyn Error>> {
    run_command(cargo().args(["build", "--workspace", "--all-targets"]))
}

fn unit() -> Result<(), Box<dyn Error>> {
    run_command(cargo().args(["test", "--workspace", "--no-fail-fast"]).env(BINARIES_VARIABLE, binaries()?))
}

fn changed_parameters() -> Result<(), Box<dyn Error>> {
    let binaries = binaries()?;
    run_command(command(binaries.join("xtask")).arg("parameters").env(BINARIES_VARIABLE, &binaries))
}

/// The public client pysibs, unmodified, pinned with hashes.
fn pysibs() -> Result<(), Box<dyn Error>> {
    let client = crate::tools::pysibs()?;
    run_command(
        command(client.program("python"))
            .args(["-m", "unittest", "discover", "--start-directory", "tests/pysibs", "--verbose"])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env(BINARIES_VARIABLE, binaries()?),
    )
}

fn local() -> Result<(), Box<dyn Error>> {
    let binaries = binaries()?;
    run_command(command(binaries.join("demo")).env(BINARIES_VARIABLE, &binaries))
}

fn rehearse() -> Result<(), Box<dyn Error>> {
    let binaries = binaries()?;
    run_command(command(binaries.join("rehearse")).env(BINARIES_VARIABLE, &binaries))
}

fn spgctl() -> Result<(), Box<dyn Error>> {
    let binaries = binaries()?;
    run_command(command(binaries.join("spgctl-record")).env(BINARIES_VARIABLE, &binaries))
}

/// Where `build` leaves its executables: beside this one.
fn binaries() -> Result<PathBuf, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    Ok(own.parent().ok_or("this program lies in no folder")?.to_owned())
}
