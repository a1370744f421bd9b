//! The Lambda Runtime API, as one execution environment sees it: `next`, `response`, `error`, `init/error`.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::function::FunctionError;
use crate::server::{Answer, Request, Server};

/// Lambda's limit on a synchronous answer.
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024;
const PREFIX: &str = "/2018-06-01/runtime/";

/// What a function process was doing when it made a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// From its start to its first request for work.
    Init,
    /// The n-th invocation of this process, from 1.
    Invocation(u64),
    /// Between invocations, where Lambda has it frozen: nothing should happen here.
    Idle,
}

/// One function process seen from outside; shared by its runtime API, its watcher and the AWS endpoint.
pub(crate) struct Environment {
    pub function: String,
    state: Mutex<State>,
    changed: Condvar,
    work: Notify,
}

struct State {
    phase: Phase,
    /// Invocations begun so far.
    invocations: u64,
    /// Accepted by [`Environment::begin`], not yet fetched by the process.
    waiting: Option<Job>,
    /// Fetched by the process, not yet answered.
    running: Option<(String, Instant)>,
    finished: HashMap<String, Result<Value, FunctionError>>,
    last_duration: Option<Duration>,
    init_error: Option<Value>,
    exited: Option<String>,
}

/// An event in flight to the process.
pub(crate) struct Job {
    pub request_id: String,
    pub event: Bytes,
    pub deadline: SystemTime,
    pub trace_id: String,
}

/// How the start of a process ended.
pub(crate) enum Started {
    Ready,
    InitError(Value),
    Exited(String),
    TimedOut,
}

/// All environments by the access key that each was given: that is how a call is told from another's.
static CALLERS: OnceLock<Mutex<HashMap<String, Weak<Environment>>>> = OnceLock::new();

/// The environment that was given this access key, if it still exists.
pub(crate) fn caller(access_key: &str) -> Option<Arc<Environment>> {
    let callers = CALLERS.get_or_init(Mutex::default).lock().expect("no panic while locked");
    callers.get(access_key).and_then(Weak::upgrade)
}

impl Environment {
    pub fn register(function: &str, access_key: &str) -> Arc<Self> {
        let environment = Arc::new(Self {
            function: function.to_owned(),
            state: Mutex::new(State {
                phase: Phase::Init,
                invocations: 0,
                waiting: None,
                running: None,
                finished: HashMap::new(),
                last_duration: None,
                init_error: None,
                exited: None,
            }),
            changed: Condvar::new(),
            work: Notify::new(),
        });
        let mut callers = CALLERS.get_or_init(Mutex::default).lock().expect("no panic while locked");
        callers.insert(access_key.to_owned(), Arc::downgrade(&environment));
        environment
    }

    /// Serves this environment's runtime API.
    pub fn serve(self: &Arc<Self>) -> Server {
        let environment = Arc::clone(self);
        Server::start(move |request| {
            let environment = Arc::clone(&environment);
            async move { environment.handle(request).await }
        })
    }

    pub fn phase(&self) -> Phase {
        self.lock().phase
    }

    pub fn last_duration(&self) -> Option<Duration> {
        self.lock().last_duration
    }

    /// Hands an event to the process as soon as it asks.
    pub fn begin(&self, job: Job) {
        let mut state = self.lock();
        let busy = state.waiting.is_some() || state.running.is_some();
        assert!(!busy, "{}: one process runs one invocation at a time, as on Lambda", self.function);
        state.waiting = Some(job);
        drop(state);
        self.work.notify_one();
    }

    /// The result of an invocation; `None` if there is none at that time.
    pub fn wait_result(&self, request_id: &str, until: SystemTime) -> Option<Result<Value, FunctionError>> {
        self.wait(until, |state| {
            if let Some(result) = state.finished.remove(request_id) {
                return Some(result);
            }
            let status = state.exited.clone()?;
            Some(Err(FunctionError::Exited { status, output: String::new() }))
        })
    }

    /// Waits for the first `next`, or for what came instead.
    pub fn wait_started(&self, until: SystemTime) -> Started {
        let started = self.wait(until, |state| {
            if let Some(error) = state.init_error.take() {
                return Some(Started::InitError(error));
            }
            if let Some(status) = &state.exited {
                return Some(Started::Exited(status.clone()));
            }
            (state.phase != Phase::Init).then_some(Started::Ready)
        });
        started.unwrap_or(Started::TimedOut)
    }

    /// True if the process has ended by that time.
    pub fn wait_exited(&self, until: SystemTime) -> bool {
        self.wait(until, |state| state.exited.clone()).is_some()
    }

    /// Called by the watcher once the process is gone.
    pub fn exited(&self, status: String) {
        let mut state = self.lock();
        state.exited = Some(status);
        state.running = None;
        state.phase = Phase::Idle;
        drop(state);
        self.changed.notify_all();
    }

    async fn handle(&self, request: Request) -> Answer {
        let path = request.path.strip_prefix(PREFIX).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        match (&request.method, parts.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.response(id, &request.body),
            (&Method::POST, ["invocation", id, "error"]) => self.error(id, &request.body),
            (&Method::POST, ["init", "error"]) => self.init_error(&request.body),
            other => error_answer(404, "Runtime.NotFound", &format!("{} {}", other.0, request.path)),
        }
    }

    async fn next(&self) -> Answer {
        self.settle();
        loop {
            // Registered before the look, so that work that comes in between is not missed.
            let work = self.work.notified();
            if let Some(answer) = self.take_work() {
                return answer;
            }
            work.await;
        }
    }

    /// The process asks for work: init is over, and an invocation that it has not answered never will be.
    fn settle(&self) {
        let mut state = self.lock();
        if let Some((id, _)) = state.running.take() {
            state.finished.insert(id, Err(FunctionError::NoAnswer));
        }
        state.phase = Phase::Idle;
        drop(state);
        self.changed.notify_all();
    }

    fn take_work(&self) -> Option<Answer> {
        let mut state = self.lock();
        let job = state.waiting.take()?;
        state.invocations += 1;
        state.phase = Phase::Invocation(state.invocations);
        state.running = Some((job.request_id.clone(), Instant::now()));
        let deadline_ms = epoch_ms(job.deadline);
        let arn = format!("arn:aws:lambda:{}:{}:function:{}", crate::aws::REGION, crate::aws::ACCOUNT, self.function);
        Some(
            Answer::text(200, "application/json", job.event)
                .with("lambda-runtime-aws-request-id", &job.request_id)
                .with("lambda-runtime-deadline-ms", &deadline_ms.to_string())
                .with("lambda-runtime-invoked-function-arn", &arn)
                .with("lambda-runtime-trace-id", &job.trace_id),
        )
    }

    fn response(&self, id: &str, body: &Bytes) -> Answer {
        if body.len() > ANSWER_BYTES_MAX {
            let message = format!("answer of {} bytes, at most {ANSWER_BYTES_MAX}", body.len());
            self.finish(id, Err(FunctionError::BadAnswer(message.clone())));
            return error_answer(413, "Function.ResponseSizeTooLarge", &message);
        }
        let result = serde_json::from_slice(body).map_err(|error| FunctionError::BadAnswer(error.to_string()));
        self.finish(id, result)
    }

    fn error(&self, id: &str, body: &Bytes) -> Answer {
        self.finish(id, Err(FunctionError::handler(&parse_error(body))))
    }

    fn finish(&self, id: &str, result: Result<Value, FunctionError>) -> Answer {
        let mut state = self.lock();
        let Some((running, since)) = state.running.take_if(|(running, _)| running == id) else {
            return error_answer(400, "InvalidRequestID", "no such invocation is running");
        };
        state.last_duration = Some(since.elapsed());
        state.finished.insert(running, result);
        state.phase = Phase::Idle;
        drop(state);
        self.changed.notify_all();
        Answer::json(202, &json!({"status": "OK"}))
    }

    fn init_error(&self, body: &Bytes) -> Answer {
        self.lock().init_error = Some(parse_error(body));
        self.changed.notify_all();
        Answer::json(202, &json!({"status": "OK"}))
    }

    fn wait<T>(&self, until: SystemTime, mut look: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return Some(found);
            }
            let left = until.duration_since(now()).ok()?;
            state = self.changed.wait_timeout(state, left).expect("no panic while locked").0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while locked")
    }
}

/// The machine's clock: what Lambda puts into a deadline.
#[expect(clippy::disallowed_methods, reason = "the harness is the outside that time comes from")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

pub(crate) fn epoch_ms(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

fn parse_error(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| json!({"errorMessage": String::from_utf8_lossy(body)}))
}

fn error_answer(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"errorType": kind, "errorMessage": message}))
}
