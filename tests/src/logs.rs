//! What a function process printed: stdout and stderr together, as CloudWatch shows them.
//!
//! The process writes into an unlinked file, not a pipe: what it wrote before it answered is there when the answer is,
//! nothing waits for a reader, and nothing is left behind.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::server::until;

/// The output of one function process, readable while it runs and after its end.
#[derive(Debug)]
pub struct Logs {
    file: File,
}

impl Logs {
    pub(crate) fn create() -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("spg-harness-{}-{}.log", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let file = File::options().read(true).append(true).create_new(true).open(&path)?;
        fs::remove_file(path)?;
        Ok(Self { file })
    }

    /// Another end to write to, for a child process.
    pub(crate) fn writer(&self) -> io::Result<Stdio> {
        Ok(Stdio::from(self.file.try_clone()?))
    }

    /// Everything printed so far.
    pub fn text(&self) -> String {
        self.text_since(0)
    }

    /// A position to read on from, in bytes: see [`Logs::text_since`].
    pub fn mark(&self) -> u64 {
        self.file.metadata().map(|metadata| metadata.len()).unwrap_or_default()
    }

    /// What was printed after a [`Logs::mark`].
    pub fn text_since(&self, mark: u64) -> String {
        let length = usize::try_from(self.mark().saturating_sub(mark)).expect("a log that fits into memory");
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, mark).expect("the log can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// The lines that are JSON objects: log lines and metrics.
    pub fn json(&self) -> Vec<Value> {
        self.json_since(0)
    }

    /// The lines after a [`Logs::mark`] that are JSON objects.
    pub fn json_since(&self, mark: u64) -> Vec<Value> {
        let text = self.text_since(mark);
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect()
    }

    /// The lines in CloudWatch's embedded metric format (they have a member `_aws`).
    pub fn metrics(&self) -> Vec<Value> {
        self.json().into_iter().filter(|line| line.get("_aws").is_some()).collect()
    }

    /// True if the text occurs anywhere in the output.
    pub fn contains(&self, needle: &str) -> bool {
        self.text().contains(needle)
    }

    /// Waits for a line that contains the text, for what is printed outside an invocation; false if there is none
    /// within `limit`.
    pub fn wait_for(&self, needle: &str, limit: Duration) -> bool {
        until(limit, || self.contains(needle))
    }
}
