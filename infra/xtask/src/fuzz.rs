use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};
use spg_local::{forget_own_package, workspace};

use crate::Outcome;
use crate::tools::{cargo_tool, command, run as run_command};

const CARGO_FUZZ: (&str, &str) = ("cargo-fuzz", "0.13.2");
const FOLDER: &str = "tests/fuzz/fuzz";
const CORPUS: &str = "tests/fuzz/corpus";
const DICTIONARIES: &str = "tests/fuzz/dictionaries";
/// Ignored, as the next.
const BUILD: &str = "target/fuzz";
/// What the runs find beside the kept corpora.
const FOUND: &str = "target/fuzz-corpus";
const RUNS_DEFAULT: u64 = 1_000_000;
/// An input may be this long: several times the longest real one, and short enough for tens of thousands a second.
const INPUT_BYTES_MAX: usize = 4096;
/// What was found is kept up to this length.
const KEPT_BYTES_MAX: usize = 512;
/// The name of an input that was found: SHA-1 in hexadecimal.
const HASH_LENGTH: usize = 40;
/// One input that takes longer is a finding.
const TIMEOUT_SECONDS: usize = 10;
const MEMORY_MIB_MAX: usize = 2048;

#[derive(Args)]
pub struct Arguments {
    /// The targets to run; all, where none is named
    targets: Vec<String>,
    /// How often each target is run [default: 1000000]
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    runs: Option<u64>,
    /// How long each target is run
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// The workspace has no unsafe code, so a sanitizer finds little and takes most of the speed
    #[arg(long, value_enum, default_value = "none")]
    sanitizer: Sanitizer,
    /// Run one input, of a finding, and nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["runs", "seconds", "keep"])]
    input: Option<PathBuf>,
    /// Afterwards take what was found into the kept corpora, as few and as short inputs as reach the same code
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sanitizer {
    None,
    Address,
}

/// Runs the targets one after another, all of them even if one fails.
pub fn run(arguments: &Arguments) -> Outcome {
    let known = targets()?;
    if let Some(unknown) = arguments.targets.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no target {unknown}; there are {}", known.join(", ")).into());
    }
    let chosen = if arguments.targets.is_empty() { &known } else { &arguments.targets };
    if arguments.input.is_some() && chosen.len() != 1 {
        return Err("an input is of one target: name it".into());
    }
    has_nightly()?;
    let tool = cargo_tool(CARGO_FUZZ.0, CARGO_FUZZ.1)?;
    let mut failed = Vec::new();
    for target in chosen {
        println!("\n== {target}");
        if let Err(error) = fuzz(&tool, target, arguments) {
            println!("== {target} FAILED: {error}");
            failed.push(target.as_str());
        }
    }
    println!("\n{} passed, {} failed", chosen.len() - failed.len(), failed.len());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fuzz(tool: &Path, target: &str, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let kept = workspace().join(CORPUS).join(target);
    let found = workspace().join(FOUND).join(target);
    fs::create_dir_all(&found)?;
    let mut fuzzer = fuzzer(tool, target, arguments.sanitizer);
    if let Some(input) = &arguments.input {
        return run_command(fuzzer.arg(fs::canonicalize(input)?));
    }
    fuzzer.args([&found, &kept]).arg("--");
    match arguments.seconds {
        Some(seconds) => fuzzer.arg(format!("-max_total_time={seconds}")),
        None => fuzzer.arg(format!("-runs={}", arguments.runs.unwrap_or(RUNS_DEFAULT))),
    };
    fuzzer
        .arg(format!("-dict={}", workspace().join(DICTIONARIES).join(format!("{target}.dict")).display()))
        .arg("-print_final_stats=1")
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={TIMEOUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
    run_command(&mut fuzzer)?;
    if arguments.keep { keep(tool, target, arguments.sanitizer, &kept, &found) } else { Ok(()) }
}

/// libFuzzer takes as few inputs as reach the same code; how often they pass it does not count, or there would be ten times as many.
/// What people wrote stays: it has a name, and what was found has a hash.
fn keep(tool: &Path, target: &str, sanitizer: Sanitizer, kept: &Path, found: &Path) -> Result<(), Box<dyn Error>> {
    let merged = found.with_file_name(format!("{target}.merged"));
    if merged.exists() {
        fs::remove_dir_all(&merged)?;
    }
    fs::create_dir_all(&merged)?;
    let mut fuzzer = fuzzer(tool, target, sanitizer);
    fuzzer.args([&merged, found, kept]).args(["--", "-set_cover_merge=1", "-use_counters=0"]);
    run_command(fuzzer.arg(format!("-max_len={KEPT_BYTES_MAX}")))?;
    for old in fs::read_dir(kept)? {
        let old = old?;
        if old.file_name().len() == HASH_LENGTH {
            fs::remove_file(old.path())?;
        }
    }
    for new in fs::read_dir(&merged)? {
        let new = new?;
        fs::copy(new.path(), kept.join(new.file_name()))?;
    }
    Ok(())
}

/// The target's program, built by cargo-fuzz with the nightly compiler.
fn fuzzer(tool: &Path, target: &str, sanitizer: Sanitizer) -> Command {
    let mut command = command("rustup");
    forget_own_package(&mut command);
    // cargo told this program which cargo to use: the one of the workspace, and not the nightly one.
    command.env_remove("CARGO").args(["run", "nightly"]).arg(tool).args(["fuzz", "run"]);
    let name = match sanitizer {
        Sanitizer::None => "none",
        Sanitizer::Address => "address",
    };
    command.args(["--fuzz-dir", FOLDER, "--sanitizer", name]);
    command.arg("--target-dir").arg(workspace().join(BUILD));
    command.arg(target);
    command
}

/// The names of the programs, in order.
fn targets() -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace().join(FOLDER).join("fuzz_targets"))? {
        names.extend(entry?.path().file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Only the nightly compiler instruments what libFuzzer watches.
fn has_nightly() -> Result<(), Box<dyn Error>> {
    let version = command("rustup").args(["run", "nightly", "rustc", "--version"]).output();
    if version.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err("fuzzing needs the nightly toolchain: `rustup toolchain install nightly --profile minimal`".into())
}
