//! A moment. Nothing here reads a clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970-01-01T00:00:00Z, never negative, at most the end of the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Timestamp(u64);

const MILLIS_MAX: u64 = 253_402_300_799_999;

impl Timestamp {
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(MILLIS_MAX))
    }

    pub fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// The whole second that this is in.
    #[must_use]
    pub fn floor_to_second(self) -> Self {
        Self(self.seconds() * 1000)
    }

    /// Reads SPG's dates: RFC 3339, with or without milliseconds, white space around.
    pub fn parse(text: &str) -> Option<Self> {
        let date = OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?;
        u64::try_from(date.unix_timestamp_nanos().div_euclid(1_000_000)).ok().map(Self::from_millis)
    }

    /// The time from `earlier` to this, zero if `earlier` is later: clocks of different machines disagree.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<u64> for Timestamp {
    fn from(millis: u64) -> Self {
        Self::from_millis(millis)
    }
}

impl From<Timestamp> for u64 {
    fn from(at: Timestamp) -> Self {
        at.0
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }
}

/// Not before the epoch.
impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// RFC 3339 in UTC, `2026-03-12T10:48:44.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.seconds()).unwrap_or(0);
        let date = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        let (hour, minute, second) = (date.hour(), date.minute(), date.second());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_spg_writes_them() {
        for (text, expected) in [
            ("2026-03-12T10:48:44Z", Some("2026-03-12T10:48:44.000Z")),
            ("2022-11-11T16:18:53.127Z ", Some("2022-11-11T16:18:53.127Z")),
            ("2026-03-12T11:48:44+01:00", Some("2026-03-12T10:48:44.000Z")),
            ("yesterday", None),
            ("1969-12-31T23:59:59Z", None),
            ("1969-12-31T23:59:59.9999Z", None),
        ] {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn seconds_are_rounded_down() {
        let rounded = |millis| Timestamp::from_millis(millis).floor_to_second().millis();
        assert_eq!([0, 999, 1000, 1999].map(rounded), [0, 0, 1000, 1000]);
    }

    #[test]
    fn the_last_moment_can_be_written() {
        assert_eq!(Timestamp::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(u64::MAX) + Duration::MAX, Timestamp::from_millis(u64::MAX));
        let read: Timestamp = serde_json::from_str("18446744073709551615").unwrap();
        assert_eq!(read, Timestamp::from_millis(u64::MAX));
        assert_eq!(serde_json::to_string(&read).unwrap(), "253402300799999");
    }
}
