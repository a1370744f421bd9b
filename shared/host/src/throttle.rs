//! At most once per interval.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets something happen at most once per interval, however often it is asked for.
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    last: Mutex<Option<Instant>>,
}

impl Throttle {
    pub fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::new(None) }
    }

    /// True if it may happen now; the next one then waits a whole interval.
    pub fn admits(&self) -> bool {
        self.admits_at(Instant::now())
    }

    fn admits_at(&self, now: Instant) -> bool {
        // A panic elsewhere leaves a plain moment behind: it is still good.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = last.is_none_or(|last| now.saturating_duration_since(last) >= self.interval);
        if admitted {
            *last = Some(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_per_interval_and_a_refusal_does_not_prolong_it() {
        let throttle = Throttle::new(Duration::from_secs(60));
        let start = Instant::now();
        let admitted = [0, 1, 59, 60, 61, 119, 120].map(|s| throttle.admits_at(start + Duration::from_secs(s)));
        assert_eq!(admitted, [true, false, false, true, false, false, true]);
    }
}
