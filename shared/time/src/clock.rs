//! The clock, and what is given up when time is over.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::{Either, select};

use crate::Timestamp;

/// Time, so that the simulation can own it.
pub trait Clock {
    fn now(&self) -> Timestamp;
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }
}

/// What `call` returns, or none at `deadline`. Whoever waits longer is ended by Lambda before it can say what was done.
pub async fn before_deadline<T>(clock: &impl Clock, deadline: Timestamp, call: impl Future<Output = T>) -> Option<T> {
    let time = clock.sleep(deadline.since(clock.now()));
    match select(pin!(call), pin!(time)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_counts_milliseconds_of_this_century() {
        let now = SystemClock.now().millis();
        assert!((1_700_000_000_000..4_100_000_000_000).contains(&now), "{now}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_given_up_at_its_deadline() {
        let deadline = SystemClock.now() + Duration::from_secs(5);
        let call = |seconds| async move { SystemClock.sleep(Duration::from_secs(seconds)).await };
        assert_eq!(before_deadline(&SystemClock, deadline, call(4)).await, Some(()));
        assert_eq!(before_deadline(&SystemClock, deadline, call(6)).await, None);
    }
}
