//! Faults on demand, by operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::Table;
use crate::gate::Gate;

type Condition = Arc<dyn Fn(&Value) -> bool + Send + Sync>;
type Hook = Arc<dyn Fn(&Table) + Send + Sync>;

/// What goes wrong, and when. Without [`Fault::nth`], [`Fault::first`] or [`Fault::when`] it meets every call of the
/// operation after it was injected, those of init included.
///
/// ```no_run
/// # use tests::{Aws, Fault};
/// # let aws = Aws::start();
/// let fault = aws.inject(Fault::on("dynamodb:UpdateItem").nth(2).error(500, "InternalServerError"));
/// // ...
/// assert_eq!(fault.hits(), 1);
/// ```
#[derive(Clone)]
pub struct Fault {
    operation: String,
    which: Which,
    condition: Option<Condition>,
    plan: Plan,
}

#[derive(Clone, Copy)]
enum Which {
    Every,
    Nth(usize),
    First(usize),
}

/// What to do with one call.
#[derive(Clone, Default)]
pub(super) struct Plan {
    pub delay: Duration,
    pub gate: Option<Gate>,
    pub before: Option<Hook>,
    pub ending: Ending,
}

#[derive(Clone)]
pub(super) enum Ending {
    Real(Partial),
    Answer { status: u16, body: String },
    Drop { applied: bool },
}

impl Default for Ending {
    fn default() -> Self {
        Self::Real(Partial::None)
    }
}

/// A call that succeeds in part.
#[derive(Clone, Default)]
pub(super) enum Partial {
    #[default]
    None,
    /// These entries of a batch fail, by position from 0.
    Entries { positions: Vec<usize>, code: String },
    /// So many keys of a BatchGetItem, the last ones, come back unprocessed.
    Unprocessed(usize),
}

impl Partial {
    /// The error code for this entry, if it is to fail.
    pub fn code_of(&self, position: usize) -> Option<&str> {
        match self {
            Self::Entries { positions, code } => positions.contains(&position).then_some(code),
            Self::None | Self::Unprocessed(_) => None,
        }
    }
}

impl Fault {
    /// For an operation named as IAM names it: `dynamodb:UpdateItem`.
    pub fn on(operation: &str) -> Self {
        let plan = Plan::default();
        Self { operation: operation.to_owned(), which: Which::Every, condition: None, plan }
    }

    /// Only the n-th matching call from now on, from 1.
    #[must_use]
    pub fn nth(mut self, nth: usize) -> Self {
        self.which = Which::Nth(nth);
        self
    }

    /// Only the first so many matching calls from now on.
    #[must_use]
    pub fn first(mut self, calls: usize) -> Self {
        self.which = Which::First(calls);
        self
    }

    /// Only calls whose body satisfies this.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(Arc::new(condition));
        self
    }

    /// Answers late; the effect is late too.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.plan.delay = delay;
        self
    }

    /// Waits at a gate before anything is done.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.plan.gate = Some(gate.clone());
        self
    }

    /// Does this just before the call takes effect: somebody else's write makes a lost race.
    #[must_use]
    pub fn before(mut self, hook: impl Fn(&Table) + Send + Sync + 'static) -> Self {
        self.plan.before = Some(Arc::new(hook));
        self
    }

    /// Answers with an AWS error and does nothing.
    #[must_use]
    pub fn error(self, status: u16, code: &str) -> Self {
        let body = json!({"__type": code, "message": "injected by the test"});
        self.answer(status, &body.to_string())
    }

    /// Answers with this and does nothing.
    #[must_use]
    pub fn answer(mut self, status: u16, body: &str) -> Self {
        self.plan.ending = Ending::Answer { status, body: body.to_owned() };
        self
    }

    /// Closes the connection and does nothing.
    #[must_use]
    pub fn dropped(mut self) -> Self {
        self.plan.ending = Ending::Drop { applied: false };
        self
    }

    /// Does what was asked, then closes the connection without an answer.
    #[must_use]
    pub fn applied_but_dropped(mut self) -> Self {
        self.plan.ending = Ending::Drop { applied: true };
        self
    }

    /// Fails these entries of a batch (PutEvents, SQS's batches), by position from 0.
    #[must_use]
    pub fn entries(mut self, positions: &[usize], code: &str) -> Self {
        self.plan.ending = Ending::Real(Partial::Entries { positions: positions.to_vec(), code: code.to_owned() });
        self
    }

    /// Leaves the last so many keys of a BatchGetItem unprocessed.
    #[must_use]
    pub fn unprocessed(mut self, keys: usize) -> Self {
        self.plan.ending = Ending::Real(Partial::Unprocessed(keys));
        self
    }
}

/// A fault in place.
#[derive(Clone)]
pub struct Injected(Arc<Counters>);

#[derive(Default)]
struct Counters {
    matched: AtomicUsize,
    hits: AtomicUsize,
}

impl Injected {
    /// How many calls it has met so far.
    pub fn hits(&self) -> usize {
        self.0.hits.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
pub(super) struct Faults(Vec<(Fault, Injected)>);

impl Faults {
    pub fn add(&mut self, fault: Fault) -> Injected {
        let injected = Injected(Arc::default());
        self.0.push((fault, injected.clone()));
        injected
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What is to be done with this call: the first fault that meets it decides, the others do not count it as a hit.
    pub fn plan(&self, operation: &str, body: &Value) -> Plan {
        let mut plan = None;
        for (fault, Injected(counters)) in &self.0 {
            if fault.operation != operation || fault.condition.as_ref().is_some_and(|condition| !condition(body)) {
                continue;
            }
            let matched = counters.matched.fetch_add(1, Ordering::SeqCst) + 1;
            let meets = match fault.which {
                Which::Every => true,
                Which::Nth(nth) => matched == nth,
                Which::First(calls) => matched <= calls,
            };
            if meets && plan.is_none() {
                counters.hits.fetch_add(1, Ordering::SeqCst);
                plan = Some(fault.plan.clone());
            }
        }
        plan.unwrap_or_default()
    }
}
