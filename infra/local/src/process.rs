//! Programs in process groups of their own, kept in a file so that another run can end them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use std::os::unix::process::CommandExt as _;

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use serde::{Deserialize, Serialize};

use crate::{Error, poll};

const TERMINATE_TIME_MAX: Duration = Duration::from_secs(3);
const KILL_TIME_MAX: Duration = Duration::from_secs(5);
const OUTPUT_SHOWN_LINES_MAX: usize = 20;

/// A program that was started: the leader of the process group with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    name: String,
    group: i32,
    /// What tells it from a later process with the same number, where the system has it.
    started: Option<String>,
}

/// Held while a program is started, and for good by who ends everything because of an interrupt: nothing is started then.
pub(crate) static STARTING: Mutex<()> = Mutex::new(());

/// The processes of a stack, in a file.
pub(crate) struct Processes {
    path: PathBuf,
}

impl Processes {
    pub(crate) fn of(dir: &Path) -> Self {
        Self { path: dir.join("processes.json") }
    }

    /// Starts a program in its own process group, with its output in `log`, and remembers it.
    pub(crate) fn start(&self, name: &str, mut command: Command, log: &Path) -> Result<Process, Error> {
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let output = File::create(log).map_err(Error::file(log))?;
        let errors = output.try_clone().map_err(Error::file(log))?;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(Error::start(command.get_program()))?;
        let group = child.id().cast_signed();
        let process = Process { name: name.to_owned(), group, started: start_mark(group) };
        let mut all = self.read()?;
        all.push(process.clone());
        self.write(&all)?;
        Ok(process)
    }

    /// Ends all of them with everything that they started. Does nothing if none runs.
    pub(crate) fn end_all(&self) -> Result<(), Error> {
        for process in self.read()?.iter().rev() {
            process.end()?;
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(&self.path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The process groups of all of them that still run.
    pub(crate) fn groups(&self) -> Result<Vec<i32>, Error> {
        Ok(self.read()?.iter().filter(|process| process.runs()).map(|process| process.group).collect())
    }

    pub(crate) fn any(&self) -> Result<bool, Error> {
        Ok(!self.read()?.is_empty())
    }

    fn read(&self) -> Result<Vec<Process>, Error> {
        match fs::read(&self.path) {
            Ok(text) => serde_json::from_slice(&text).map_err(Error::json(self.path.display().to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::file(&self.path)(error)),
        }
    }

    fn write(&self, processes: &[Process]) -> Result<(), Error> {
        let text = serde_json::to_vec(processes).map_err(Error::json("the list of processes"))?;
        fs::write(&self.path, text).map_err(Error::file(&self.path))
    }
}

impl Process {
    /// Whether the program itself still runs.
    pub(crate) fn runs(&self) -> bool {
        self.reap();
        leader_runs(self.group) && start_mark(self.group) == self.started
    }

    fn end(&self) -> Result<(), Error> {
        let Some(group) = Pid::from_raw(self.group) else { return Ok(()) };
        // The number may belong to another program by now; then nothing of the group is left.
        if start_mark(self.group).is_some_and(|mark| Some(mark) != self.started) {
            return Ok(());
        }
        for (signal, limit) in [(Signal::TERM, TERMINATE_TIME_MAX), (Signal::KILL, KILL_TIME_MAX)] {
            // Fails only if nobody is left, and that is looked at next.
            let _ = kill_process_group(group, signal);
            if poll::until(limit, || self.ended().then_some(())).is_some() {
                return Ok(());
            }
        }
        Err(Error::DoesNotEnd { name: self.name.clone(), group: self.group })
    }

    fn ended(&self) -> bool {
        self.reap();
        !group_runs(self.group)
    }

    /// Takes note of its end if it is a child of this process; otherwise somebody else does.
    fn reap(&self) {
        if let Some(pid) = Pid::from_raw(self.group) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// The last lines of a program's output, for a message.
pub(crate) fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(OUTPUT_SHOWN_LINES_MAX)..].join("\n")
}

/// What `/proc/PID/stat` says after the program's name, which is in brackets and may hold anything.
#[cfg(target_os = "linux")]
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(target_os = "linux")]
mod field {
    pub(super) const STATE: usize = 0;
    pub(super) const GROUP: usize = 2;
    pub(super) const START: usize = 19;
}

/// The process group of a process.
#[cfg(target_os = "linux")]
pub(crate) fn group_of(pid: i32) -> Option<i32> {
    stat(pid)?.get(field::GROUP)?.parse().ok()
}

#[cfg(target_os = "linux")]
fn start_mark(pid: i32) -> Option<String> {
    stat(pid)?.get(field::START).cloned()
}

#[cfg(target_os = "linux")]
fn leader_runs(pid: i32) -> bool {
    stat(pid).is_some_and(|fields| is_alive(&fields))
}

/// Dead processes that nobody has taken note of do not count: not every container has a first process that does.
#[cfg(target_os = "linux")]
fn group_runs(group: i32) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    let group = group.to_string();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .any(|fields| fields.get(field::GROUP) == Some(&group) && is_alive(&fields))
}

#[cfg(target_os = "linux")]
fn is_alive(fields: &[String]) -> bool {
    fields.get(field::STATE).is_some_and(|state| state != "Z" && state != "X")
}

#[cfg(not(target_os = "linux"))]
fn start_mark(_pid: i32) -> Option<String> {
    None
}

#[cfg(not(target_os = "linux"))]
fn leader_runs(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

#[cfg(not(target_os = "linux"))]
fn group_runs(group: i32) -> bool {
    Pid::from_raw(group).is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_ends_with_its_children_and_twice() {
        let dir = std::env::temp_dir().join(format!("spg-local-process-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let processes = Processes::of(&dir);
        let mut command = Command::new("sh");
        // The child ignores the polite signal.
        command.args(["-c", "(trap '' TERM; echo ready; while :; do sleep 1; done) & wait"]);
        let log = dir.join("log");
        let process = processes.start("shell", command, &log).unwrap();
        let ready = || last_lines(&log).contains("ready").then_some(());
        assert!(poll::until(Duration::from_secs(10), ready).is_some());
        assert!(process.runs());
        assert!(processes.any().unwrap());
        processes.end_all().unwrap();
        assert!(!process.runs());
        assert!(!group_runs(process.group));
        assert!(!processes.any().unwrap());
        processes.end_all().unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_number_that_was_given_to_another_program_is_not_ended() {
        let mut other = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let group = other.id().cast_signed();
        let stale = Process { name: "stale".to_owned(), group, started: Some("1".to_owned()) };
        stale.end().unwrap();
        assert!(leader_runs(group));
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
