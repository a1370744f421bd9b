use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::{Error, StackInfo, poll};

/// Which logs, and how.
#[derive(Debug, Clone)]
pub struct Logs {
    /// `ack`, `processor`, `sweeper`, `publisher`; all of them when absent.
    pub function: Option<String>,
    /// Go on as long as the stack is up.
    pub follow: bool,
}

/// Writes what the functions of the stack in `dir` have printed to `out`.
///
/// # Errors
/// No stack is up there, or a file cannot be read or written.
pub fn show_logs(dir: &Path, logs: &Logs, out: &mut impl Write) -> Result<(), Error> {
    let info = StackInfo::read(dir)?;
    let names = crate::stack::FUNCTIONS.iter().map(|function| function.name);
    let wanted = names.filter(|name| logs.function.as_ref().is_none_or(|only| only == name));
    let mut files: Vec<Shown> = wanted.map(|name| Shown::new(name, &info.logs)).collect();
    let name_lines = files.len() > 1;
    loop {
        let mut quiet = true;
        for file in &mut files {
            for line in file.new_lines()? {
                quiet = false;
                let prefix = if name_lines { format!("{:<9} ", file.name) } else { String::new() };
                writeln!(out, "{prefix}{line}").map_err(Error::file(Path::new("standard output")))?;
            }
        }
        if !logs.follow || !dir.join(crate::stack::INFO_FILE).exists() {
            return Ok(());
        }
        if quiet {
            poll::pause();
        }
    }
}

/// A log of which a part was shown.
struct Shown {
    name: &'static str,
    path: PathBuf,
    position: u64,
    unfinished: Vec<u8>,
}

impl Shown {
    fn new(name: &'static str, dir: &Path) -> Self {
        Self { name, path: dir.join(format!("{name}.log")), position: 0, unfinished: Vec::new() }
    }

    /// The lines since the last time; none while there is no file, because the function has not been called.
    fn new_lines(&mut self) -> Result<Vec<String>, Error> {
        let Ok(mut file) = File::open(&self.path) else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(self.position)).map_err(Error::file(&self.path))?;
        let read = file.read_to_end(&mut self.unfinished).map_err(Error::file(&self.path))?;
        self.position += u64::try_from(read).unwrap_or(u64::MAX);
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let rest = self.unfinished.split_off(end + 1);
        let lines = String::from_utf8_lossy(&self.unfinished).lines().map(str::to_owned).collect();
        self.unfinished = rest;
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_once_and_whole() {
        let dir = std::env::temp_dir().join(format!("spg-local-logs-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut shown = Shown::new("ack", &dir);
        assert!(shown.new_lines().unwrap().is_empty());
        std::fs::write(dir.join("ack.log"), "one\ntw").unwrap();
        assert_eq!(shown.new_lines().unwrap(), ["one"]);
        std::fs::write(dir.join("ack.log"), "one\ntwo\nthree\n").unwrap();
        assert_eq!(shown.new_lines().unwrap(), ["two", "three"]);
        assert!(shown.new_lines().unwrap().is_empty());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
