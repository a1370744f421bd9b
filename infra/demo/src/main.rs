//! `cargo xtask demo`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use demo::Options;

/// Play the scenarios against the whole system on this machine; exit code 0 only if all held
#[derive(Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo")]
struct Arguments {
    /// Leave everything running afterwards, to play with, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Replays everything that is drawn at random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only scenarios with this in their name
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
    /// Show the scenarios and play none
    #[arg(long)]
    list: bool,
    /// Port of the emulator; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = spg_local::PORT_DEFAULT)]
    port: u16,
    /// Folder of the stack [default: target/local]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { keep, seed, only, list, port, dir } = Arguments::parse();
    let options = Options { keep, seed, only, list, port, dir: dir.unwrap_or_else(spg_local::default_dir) };
    demo::run(options).await
}
