//! Time that passes only when everybody waits: an hour of it costs what happens in it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use spg_domain::Timestamp;
use spg_time::Clock;

/// A clock that everything in one run shares; clones are handles of the same one.
#[derive(Debug, Clone, Default)]
pub struct VirtualTime(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Timestamp,
    timers: BinaryHeap<Reverse<Timer>>,
    /// Timers so far: those of one moment go off in the order in which they were set.
    set: u64,
}

#[derive(Debug)]
struct Timer {
    at: Timestamp,
    number: u64,
    slot: Arc<Mutex<Slot>>,
}

/// Whom to wake; nobody any more where the sleeper has been dropped.
#[derive(Debug, Default)]
struct Slot(Option<Waker>);

impl VirtualTime {
    pub fn starting_at(now: Timestamp) -> Self {
        let time = Self::default();
        time.lock().now = now;
        time
    }

    /// Runs to the end.
    ///
    /// # Panics
    /// If it waits for something that is not time: nothing else can ever happen.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
                    return done;
                }
            }
            assert!(self.advance(), "waits for something that is not time");
        }
    }

    /// To the next moment at which somebody wants to be woken.
    fn advance(&self) -> bool {
        loop {
            let Some(Reverse(timer)) = self.lock().timers.pop() else { return false };
            let waker = lock(&timer.slot).0.take();
            if let Some(waker) = waker {
                self.lock().now = timer.at;
                waker.wake();
                return true;
            }
        }
    }

    fn set_timer(&self, at: Timestamp, slot: &Arc<Mutex<Slot>>) {
        let mut state = self.lock();
        state.set += 1;
        let number = state.set;
        state.timers.push(Reverse(Timer { at, number, slot: Arc::clone(slot) }));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl Clock for VirtualTime {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        Sleep { until: self.now() + duration, time: self.clone(), slot: None }
    }
}

struct Sleep {
    until: Timestamp,
    time: VirtualTime,
    slot: Option<Arc<Mutex<Slot>>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.now() >= self.until {
            return Poll::Ready(());
        }
        let waker = Some(context.waker().clone());
        match &self.slot {
            Some(slot) => lock(slot).0 = waker,
            None => {
                let slot = Arc::new(Mutex::new(Slot(waker)));
                self.time.set_timer(self.until, &slot);
                self.slot = Some(slot);
            }
        }
        Poll::Pending
    }
}

/// What nobody waits for any more does not move the time.
impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            lock(slot).0 = None;
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;

    #[test]
    fn sleepers_wake_in_the_order_of_their_moments_and_an_abandoned_one_moves_nothing() {
        let time = VirtualTime::starting_at(Timestamp::from_millis(1_000));
        let sleeper = |millis: u64| {
            let time = time.clone();
            async move {
                time.sleep(Duration::from_millis(millis)).await;
                (millis, time.now().millis())
            }
        };
        let woken = time.run(async {
            assert!(futures::poll!(pin!(sleeper(20))).is_pending());
            [30, 10, 50].into_iter().map(sleeper).collect::<FuturesUnordered<_>>().collect::<Vec<_>>().await
        });
        assert_eq!(woken, [(10, 1_010), (30, 1_030), (50, 1_050)]);
    }
}
