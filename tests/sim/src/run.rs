//! One run: from the first event to quiescence, or to the first invariant that does not hold.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aws_lambda_events::sqs::SqsBatchResponse;
use spg_domain::{NotificationId, TransactionId};

use crate::crash::{Crash, Effect};
use crate::defects::Defect;
use crate::functions::{Functions, HttpAnswer, Injected, Input, Invoked, Output, Running};
use crate::invariant::{Invariant, Violation};
use crate::moment::SECOND;
use crate::queue::Batch;
use crate::spec::{Part, Spec};
use crate::spg::{Place, notification_id, registration};
use crate::wake::Ready;
use crate::world::{Event, Process, ProcessId, State, World};

/// Events of one run; one that has more does not become quiescent.
const EVENTS_MAX: u64 = 400_000;
/// Processors at once.
const PROCESSORS_MAX: usize = 3;
/// The merchant's backend tries a registration again after this, and so often.
const REGISTRATION_RETRY: u64 = 5 * SECOND;

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Report {
    pub violation: Option<Violation>,
    /// The same for the same seed, whoever runs it.
    pub hash: u64,
    pub events: u64,
    pub invocations: u64,
    /// What was done to the outside, in order.
    pub effects: Vec<Effect>,
    pub story: Vec<String>,
    /// Virtual milliseconds.
    pub lasted: u64,
}

/// How a spec is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub defect: Option<Defect>,
    pub story: bool,
    pub crash: Crash,
}

/// Runs a spec to its end.
pub fn run(spec: &Spec, options: &Options) -> Report {
    let world = World::new(Arc::new(spec.clone()), options.story, options.crash.clone());
    let mut run = Run {
        functions: Functions::new(&world, options.defect),
        world,
        tasks: BTreeMap::new(),
        ready: Arc::default(),
        wakers: BTreeMap::new(),
    };
    run.begin();
    run.proceed();
    run.report()
}

struct Run {
    world: Arc<World>,
    functions: Functions,
    tasks: BTreeMap<ProcessId, Task>,
    ready: Arc<Ready>,
    wakers: BTreeMap<ProcessId, Waker>,
}

struct Task {
    running: Running,
    number: u64,
    input: Input,
    keep: Box<dyn FnOnce(&mut Functions) + Send>,
}

impl Run {
    fn begin(&self) {
        let mut state = self.world.lock();
        let spec = state.spec.clone();
        for (payment, life) in spec.payments.iter().enumerate() {
            if let Some(at) = life.registered_at {
                state.at(at, Event::Register { payment, attempt: 0 });
            }
            for (moment, m) in life.life.iter().enumerate() {
                for (copy, at) in m.sent_at.iter().enumerate() {
                    state.at(*at, Event::Notify { payment, moment, copy, attempt: 0 });
                }
            }
            for (forgery, f) in life.forgeries.iter().enumerate() {
                state.at(f.at, Event::Forge { payment, forgery });
            }
        }
        if let Some(deploy) = spec.deploy {
            state.at(deploy.until, Event::Deployed);
        }
    }

    fn proceed(&mut self) {
        let bound = crate::quiescence::bound(&self.world.lock().spec);
        loop {
            self.poll_ready();
            let event = {
                let mut state = self.world.lock();
                if state.oracle.violation.is_some() {
                    return;
                }
                let Some(event) = state.next() else { break };
                let late = state.now > bound && !matches!(event, Event::Wake(_) | Event::Kill { .. } | Event::Expire);
                if late && !state.spec.until_expiry || state.events > EVENTS_MAX {
                    state.violation(Invariant::BecomesQuiescent, || {
                        "still busy long after the faults have ended".to_owned()
                    });
                    return;
                }
                event
            };
            self.happen(event);
        }
        self.world.lock().at_rest();
    }

    fn report(self) -> Report {
        let mut state = self.world.lock();
        let story = std::mem::replace(&mut state.trace, crate::trace::Trace::new(false));
        Report {
            violation: state.oracle.violation.clone(),
            hash: story.hash(),
            events: state.events,
            invocations: self.functions.count(),
            effects: state.crash.effects().to_vec(),
            story: story.lines(),
            lasted: state.now - crate::moment::START,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(waker) => waker.wake(),
            Event::Kill { process, invocation, why } => self.kill(process, invocation, why),
            Event::Register { payment, attempt } => {
                let spec = self.world.lock().spec.clone();
                let invoked = self.functions.ack(&registration(&spec.payments[payment]));
                self.start(invoked, Input::Registration(payment, attempt));
            }
            Event::Notify { payment, moment, copy, attempt } => {
                let place = Place { payment, moment, copy };
                let event = self.told(|state| {
                    let (id, spec) = (state.id_of(place), state.spec.clone());
                    let status = spec.payments[payment].life[moment].status;
                    state.say("SPG", || format!("sends {id} ({status}), copy {copy}, attempt {attempt}"));
                    state.webhook(place)
                });
                let invoked = self.functions.ack(&event);
                self.start(invoked, Input::Webhook(place, attempt));
            }
            Event::Forge { payment, forgery } => {
                let event = self.told(|state| {
                    let way = state.spec.payments[payment].forgeries[forgery].way;
                    state.say("forger", || format!("sends a forgery: {way:?}"));
                    state.forgery(payment, way)
                });
                let invoked = self.functions.ack(&event);
                self.start(invoked, Input::Forgery);
            }
            Event::PollQueue => self.poll_queue(),
            Event::PollStream(shard) => {
                let batch = self.told(|state| state.stream_batch(shard));
                if let Some(batch) = batch.map(Arc::new) {
                    let invoked = self.functions.publisher(batch.clone());
                    self.start(invoked, Input::Stream(shard, batch));
                }
            }
            Event::Tick => self.tick(),
            Event::Deliver(number) => self.told(|state| state.deliver(number)),
            Event::Deployed => self.functions.retire_old(),
            Event::Redrive => self.told(State::redrive),
            Event::Expire => self.told(State::expire),
        }
    }

    fn told<T>(&self, tell: impl FnOnce(&mut State) -> T) -> T {
        tell(&mut self.world.lock())
    }

    fn poll_queue(&mut self) {
        let busy = self.tasks.values().filter(|task| matches!(task.input, Input::Batch(_))).count();
        if busy >= PROCESSORS_MAX {
            return self.told(|state| state.at(state.now + SECOND, Event::PollQueue));
        }
        if let Some(batch) = self.told(State::receive) {
            let invoked = self.functions.processor(&batch);
            self.start(invoked, Input::Batch(batch));
        }
    }

    fn tick(&mut self) {
        let sweeps = self.told(|state| {
            if state.now != state.tick_at {
                return 0;
            }
            state.tick_at = u64::MAX;
            let ahead = state.now + crate::table::SWEEP_AHEAD + state.spec.skew_max;
            if state.table.soonest().is_none_or(|at| at > ahead) {
                // It would find nothing.
                state.plan_tick();
                return 0;
            }
            let skipped = state.is_out(Part::Scheduler) || state.fault(|f| f.tick_skipped);
            let twice = state.fault(|f| f.tick_twice);
            // What is due now stays so until a sweep has settled it: the next minute is looked at again.
            state.plan_tick();
            if skipped {
                0
            } else if twice {
                2
            } else {
                1
            }
        });
        for _ in 0..sweeps {
            let invoked = self.functions.sweeper();
            self.start(invoked, Input::Sweep);
        }
    }

    fn start(&mut self, invoked: Invoked, input: Input) {
        let Invoked { process, running, number, keep } = invoked;
        self.tasks.insert(process, Task { running, number, input, keep });
        self.ready.push(process);
        let again = self.world.lock().crash.repeated == Some(number);
        if again {
            self.repeat(process);
        }
    }

    /// Gives the same input once more, to another process.
    fn repeat(&mut self, process: ProcessId) {
        let Some(task) = self.tasks.get(&process) else { return };
        let input = task.input.clone();
        let invoked = match &input {
            Input::Webhook(place, _) => {
                let event = self.told(|state| state.webhook(*place));
                self.functions.ack(&event)
            }
            Input::Registration(payment, _) => {
                let spec = self.world.lock().spec.clone();
                self.functions.ack(&registration(&spec.payments[*payment]))
            }
            Input::Batch(batch) => self.functions.processor(batch),
            Input::Sweep => self.functions.sweeper(),
            Input::Stream(_, batch) => self.functions.publisher(batch.clone()),
            Input::Forgery | Input::Detached => return,
        };
        let input = if matches!(input, Input::Stream(..)) { Input::Detached } else { input };
        self.start(invoked, input);
    }

    fn poll_ready(&mut self) {
        loop {
            let detached = std::mem::take(&mut self.world.lock().detached);
            for (process, future) in detached {
                self.detach(process, future);
            }
            let ready = self.ready.take();
            if ready.is_empty() {
                return;
            }
            for process in ready {
                self.poll(process);
            }
        }
    }

    fn detach(&mut self, process: ProcessId, future: crate::world::Detached) {
        let running = Box::pin(async move {
            future.await;
            Output::Detached
        });
        self.start(Invoked { process, running, number: 0, keep: Box::new(|_| ()) }, Input::Detached);
    }

    fn poll(&mut self, process: ProcessId) {
        let Some(task) = self.tasks.get_mut(&process) else { return };
        let ready = &self.ready;
        let waker = self.wakers.entry(process).or_insert_with(|| ready.waker(process));
        let mut context = Context::from_waker(waker);
        // What a panic leaves behind is dropped with the task.
        match catch_unwind(AssertUnwindSafe(|| task.running.as_mut().poll(&mut context))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(output)) => self.done(process, output),
            Err(panic) => {
                if !panic.is::<Injected>() {
                    self.told(|state| state.violation(Invariant::NothingPanics, || "a function panicked".to_owned()));
                }
                // Lambda's runtime catches it: the invocation failed, the environment lives on.
                self.fail(process, "panicked");
            }
        }
    }

    fn kill(&mut self, process: ProcessId, invocation: u64, why: &str) {
        if self.tasks.get(&process).is_some_and(|task| task.number == invocation) {
            self.fail(process, why);
        }
    }

    /// The invocation came to nothing, as far as anybody knows.
    fn fail(&mut self, process: ProcessId, why: &str) {
        let Some(task) = self.tasks.remove(&process) else { return };
        self.wakers.remove(&process);
        self.told(|state| {
            state.say_of(process, || format!("ENDS: {why}"));
            state.processes.remove(&process);
        });
        match task.input {
            Input::Webhook(place, attempt) => self.told(|state| state.answered(place, attempt, None)),
            Input::Registration(payment, attempt) => self.register_again(payment, attempt),
            // The messages come back when their visibility ends; what is due is due still.
            Input::Batch(_) | Input::Sweep | Input::Forgery | Input::Detached => {}
            Input::Stream(shard, batch) => self.told(|state| state.stream_done(shard, batch.records.len(), false)),
        }
    }

    fn register_again(&self, payment: usize, attempt: u32) {
        let wait = REGISTRATION_RETRY << attempt.min(10);
        self.told(|state| state.at(state.now + wait, Event::Register { payment, attempt: attempt + 1 }));
    }

    fn done(&mut self, process: ProcessId, output: Output) {
        let Some(task) = self.tasks.remove(&process) else { return };
        match (task.input, output) {
            (Input::Webhook(place, attempt), Output::Answer(answer)) => {
                self.told(|state| state.webhook_answered(process, place, attempt, &answer));
            }
            (Input::Registration(payment, attempt), Output::Answer(answer)) => {
                if answer.status == 202 {
                    self.told(|state| {
                        if let Ok(id) = TransactionId::new(state.spec.payments[payment].id.as_str()) {
                            state.oracle.registered.insert(id);
                        }
                    });
                } else {
                    self.register_again(payment, attempt);
                }
            }
            (Input::Forgery, Output::Answer(answer)) => self.told(|state| {
                if answer.status < 400 {
                    let status = answer.status;
                    state.violation(Invariant::ForgeriesAreRefused, || format!("a forgery is answered with {status}"));
                }
            }),
            (Input::Batch(batch), Output::Batch(response)) => {
                self.told(|state| state.batch_answered(process, &batch, &response));
            }
            (Input::Stream(shard, batch), Output::Published(published)) => {
                self.told(|state| state.stream_done(shard, batch.records.len(), published));
            }
            (Input::Sweep, Output::Sweep(report)) => self.told(|state| {
                let settled = report.as_ref().map_or(0, |report| report.settlements.len());
                state.say_of(process, || {
                    format!(
                        "has swept {settled}{}",
                        if report.as_ref().is_ok_and(|report| report.outage) { ": an outage" } else { "" }
                    )
                });
            }),
            (Input::Detached, _) => {}
            (input, output) => unreachable!("{input:?} came to {output:?}"),
        }
        (task.keep)(&mut self.functions);
    }
}

impl State {
    fn webhook_answered(&mut self, process: ProcessId, place: Place, attempt: u32, answer: &HttpAnswer) {
        let status = answer.status;
        self.say_of(process, || format!("answers {status}"));
        if status == 200
            && let Ok(id) = NotificationId::new(self.id_of(place))
            && let Ok(transaction) = TransactionId::new(self.spec.payments[place.payment].id.as_str())
        {
            self.oracle_acknowledged(&id, &transaction);
        }
        self.answered(place, attempt, Some(answer));
    }

    fn batch_answered(&mut self, process: ProcessId, batch: &Batch, response: &SqsBatchResponse) {
        let usable = self.settle(batch, response);
        let named: Vec<String> = if usable {
            response.batch_item_failures.iter().map(|f| f.item_identifier.clone()).collect()
        } else {
            batch.0.iter().map(crate::queue::Given::message_id).collect()
        };
        if !named.is_empty() {
            self.say_of(process, || format!("gives back {}", named.join(" ")));
        }
        self.oracle_batch(process, batch, &named);
    }

    fn id_of(&self, place: Place) -> String {
        notification_id(&self.spec.payments[place.payment], place.moment)
    }

    /// A process for what runs beside an invocation.
    pub fn beside(&mut self, name: &str) -> ProcessId {
        let process = u64::MAX - self.processes.len() as u64 - self.events * 1000;
        self.processes.insert(process, Process { name: name.to_owned(), ..Process::default() });
        process
    }
}
