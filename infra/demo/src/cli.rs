//! The command line that both programs have.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use crate::{Options, Program, run};

#[derive(Parser)]
struct Arguments {
    /// Leave everything running afterwards, to play with, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Replays everything that is drawn at random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only those with this in their name
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
    /// Show what there is to play, and play nothing
    #[arg(long)]
    list: bool,
    /// Port of the emulator; 0 takes any that is free
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Folder of the stack
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Reads the command line and plays; success only if all held.
pub async fn main(program: &'static Program) -> ExitCode {
    let name = format!("cargo xtask {}", program.name);
    let places =
        format!("Without --dir the folder is target/{}, without --port the port is {}.", program.dir, program.port);
    let command = Arguments::command().name(program.name).bin_name(name).about(program.about).after_help(places);
    let parsed = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    let Arguments { keep, seed, only, list, port, dir } = parsed;
    let dir = dir.unwrap_or_else(|| spg_local::workspace().join("target").join(program.dir));
    run(program, Options { keep, seed, only, list, port: port.unwrap_or(program.port), dir }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
