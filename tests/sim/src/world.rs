//! Virtual time and everything that is in it. One lock, one thread, one order of events: the seed's.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::bus::Bus;
use crate::crash::{Crash, Effect};
use crate::defects::Shelf;
use crate::moment::START;
use crate::oracle::Oracle;
use crate::queue::Queue;
use crate::rng::SimRng;
use crate::spec::{Part, Spec};
use crate::spg::Spg;
use crate::stream::Stream;
use crate::table::Table;
use crate::trace::Trace;

/// An execution environment of a function, over all its invocations.
pub(crate) type ProcessId = u64;

/// What is going to happen.
pub(crate) enum Event {
    Wake(Waker),
    /// The process ends, if it is still at this invocation.
    Kill {
        process: ProcessId,
        invocation: u64,
        why: &'static str,
    },
    /// The merchant's backend registers a payment.
    Register {
        payment: usize,
        attempt: u32,
    },
    /// SPG sends a notification.
    Notify {
        payment: usize,
        moment: usize,
        copy: usize,
        attempt: u32,
    },
    Forge {
        payment: usize,
        forgery: usize,
    },
    /// The queue's poller looks.
    PollQueue,
    /// The stream's poller looks at a shard.
    PollStream(usize),
    /// A minute of the scheduler.
    Tick,
    /// An event reaches the merchant's consumer.
    Deliver(usize),
    /// Old code ends.
    Deployed,
    /// Somebody takes the dead-letter queue back, as the runbook says.
    Redrive,
    /// The table deletes what has expired.
    Expire,
}

/// A part of the system that a run is told about.
pub(crate) struct World {
    state: Mutex<State>,
}

pub(crate) struct State {
    pub now: u64,
    pub spec: Arc<Spec>,
    pub rng: SimRng,
    pub trace: Trace,
    pub table: Table,
    pub queue: Queue,
    pub stream: Stream,
    pub bus: Bus,
    pub spg: Spg,
    pub oracle: Oracle,
    pub processes: BTreeMap<ProcessId, Process>,
    pub crash: Crash,
    pub shelf: Shelf,
    /// The next planned minute of the scheduler.
    pub tick_at: u64,
    /// What runs beside its invocation.
    pub detached: Vec<(ProcessId, Detached)>,
    pub events: u64,
    due: BinaryHeap<Reverse<Entry>>,
    entries: u64,
}

pub(crate) type Detached = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is known of a running process.
#[derive(Debug, Default)]
pub(crate) struct Process {
    pub name: String,
    pub invocation: u64,
    /// Milliseconds that its clock is ahead, or behind.
    pub skew: i64,
    /// Awaits until it dies.
    pub awaits_left: Option<u32>,
    pub calls: Calls,
}

/// What an invocation asked of others.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub reads: u32,
    pub queries: BTreeMap<String, u32>,
    pub writes: BTreeMap<String, u32>,
    /// Transactions about which the store told it of a failure.
    pub failed: bool,
    pub panicked: bool,
    pub sends: u32,
}

struct Entry {
    at: u64,
    /// Random: what is due at the same moment happens in any order.
    lot: u64,
    number: u64,
    event: Event,
}

impl World {
    pub fn new(spec: Arc<Spec>, story: bool, crash: Crash) -> Arc<Self> {
        let state = State {
            now: START,
            rng: SimRng::new(spec.seed ^ 0x5EED),
            trace: Trace::new(story),
            table: Table::default(),
            queue: Queue::default(),
            stream: Stream::default(),
            bus: Bus::default(),
            spg: Spg::new(&spec),
            oracle: Oracle::default(),
            processes: BTreeMap::new(),
            crash,
            shelf: Shelf::default(),
            tick_at: u64::MAX,
            detached: Vec::new(),
            events: 0,
            due: BinaryHeap::new(),
            entries: 0,
            spec,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Never locked over an await. A panic that was injected leaves good state behind: it comes before anything is changed.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub fn at(&mut self, at: u64, event: Event) {
        self.entries += 1;
        let entry = Entry { at: at.max(self.now), lot: self.rng.below(1 << 20), number: self.entries, event };
        self.due.push(Reverse(entry));
    }

    /// Moves time to the next event; none at quiescence.
    pub fn next(&mut self) -> Option<Event> {
        let Reverse(entry) = self.due.pop()?;
        self.now = entry.at;
        self.events += 1;
        Some(entry.event)
    }

    pub fn is_calm(&self) -> bool {
        self.now >= self.spec.calm_at
    }

    /// Whether this fault strikes now.
    pub fn fault(&mut self, rate: impl Fn(&crate::spec::Faults) -> u32) -> bool {
        if self.is_calm() {
            return false;
        }
        let rate = rate(&self.spec.faults);
        self.rng.chance(rate)
    }

    pub fn is_out(&self, part: Part) -> bool {
        let now = self.now;
        self.spec.outages.iter().any(|outage| outage.of == part && (outage.from..outage.until).contains(&now))
    }

    /// The process's own idea of the time.
    pub fn clock_of(&self, process: ProcessId) -> u64 {
        let skew = self.processes.get(&process).map_or(0, |p| p.skew);
        self.now.saturating_add_signed(skew)
    }

    pub fn say(&mut self, actor: &str, text: impl FnOnce() -> String) {
        let now = self.now;
        self.trace.say(now, actor, text);
    }

    pub fn say_of(&mut self, process: ProcessId, text: impl FnOnce() -> String) {
        let now = self.now;
        let name = self.processes.get(&process).map_or("", |p| p.name.as_str());
        self.trace.say(now, name, text);
    }

    /// The calls of the process's invocation; none when it is gone.
    pub fn calls(&mut self, process: ProcessId) -> Option<&mut Calls> {
        self.processes.get_mut(&process).map(|p| &mut p.calls)
    }
}

/// A process's way into the world.
#[derive(Clone)]
pub(crate) struct Handle {
    pub world: Arc<World>,
    pub process: ProcessId,
}

impl Handle {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.world.lock()
    }

    /// One effect on the outside: it takes its time before and after, and the process may end on either side of it.
    pub async fn effect<T>(&self, effect: Effect, act: impl FnOnce(&mut State) -> T) -> T {
        let (before, after) = {
            let mut state = self.lock();
            (state.rng.between(1, 12), state.rng.between(1, 12))
        };
        let number = self.lock().crash.number(effect);
        self.pause(before, Some(Side { number, after: false })).await;
        let result = act(&mut self.lock());
        self.pause(after, Some(Side { number, after: true })).await;
        result
    }

    pub fn pause(&self, millis: u64, side: Option<Side>) -> Pause {
        Pause { handle: self.clone(), millis, side, until: None }
    }
}

/// A moment at which a process may be ended on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    pub number: usize,
    pub after: bool,
}

/// Waits in virtual time. Each one is an await at which the process may die.
pub(crate) struct Pause {
    handle: Handle,
    millis: u64,
    side: Option<Side>,
    until: Option<u64>,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let process = this.handle.process;
        let mut state = this.handle.world.lock();
        if let Some(until) = this.until {
            return if state.now >= until { Poll::Ready(()) } else { Poll::Pending };
        }
        let until = state.now + this.millis;
        this.until = Some(until);
        let ends_here = this.side.is_some_and(|side| state.crash.ends_at(side));
        let (invocation, dies) = match state.processes.get_mut(&process) {
            Some(known) => {
                let dies = known.awaits_left == Some(0);
                known.awaits_left = known.awaits_left.and_then(|left| left.checked_sub(1));
                (known.invocation, dies)
            }
            None => (0, false),
        };
        if ends_here || dies {
            let at = if ends_here { state.now } else { state.now + state.rng.below(this.millis + 1) };
            state.at(at, Event::Kill { process, invocation, why: "killed" });
            return Poll::Pending;
        }
        state.at(until, Event::Wake(context.waker().clone()));
        Poll::Pending
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.lot, self.number).cmp(&(other.at, other.lot, other.number))
    }
}
