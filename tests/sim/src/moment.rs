//! Virtual time: milliseconds since the epoch, as everything in a run counts it.

/// The first moment of every run, at the full minute.
pub const START: u64 = 1_780_000_020_000;

pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// As a story tells it: days, hours, minutes, seconds since the start of the run.
pub fn in_words(at: u64) -> String {
    let since = at.saturating_sub(START);
    let (days, hours, minutes) = (since / DAY, since / HOUR % 24, since / MINUTE % 60);
    let (seconds, millis) = (since / SECOND % 60, since % SECOND);
    format!("{days}d {hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}
