//! The real functions in simulated processes: an environment lives from a cold start until it is killed or retired.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ack::{Ack, Invocation, readable};
use aws_lambda_events::sqs::SqsBatchResponse;
use futures::FutureExt;
use processor::Processor;
use publisher::Publisher;
use serde_json::Value;
use spg_domain::{Rules, Timestamp};
use spg_gateway::webhook::WebhookKeys;
use spg_host::{Secret, SecretError, SecretSource, SecretText};
use spg_ledger::StreamEvent;
use spg_reconcile::{CircuitBreaker, Reconciler, SweepReport};
use spg_time::Clock;
use sweeper::{StoreFailed, Sweep};

use crate::api::SimApi;
use crate::bus::SimBus;
use crate::crash::Effect;
use crate::defects::Defect;
use crate::faulty::Faulty;
use crate::moment::SECOND;
use crate::queue::{Batch, SimQueue, SimQueues};
use crate::spg::Place;
use crate::table::SimStore;
use crate::world::{Calls, Event, Handle, Process, ProcessId, World};

/// As the template says.
const ACK_TIMEOUT: u64 = 10 * SECOND;
const PROCESSOR_TIMEOUT: u64 = 30 * SECOND;
const SWEEPER_TIMEOUT: u64 = 60 * SECOND;
const PUBLISHER_TIMEOUT: u64 = 30 * SECOND;
/// What the functions keep for their answer.
const ACK_MARGIN: u64 = 500;
const PROCESSOR_MARGIN: u64 = SECOND;

/// A panic that the simulation has caused.
#[derive(Debug)]
pub(crate) struct Injected;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    Ack,
    Processor,
    Sweeper,
    Publisher,
}

/// What an invocation was given.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    Webhook(Place, u32),
    Registration(usize, u32),
    Forgery,
    Batch(Batch),
    Sweep,
    Stream(usize, Arc<StreamEvent>),
    /// Runs beside an invocation; nobody waits for it.
    Detached,
}

/// What ack answers.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub status: u16,
    pub body: String,
}

/// What it came to.
#[derive(Debug)]
pub(crate) enum Output {
    Answer(HttpAnswer),
    Batch(SqsBatchResponse),
    Sweep(Result<SweepReport, StoreFailed>),
    Published(bool),
    Detached,
}

pub(crate) type Running = Pin<Box<dyn Future<Output = Output> + Send>>;

/// An environment of a function.
enum Environment {
    Ack(Arc<Ack<SimKeys, Faulty<SimQueue>, SimClock>>),
    Processor(Arc<Processor<Faulty<SimStore>, Faulty<SimApi>, SimClock, SimQueues>>),
    Sweeper(Arc<Sweep<Faulty<SimStore>, Faulty<SimApi>, SimClock>>),
    Publisher(Arc<Publisher<Faulty<SimBus>>>),
}

/// All environments.
pub(crate) struct Functions {
    world: Arc<World>,
    defect: Option<Defect>,
    idle: BTreeMap<Function, Vec<(ProcessId, Environment, Age)>>,
    next: ProcessId,
    invocations: u64,
}

/// What code an environment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Age {
    newer: bool,
}

/// An invocation in flight.
pub(crate) struct Invoked {
    pub process: ProcessId,
    pub running: Running,
    pub number: u64,
    pub keep: Box<dyn FnOnce(&mut Functions) + Send>,
}

impl Functions {
    pub fn new(world: &Arc<World>, defect: Option<Defect>) -> Self {
        world.lock().shelf.stream_off = defect == Some(Defect::PublishesByItself);
        Self { world: world.clone(), defect, idle: BTreeMap::new(), next: 1, invocations: 0 }
    }

    /// Old code has ended: its environments are not used any more.
    pub fn retire_old(&mut self) {
        for environments in self.idle.values_mut() {
            environments.retain(|(.., age)| age.newer);
        }
    }

    pub fn ack(&mut self, event: &Value) -> Invoked {
        let (process, environment, age) = self.environment(Function::Ack, ACK_TIMEOUT);
        let Environment::Ack(ack) = &environment else { unreachable!("asked for ack") };
        let (ack, deadline) = (ack.clone(), self.deadline(process, ACK_TIMEOUT - ACK_MARGIN));
        // As on Lambda: the event that came is made readable, and `lambda_http` converts that.
        let event = String::from_utf8(readable(event.to_string().as_bytes())).unwrap_or_default();
        let request = lambda_http::request::from_str(&event).unwrap_or_default();
        let running = Box::pin(async move {
            let response = ack.answer(&request, Invocation { trace: None, deadline }).await.answer;
            let body = String::from_utf8_lossy(response.body()).into_owned();
            Output::Answer(HttpAnswer { status: response.status().as_u16(), body })
        });
        self.invoked(Function::Ack, process, environment, age, running)
    }

    pub fn processor(&mut self, batch: &Batch) -> Invoked {
        let (process, environment, age) = self.environment(Function::Processor, PROCESSOR_TIMEOUT);
        let Environment::Processor(processor) = &environment else { unreachable!("asked for a processor") };
        let (processor, deadline) = (processor.clone(), self.deadline(process, PROCESSOR_TIMEOUT - PROCESSOR_MARGIN));
        let (event, defect) = (batch.event(age.newer), self.defect);
        let running = Box::pin(async move {
            let outcome = processor.process(event.clone(), deadline).await;
            Output::Batch(crate::defects::corrupt_response(defect, &event, outcome))
        });
        self.invoked(Function::Processor, process, environment, age, running)
    }

    pub fn sweeper(&mut self) -> Invoked {
        let (process, environment, age) = self.environment(Function::Sweeper, SWEEPER_TIMEOUT);
        let Environment::Sweeper(sweep) = &environment else { unreachable!("asked for a sweeper") };
        let (sweep, deadline) = (sweep.clone(), self.deadline(process, SWEEPER_TIMEOUT));
        let running = Box::pin(async move { Output::Sweep(sweep.sweep(deadline).await.0) });
        self.invoked(Function::Sweeper, process, environment, age, running)
    }

    pub fn publisher(&mut self, event: Arc<StreamEvent>) -> Invoked {
        let (process, environment, age) = self.environment(Function::Publisher, PUBLISHER_TIMEOUT);
        let Environment::Publisher(publisher) = &environment else { unreachable!("asked for a publisher") };
        let publisher = publisher.clone();
        let running = Box::pin(async move { Output::Published(publisher.publish(&event, None).await.0.is_ok()) });
        self.invoked(Function::Publisher, process, environment, age, running)
    }

    pub fn count(&self) -> u64 {
        self.invocations
    }

    fn invoked(
        &self,
        function: Function,
        process: ProcessId,
        environment: Environment,
        age: Age,
        running: Running,
    ) -> Invoked {
        let keep = Box::new(move |functions: &mut Self| {
            functions.idle.entry(function).or_default().push((process, environment, age));
        });
        Invoked { process, running, number: self.invocations, keep }
    }

    fn deadline(&self, process: ProcessId, within: u64) -> Timestamp {
        Timestamp::from_millis(self.world.lock().clock_of(process) + within)
    }

    /// A warm one, or a cold start. It has an invocation's time, and may be about to die.
    fn environment(&mut self, function: Function, timeout: u64) -> (ProcessId, Environment, Age) {
        self.invocations += 1;
        let world = self.world.clone();
        let mut state = world.lock();
        let idle = self.idle.entry(function).or_default();
        let warm = !idle.is_empty() && !state.rng.chance(100);
        let chosen = if warm {
            let index = state.rng.index(idle.len());
            Some(idle.swap_remove(index))
        } else {
            None
        };
        let (process, environment, age) = match chosen {
            Some(chosen) => chosen,
            None => {
                let process = self.next;
                self.next += 1;
                let newer = match state.spec.deploy {
                    Some(deploy) if state.now >= deploy.until => true,
                    Some(deploy) if state.now >= deploy.from => state.rng.chance(500),
                    Some(_) | None => false,
                };
                let span = state.spec.skew_max;
                let skew = i64::try_from(state.rng.below(2 * span + 1)).unwrap_or(0) - i64::try_from(span).unwrap_or(0);
                let name = format!("{function:?} {process}").to_lowercase();
                state.processes.insert(process, Process { name, skew, ..Process::default() });
                let rules = rules(&state.spec);
                drop(state);
                let handle = Handle { world: world.clone(), process };
                let environment = self.start(function, handle, newer, rules);
                state = world.lock();
                (process, environment, Age { newer })
            }
        };
        let awaits_left = state.fault(|f| f.kill).then(|| u32::try_from(state.rng.below(24)).unwrap_or(0));
        let invocation = self.invocations;
        if let Some(known) = state.processes.get_mut(&process) {
            known.invocation = invocation;
            known.awaits_left = awaits_left;
            known.calls = Calls::default();
        }
        let ends = state.now + timeout;
        state.at(ends, Event::Kill { process, invocation, why: "out of time" });
        (process, environment, age)
    }

    fn start(&self, function: Function, handle: Handle, newer_code: bool, mut rules: Rules) -> Environment {
        let defect = self.defect;
        if defect == Some(Defect::ForgetsTooSoon) {
            rules.retention = Duration::from_secs(24 * 3600);
        }
        let reconciler = |seconds| Reconciler {
            store: Faulty::new(SimStore(handle.clone()), defect),
            status_api: Faulty::new(SimApi(handle.clone()), defect),
            clock: SimClock(handle.clone()),
            rules: rules.clone(),
            query_timeout: seconds,
            circuit_breaker: CircuitBreaker::default(),
        };
        match function {
            Function::Ack => {
                let queue = SimQueue { handle: handle.clone(), newer_code };
                let source = SimKeys { handle: handle.clone(), started: AtomicBool::new(false) };
                // Reading at the start is not an effect of any invocation: it waits for nothing here.
                let now = SimClock(handle.clone()).now();
                let parse = |text: &str| WebhookKeys::parse(text).map_err(|error| error.to_string());
                let keys = Secret::load("webhook keys", source, parse, now).now_or_never();
                let Some(keys) = keys else { unreachable!("the first reading does not wait") };
                let (queue, clock) = (Faulty::new(queue, defect), SimClock(handle));
                Environment::Ack(Arc::new(Ack { keys, queue, clock, status_code: "000".to_owned() }))
            }
            Function::Processor => {
                let queue = SimQueues(handle.clone());
                let reconciler = reconciler(processor::QUERY_TIMEOUT);
                Environment::Processor(Arc::new(Processor { reconciler, queue }))
            }
            Function::Sweeper => {
                let reconciler = reconciler(sweeper::QUERY_TIMEOUT);
                let queries_concurrent = sweeper::QUERIES_CONCURRENT_DEFAULT;
                Environment::Sweeper(Arc::new(Sweep { reconciler, queries_concurrent }))
            }
            Function::Publisher => {
                let bus = Faulty::new(SimBus(handle), defect);
                Environment::Publisher(Arc::new(Publisher { bus }))
            }
        }
    }
}

fn rules(spec: &crate::spec::Spec) -> Rules {
    Rules {
        recheck_success_after: spec.recheck_success_after,
        retention: spec.retention,
        terminal_ids: spec.own_terminals.then(|| ["1".to_owned()].into()),
    }
}

/// The process's clock, as wrong as it is.
#[derive(Clone)]
pub(crate) struct SimClock(Handle);

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.lock().clock_of(self.0.process))
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        self.0.pause(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), None)
    }
}

/// The secret with the keys.
pub(crate) struct SimKeys {
    handle: Handle,
    started: AtomicBool,
}

impl SecretSource for SimKeys {
    async fn read(&self) -> Result<SecretText, SecretError> {
        if self.started.swap(true, Ordering::Relaxed) {
            self.handle.effect(Effect::Secret, |_| ()).await;
        }
        let mut state = self.handle.lock();
        if state.fault(|f| f.secrets_fail) {
            return Err(SecretError::Refused("throttled".into()));
        }
        Ok(SecretText::new(state.secret()))
    }
}
