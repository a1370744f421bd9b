//! `cargo xtask bench`
#![allow(clippy::print_stderr, reason = "tells people what it does")]
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures, not money: what is dollars is decimal"
)]

mod contender;
mod figures;
mod goals;
mod instructions;
mod life;
mod options;
mod output;
mod packages;
mod peers;
mod plot;
mod price;
mod process;
mod release;
mod run;
mod stand;
mod tables;
mod work;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use spg_local::workspace;

use crate::contender::Programs;
use crate::options::Options;
use crate::peers::Peers;
use crate::run::{Measured, Results};

fn main() -> ExitCode {
    let options = Options::parse().settled();
    match bench(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if no row is void. A goal that is missed is told, and is no failure: another machine has other ratios.
fn bench(options: &Options) -> Result<bool, Box<dyn Error>> {
    let folder = workspace().join("target/bench");
    let measured = match &options.from {
        Some(file) => run::earlier(file)?,
        None => measure(options, &folder)?,
    };
    let results = Results::of(measured)?;
    let goals = goals::goals(&results);
    output::show(&results, &goals);
    if options.from.is_none() {
        let json = options.json.clone().unwrap_or_else(|| folder.join("bench.json"));
        let text = serde_json::to_string_pretty(&output::json(&results, &goals))?;
        output::write(&json, &(text + "\n"))?;
        eprintln!("bench: figures: {}", json.display());
    }
    if options.document {
        output::document(&results, &goals)?;
    }
    Ok(results.void().next().is_none())
}

fn measure(options: &Options, folder: &Path) -> Result<Measured, Box<dyn Error>> {
    let binaries = release::binaries()?;
    let peers = if options.without_peers { None } else { Some(Peers::install()?) };
    run::run(&Programs { binaries, peers }, options, folder)
}
