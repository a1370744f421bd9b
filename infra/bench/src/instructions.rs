//! Instructions of one invocation, counted by valgrind: what a long run has more than a short one, shared by the invocations that
//! it has more. Interpreters that compile at run time are left out: what they do under valgrind is not what they do without.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tests::until;

use crate::contender::{Contender, Programs, Role};
use crate::figures::Figure;
use crate::life::{play, start};
use crate::stand::{Stand, Waits};
use crate::work::Row;

const SHORT: usize = 20;
const LONG: usize = 120;
const END_MAX: Duration = Duration::from_secs(30);
/// How callgrind's log tells what it has counted.
const COUNTED: &str = "Collected : ";

/// Puts the counts into the figures of floor and project.
///
/// # Errors
/// There is no valgrind, or it fails.
pub fn count(programs: &Programs, batch: usize, folder: &Path, figures: &mut [Figure]) -> Result<(), Box<dyn Error>> {
    let found = Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        return Err("--instructions needs valgrind".into());
    }
    for figure in figures.iter_mut().filter(|figure| !figure.contender.is_peer()) {
        let (contender, role, row) = (figure.contender, figure.role, figure.row);
        eprintln!("bench: instructions: {} of {}, {}", role.name(), contender.name(), row.name());
        let run = |invocations| collected(programs, contender, role, row, invocations, batch, folder);
        let more = run(LONG)?.saturating_sub(run(SHORT)?);
        figure.instructions = Some(more / u64::try_from(LONG - SHORT)?);
    }
    Ok(())
}

/// All instructions of a process from its start to its end.
fn collected(
    programs: &Programs,
    contender: Contender,
    role: Role,
    row: Row,
    invocations: usize,
    batch: usize,
    folder: &Path,
) -> Result<u64, Box<dyn Error>> {
    let stand = Stand::new(None, Waits::default());
    let log = folder.join("callgrind.log");
    let arguments = [
        "--tool=callgrind".to_owned(),
        "--callgrind-out-file=/dev/null".to_owned(),
        format!("--log-file={}", log.display()),
    ];
    let launch = programs.launch(contender, role, &stand).under("valgrind", arguments.iter().map(String::as_str));
    let running = start(contender, launch)?;
    let mut first = Duration::ZERO;
    // What is stored or known already is made so by the same process, in both runs alike.
    if row == Row::Duplicate {
        play(&running, contender, Row::NewFinal, &Row::NewFinal.jobs(0..LONG, batch), &stand, &mut first)?;
    }
    let (_, wrong) = play(&running, contender, row, &row.jobs(0..invocations, batch), &stand, &mut first)?;
    if let Some(wrong) = wrong {
        return Err(format!("{} under valgrind: {wrong}", contender.name()).into());
    }
    // Asked to end, not killed: valgrind writes at the end.
    Command::new("kill").args(["-TERM", &running.pid().to_string()]).status()?;
    let mut counted = None;
    until(END_MAX, || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        counted = text.split(COUNTED).nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        counted.is_some()
    });
    fs::remove_file(&log)?;
    counted.ok_or_else(|| format!("valgrind counted nothing for {}", contender.name()).into())
}
