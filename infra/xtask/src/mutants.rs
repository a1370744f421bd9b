use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use spg_local::workspace;

use crate::Outcome;
use crate::tools::{cargo_tool, command, run as run_command};

const CARGO_MUTANTS: (&str, &str) = ("cargo-mutants", "27.1.0");
/// What decides: the rest moves bytes, and the tests of the whole way watch it.
const PACKAGES: [&str; 3] = ["spg-domain", "spg-gateway", "spg-reconcile"];
/// Where the lists of caught and missed mutants go; ignored.
const RESULTS: &str = "target/mutants";

#[derive(Args)]
pub struct Arguments {
    /// The crates to change; all three, where none is named
    #[arg(value_name = "PACKAGE", value_parser = PossibleValuesParser::new(PACKAGES))]
    packages: Vec<String>,
    /// Only mutants of this file; several may be given
    #[arg(long, value_name = "GLOB")]
    file: Vec<String>,
    /// How many are built and tested at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: u16,
}

/// Changes one place at a time in a copy of the workspace, and runs the crate's own tests against it. `docs/evidence/mutants.md` says why the
/// mutants that live may.
pub fn run(arguments: &Arguments) -> Outcome {
    let tool = cargo_tool(CARGO_MUTANTS.0, CARGO_MUTANTS.1)?;
    let named: Vec<&str> = arguments.packages.iter().map(String::as_str).collect();
    let packages = if named.is_empty() { &PACKAGES[..] } else { &named };
    let mut all = true;
    for package in packages {
        println!("\n== {package}");
        let results: PathBuf = workspace().join(RESULTS).join(package);
        std::fs::create_dir_all(&results)?;
        let mut mutants = command(&tool);
        mutants.args(["mutants", "--package", package, "--no-shuffle", "--jobs", &arguments.jobs.to_string()]);
        mutants.args(arguments.file.iter().flat_map(|file| ["--file", file]));
        let result = run_command(mutants.arg("--output").arg(&results));
        println!("the lists are in {}", results.join("mutants.out").display());
        if let Err(error) = result {
            println!("== {package}: {error}; compare missed.txt with docs/evidence/mutants.md");
            all = false;
        }
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
