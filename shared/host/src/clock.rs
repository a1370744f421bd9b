//! The only place that reads the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[expect(clippy::disallowed_methods, reason = "this is the host's clock")]
    pub fn now_millis(self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub async fn sleep(self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(feature = "reconcile")]
impl spg_reconcile::Clock for SystemClock {
    fn now(&self) -> spg_domain::Timestamp {
        spg_domain::Timestamp::from_millis(self.now_millis())
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        SystemClock::sleep(*self, duration)
    }
}

/// When an invocation must have ended, in milliseconds since the epoch, as Lambda's context gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    pub fn at_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub fn millis(self) -> u64 {
        self.0
    }

    /// Earlier by a margin, for what is still to be done after the work: answering, logging, the metrics.
    #[must_use]
    pub fn less(self, margin: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(margin.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time left, zero if it has passed.
    pub fn remaining(self) -> Duration {
        self.remaining_at(SystemClock.now_millis())
    }

    fn remaining_at(self, now_millis: u64) -> Duration {
        Duration::from_millis(self.0.saturating_sub(now_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_an_invocation() {
        let deadline = Deadline::at_millis(10_000).less(Duration::from_millis(500));
        assert_eq!(deadline.remaining_at(9_000), Duration::from_millis(500));
        assert_eq!(deadline.remaining_at(9_500), Duration::ZERO);
        assert_eq!(deadline.remaining_at(99_999), Duration::ZERO);
        assert_eq!(deadline.less(Duration::MAX).millis(), 0);
    }

    #[test]
    fn the_clock_counts_milliseconds_of_this_century() {
        let now = SystemClock.now_millis();
        assert!((1_700_000_000_000..4_100_000_000_000).contains(&now), "{now}");
    }
}
