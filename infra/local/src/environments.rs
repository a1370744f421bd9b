//! The execution environments of the functions: the processes that the emulator has started. For ending one without warning. Linux only: it reads `/proc`.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::Error;
use crate::process::{Processes, group_of};

/// What the bootstrap of each function becomes (see deploy.py).
const PROGRAM: &str = "function";
const NAME_VARIABLE: &[u8] = b"AWS_LAMBDA_FUNCTION_NAME=";

/// A process that runs a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pid: i32,
    /// The deployed name of its function.
    pub function: String,
    group: i32,
}

impl Environment {
    /// The execution environments of the stack in `dir`.
    ///
    /// # Errors
    /// The list of the stack's processes cannot be read.
    pub fn all(dir: &Path) -> Result<Vec<Self>, Error> {
        let groups = Processes::of(dir).groups()?;
        let Ok(entries) = fs::read_dir("/proc") else { return Ok(Vec::new()) };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(pids.filter_map(|pid| Self::of(pid, &groups)).collect())
    }

    fn of(pid: i32, groups: &[i32]) -> Option<Self> {
        let group = group_of(pid).filter(|group| groups.contains(group) && *group != pid)?;
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let program = command.split(|byte| *byte == 0).next()?;
        let name = Path::new(std::str::from_utf8(program).ok()?).file_name()?;
        if name != PROGRAM {
            return None;
        }
        let variables = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let function = variables.split(|byte| *byte == 0).find_map(|it| it.strip_prefix(NAME_VARIABLE))?;
        Some(Self { pid, function: String::from_utf8_lossy(function).into_owned(), group })
    }

    /// Ends it without warning. False if it has ended already; nothing else is ended in its place, even if its number was given
    /// to another process: what is looked at again and what is signalled is one process, held open.
    #[must_use]
    pub fn kill(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.pid) else { return false };
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
        Self::of(self.pid, &[self.group]).as_ref() == Some(self) && pidfd_send_signal(&process, Signal::KILL).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::poll::until;

    /// A program called `function` in a group of its own, led by another one.
    #[test]
    fn only_a_function_of_the_group_is_ended() {
        let dir = std::env::temp_dir().join(format!("spg-local-environments-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let program = dir.join(PROGRAM);
        let _ = fs::remove_file(&program);
        let sleep = ["/bin/sleep", "/usr/bin/sleep"].into_iter().find(|path| Path::new(path).exists()).unwrap();
        fs::copy(sleep, &program).unwrap();
        let mut leader = Command::new(sleep).arg("60").process_group(0).spawn().unwrap();
        let group = leader.id().cast_signed();
        let child = |name: &str| {
            let mut command = Command::new(&program);
            command.arg("60").process_group(group).env("AWS_LAMBDA_FUNCTION_NAME", name).spawn().unwrap()
        };
        let mut function = child("stack-ack");
        let pid = function.id().cast_signed();
        // Who has begun another program has its command line and its variables a moment later.
        let found = until(Duration::from_secs(10), || Environment::of(pid, &[group]));
        assert_eq!(found, Some(Environment { pid, function: "stack-ack".to_owned(), group }));
        assert_eq!(Environment::of(pid, &[group + 1]), None, "of another group");
        assert_eq!(Environment::of(group, &[group]), None, "the leader");
        let found = found.unwrap();
        assert!(!Environment { function: "stack-publisher".to_owned(), ..found.clone() }.kill());
        assert!(found.kill());
        assert!(!function.wait().unwrap().success());
        assert!(!found.kill(), "it has ended already");
        leader.kill().unwrap();
        leader.wait().unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}
