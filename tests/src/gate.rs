//! A door that a call waits at, so that a test decides the order of events without a clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::server::until;

/// Calls held at a gate wait until it is opened; cloned handles are the same gate. Used by [`crate::Fault::held`] and
/// [`crate::Reply::held`].
#[derive(Clone)]
pub struct Gate {
    open: Arc<watch::Sender<bool>>,
    waiting: Arc<watch::Sender<usize>>,
}

impl Gate {
    /// A closed gate.
    #[expect(clippy::new_without_default, reason = "a closed gate is no default of anything")]
    pub fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)), waiting: Arc::new(watch::Sender::new(0)) }
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// How many have come to this gate so far.
    pub fn arrivals(&self) -> usize {
        *self.waiting.borrow()
    }

    /// Waits until that many have come to this gate; false if they have not within `limit`.
    pub fn wait_for_arrivals(&self, arrivals: usize, limit: Duration) -> bool {
        until(limit, || self.arrivals() >= arrivals)
    }

    pub(crate) async fn pass(&self) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        // Fails only when the gate itself is gone: nobody can open it any more.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}
