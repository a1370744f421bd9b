//! Which tasks may go on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::world::ProcessId;

/// Tasks in the order in which they were woken.
#[derive(Default)]
pub(crate) struct Ready(Mutex<Vec<ProcessId>>);

struct WakeUp {
    ready: Arc<Ready>,
    process: ProcessId,
}

impl Ready {
    pub fn push(&self, process: ProcessId) {
        let mut ready = self.lock();
        if !ready.contains(&process) {
            ready.push(process);
        }
    }

    pub fn take(&self) -> Vec<ProcessId> {
        std::mem::take(&mut *self.lock())
    }

    pub fn waker(self: &Arc<Self>, process: ProcessId) -> Waker {
        Waker::from(Arc::new(WakeUp { ready: self.clone(), process }))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ProcessId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WakeUp {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.process);
    }
}
