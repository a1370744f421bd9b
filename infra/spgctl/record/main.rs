//! Plays every command of spgctl on a local stack of its own, and keeps docs/operate/spgctl.md to what was seen.
//!
//! Without arguments it fails where the page differs; with `--write` it writes the page.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "talks to people")]

mod normal;
mod script;
mod world;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use spg_local::{Options, Stack, workspace};

pub type Failure = Box<dyn Error + Send + Sync>;

const PAGE: &str = "docs/operate/spgctl.md";

fn main() -> ExitCode {
    let write = std::env::args().any(|argument| argument == "--write");
    match record(write) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn record(write: bool) -> Result<(), Failure> {
    let dir = workspace().join("target/spgctl");
    spg_local::end_on_interrupt(dir.clone())?;
    let options = Options { port: 0, ..Options::new(dir.clone()) };
    let recorded = Stack::up(&options).map_err(Failure::from).and_then(|info| play(&info, dir.clone()));
    Stack::down(&dir)?;
    let page = recorded?;
    let path = workspace().join(PAGE);
    if write {
        fs::write(&path, page)?;
        println!("wrote {PAGE}");
        return Ok(());
    }
    compare(&fs::read_to_string(&path)?, &page)
}

fn play(info: &spg_local::StackInfo, dir: PathBuf) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let world = world::World::new(info, dir).await?;
        script::play(&world).await
    })
}

/// Columns may be wider by a digit of an age: only the spaces between words may differ.
fn compare(expected: &str, found: &str) -> Result<(), Failure> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let (expected, found): (Vec<_>, Vec<_>) =
        (expected.lines().map(words).collect(), found.lines().map(words).collect());
    let differs = (0..expected.len().max(found.len())).find(|&n| expected.get(n) != found.get(n));
    let Some(n) = differs else {
        println!("{PAGE} is what was seen: {} lines", found.len());
        return Ok(());
    };
    let line = |lines: &[String]| lines.get(n).cloned().unwrap_or_else(|| "(the end)".to_owned());
    let message = format!(
        "{PAGE} differs in line {}:\n  page  {}\n  seen  {}\nif that is meant: target/debug/spgctl-record --write",
        n + 1,
        line(&expected),
        line(&found)
    );
    Err(message.into())
}
