//! The one clock of a simulation. Everything that SPG does by itself (lag of the Status API, lifecycles, delays, retries)
//! is timed in simulated time; only what the other side measures with a time-out of its own (latency of an answer,
//! the wait for an acknowledgement) is wall time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use tokio::time::Instant;

/// Simulated time since the simulation started. Serialised as whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SimTime(pub Duration);

impl SimTime {
    /// This time plus a simulated duration.
    pub fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, self.0.subsec_millis())
    }
}

impl Serialize for SimTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        milliseconds::serialize(&self.0, serializer)
    }
}

/// Simulated time runs `scale` times as fast as wall time; a scale of 1 is real time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    scale: u32,
}

impl Clock {
    /// A clock that starts at zero now. A scale of 0 is taken as 1.
    pub fn start(scale: u32) -> Self {
        Self { started: Instant::now(), scale: scale.max(1) }
    }

    /// Simulated time since the start.
    pub fn now(&self) -> SimTime {
        SimTime(self.simulated(self.started.elapsed()))
    }

    /// How many simulated seconds pass in one second of wall time.
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// What a duration on the wall clock is in simulated time: for saying "one real second" in a simulated delay.
    pub fn simulated(&self, wall: Duration) -> Duration {
        wall.saturating_mul(self.scale)
    }

    /// What a simulated duration is on the wall clock.
    pub fn wall(&self, simulated: Duration) -> Duration {
        simulated / self.scale
    }

    /// Waits for a simulated duration.
    pub async fn sleep(&self, simulated: Duration) {
        if !simulated.is_zero() {
            tokio::time::sleep(self.wall(simulated)).await;
        }
    }

    /// Waits until a simulated time; returns at once if it has passed.
    pub async fn sleep_until(&self, at: SimTime) {
        self.sleep(at.0.saturating_sub(self.now().0)).await;
    }
}

/// Where the simulated calendar starts, unless the configuration says otherwise: 2026-03-12T10:00:00Z. Fixed, so that the
/// dates in payloads replay with the seed.
pub fn default_epoch() -> OffsetDateTime {
    const EPOCH_UNIX_SECONDS: i64 = 1_773_309_600;
    OffsetDateTime::from_unix_timestamp(EPOCH_UNIX_SECONDS).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Durations in JSON: whole milliseconds.
pub mod milliseconds {
    use super::{Deserialize, Duration, Serializer};

    /// Writes whole milliseconds.
    ///
    /// # Errors
    /// Whatever the serializer refuses.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    /// Reads whole milliseconds.
    ///
    /// # Errors
    /// Anything but a non-negative integer.
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn scales_both_ways() {
        let clock = Clock::start(300);
        clock.sleep(Duration::from_secs(600)).await;
        assert_eq!(clock.now(), SimTime(Duration::from_secs(600)));
        assert_eq!(clock.wall(Duration::from_secs(300)), Duration::from_secs(1));
        assert_eq!(clock.simulated(Duration::from_secs(1)), Duration::from_secs(300));
        assert_eq!(SimTime(Duration::from_millis(3_723_004)).to_string(), "01:02:03.004");
    }

    #[test]
    fn epoch_is_the_documented_one() {
        assert_eq!(default_epoch().to_string(), "2026-03-12 10:00:00.0 +00:00:00");
    }
}
