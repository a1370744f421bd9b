//! What people and programs read: results on standard output, progress on standard error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use spg_domain::Timestamp;

use crate::Error;

/// How often progress is shown: where it is one line that changes, and where each line stays.
const SHOWN_EVERY: Duration = Duration::from_millis(200);
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// Where results go.
pub struct Output<'a> {
    json: bool,
    writer: &'a mut (dyn Write + Send),
}

impl<'a> Output<'a> {
    pub fn new(json: bool, writer: &'a mut (dyn Write + Send)) -> Self {
        Self { json, writer }
    }

    /// Shows one result: as JSON if that was asked for, else as text.
    ///
    /// # Errors
    /// [`Error::Output`]
    pub fn show(&mut self, result: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Error> {
        if self.json {
            serde_json::to_writer_pretty(&mut *self.writer, result).map_err(|error| Error::Output(error.into()))?;
            return writeln!(self.writer).map_err(Error::Output);
        }
        let text = text();
        let line = text.trim_end_matches('\n');
        writeln!(self.writer, "{line}").map_err(Error::Output)
    }
}

/// Progress of long work, on standard error: one line that changes on a terminal, a line now and then elsewhere.
pub struct Progress {
    what: &'static str,
    terminal: bool,
    total: Option<u64>,
    shown: Instant,
    started: Instant,
    anything: bool,
}

const BAR_CELLS: u64 = 24;

impl Progress {
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let now = Instant::now();
        Self { what, terminal: io::stderr().is_terminal(), total, shown: now, started: now, anything: false }
    }

    /// `note` is made only when it is shown.
    pub fn at(&mut self, done: u64, note: impl FnOnce() -> String) {
        let every = if self.terminal { SHOWN_EVERY } else { LOGGED_EVERY };
        if self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        let line = line(self.what, done, self.total, self.started.elapsed(), &note());
        // Whoever closed standard error does not want it.
        let _ = if self.terminal { write!(io::stderr(), "\r\x1b[2K{line}") } else { writeln!(io::stderr(), "{line}") };
        self.anything = true;
    }

    /// Takes the line away: the result says it all.
    pub fn end(&mut self) {
        if self.terminal && self.anything {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
        self.anything = false;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn line(what: &str, done: u64, total: Option<u64>, elapsed: Duration, note: &str) -> String {
    let mut line = format!("{what} ");
    if let Some(total) = total.filter(|total| *total > 0) {
        let cells = (done.min(total) * BAR_CELLS / total).min(BAR_CELLS);
        let filled = usize::try_from(cells).unwrap_or_default();
        let empty = usize::try_from(BAR_CELLS - cells).unwrap_or_default();
        let _ = write!(line, "[{}{}] {done} of about {total}", "#".repeat(filled), ".".repeat(empty));
    } else {
        let _ = write!(line, "{done}");
    }
    let _ = write!(line, ", {} s", elapsed.as_secs());
    if !note.is_empty() {
        let _ = write!(line, ", {note}");
    }
    line
}

/// A table with aligned columns; the last one is not padded.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|it| it.chars().count())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    let header = header.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    for row in std::iter::once(&header).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// `3 d`, `5 h`, `12 min`, `40 s`: the largest unit that is at least two, so that nothing is off by half.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, name) in [(24 * 3600, "d"), (3600, "h"), (60, "min")] {
        if seconds >= 2 * unit {
            return format!("{} {name}", seconds / unit);
        }
    }
    format!("{seconds} s")
}

/// How far away a moment is, seen from `now`.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    if at > now { format!("in {}", span(at.since(now))) } else { format!("{} ago", span(now.since(at))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_largest_unit_that_is_at_least_two() {
        for (seconds, expected) in
            [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 d")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
        let at = Timestamp::from_millis;
        assert_eq!((relative(at(10_000), at(0)), relative(at(0), at(10_000))), ("in 10 s".into(), "10 s ago".into()));
    }

    #[test]
    fn a_table_is_aligned_by_characters() {
        let rows = [vec!["ação".to_owned(), "1".to_owned()], vec!["b".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["id", "n"], &rows), "id    n\nação  1\nb     22\n");
    }

    #[test]
    fn a_bar_is_never_longer_than_it_may_be() {
        let bar = |done| line("scanned", done, Some(10), Duration::from_secs(3), "2 open");
        assert_eq!(bar(5), "scanned [############............] 5 of about 10, 3 s, 2 open");
        assert!(bar(99).contains("[########################] 99 of about 10"));
        assert_eq!(line("scanned", 5, None, Duration::ZERO, ""), "scanned 5, 0 s");
    }

    #[test]
    fn json_or_text() {
        let show = |json| {
            let mut shown = Vec::new();
            Output::new(json, &mut shown).show(&["x"], || "text\n\n".to_owned()).unwrap();
            String::from_utf8(shown).unwrap()
        };
        assert_eq!((show(true).as_str(), show(false).as_str()), ("[\n  \"x\"\n]\n", "text\n"));
    }
}
