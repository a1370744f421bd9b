//! `cargo xtask load`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use demo::load::LoadOptions;

/// Many payments on the local stack while processes are killed, connections cut and the Status API is away; exit code 0 only
/// if nothing was lost, wrong or done twice
#[derive(Parser)]
#[command(name = "cargo xtask load", bin_name = "cargo xtask load")]
struct Arguments {
    #[arg(long, value_name = "N", default_value_t = 5000)]
    payments: u32,
    /// Function processes that are killed; a third as often all connections to AWS are cut
    #[arg(long, value_name = "N", default_value_t = 90)]
    kills: u32,
    /// Payments that arrive in a minute
    #[arg(long, value_name = "N", default_value_t = 300)]
    per_minute: u32,
    /// Nothing goes wrong, and every webhook comes once and at once: for latency
    #[arg(long, conflicts_with = "kills")]
    undisturbed: bool,
    /// What the Status API takes for an answer, in milliseconds
    #[arg(long, value_name = "N", default_value_t = 0)]
    status_api: u32,
    /// Replays everything that is drawn at random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Leave everything running afterwards, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Port of the emulator; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = spg_local::PORT_DEFAULT)]
    port: u16,
    /// Folder of the stack, and of load.json [default: target/local]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { payments, kills, per_minute, undisturbed, status_api, seed, keep, port, dir } = Arguments::parse();
    let dir = dir.unwrap_or_else(spg_local::default_dir);
    let status_api = Duration::from_millis(status_api.into());
    demo::load::run(LoadOptions { payments, kills, per_minute, undisturbed, status_api, seed, keep, port, dir }).await
}
