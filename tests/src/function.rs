//! One function process: started, invoked and ended as Lambda does it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Notify;

use crate::aws::{Aws, REGION};
use crate::logs::Logs;
use crate::runtime_api::{Environment, Job, Started, epoch_ms, now};
use crate::server::{Server, runtime};
use crate::tls::Tls;

/// Lambda gives init 10 s; a debug build on a busy machine gets more before it counts as hung.
const INIT_SECONDS_MAX: u64 = 30;
const TIMEOUT_SECONDS_DEFAULT: u64 = 30;
const MEMORY_MB_DEFAULT: u32 = 256;
const EXIT_SECONDS_MAX: u64 = 10;
/// Kept from this process's environment, everything else is cleared: coverage and backtraces.
const INHERITED: [&str; 2] = ["LLVM_PROFILE_FILE", "RUST_BACKTRACE"];

/// How a function process is to be started.
#[derive(Clone, Debug)]
pub struct Launch {
    name: String,
    binary: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    timeout: Duration,
    memory_mb: u32,
}

impl Launch {
    /// A function process from this binary, with nothing in its environment but what Lambda sets (the region is
    /// [`REGION`], the credentials are fakes that tell its calls from another's).
    pub fn new(name: &str, binary: impl AsRef<Path>) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            timeout: Duration::from_secs(TIMEOUT_SECONDS_DEFAULT),
            memory_mb: MEMORY_MB_DEFAULT,
        }
    }

    /// Sends its AWS calls to the counting endpoint.
    #[must_use]
    pub fn aws(self, aws: &Aws) -> Self {
        let endpoint = aws.endpoint();
        self.env("AWS_ENDPOINT_URL", endpoint)
    }

    /// Adds arguments: a function in a language with an interpreter.
    #[must_use]
    pub fn arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    /// Runs it under another program, which gets the binary and its arguments behind its own: a profiler.
    #[must_use]
    pub fn under<'a>(mut self, program: impl AsRef<Path>, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let own = std::mem::take(&mut self.arguments);
        let binary = std::mem::replace(&mut self.binary, program.as_ref().to_owned());
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self.arguments.push(binary.to_string_lossy().into_owned());
        self.arguments.extend(own);
        self
    }

    /// Trusts this certificate, in the ways of the languages' own libraries.
    #[must_use]
    pub fn trusting(self, tls: &Tls) -> Self {
        let authorities = tls.authorities().to_string_lossy().into_owned();
        let names = ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
        names.into_iter().fold(self, |launch, name| launch.env(name, &authorities))
    }

    /// Sets or replaces a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// The names of the variables that were set here.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.environment.keys().map(String::as_str)
    }

    /// The function's time-out: the deadline of an invocation, after which the process is killed. Default 30 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What AWS_LAMBDA_FUNCTION_MEMORY_SIZE says, in MB; nothing is enforced. Default 256.
    #[must_use]
    pub fn memory_mb(mut self, memory_mb: u32) -> Self {
        self.memory_mb = memory_mb;
        self
    }

    /// Starts the process and waits until it asks for its first event.
    ///
    /// # Errors
    /// With the process's output, if it reports an init error, ends, or does not get there within 30 s.
    pub fn start(self) -> Result<Function, StartError> {
        let logs = Logs::create().expect("a log file in the temporary folder");
        let access_key = access_key();
        let environment = Environment::register(&self.name, &access_key);
        let server = environment.serve();
        let mut command = self.command(&access_key, &server);
        command.stdin(std::process::Stdio::null()).kill_on_drop(true);
        command.stdout(logs.writer().expect("a second handle to the log"));
        command.stderr(logs.writer().expect("a second handle to the log"));
        let started = now();
        let kill = Arc::new(Notify::new());
        let pid = watch(command, &environment, &kill).map_err(|error| StartError {
            function: self.name.clone(),
            reason: StartFailure::NotSpawned(format!("{}: {error}", self.binary.display())),
            output: String::new(),
        })?;
        let init_ends = started + Duration::from_secs(INIT_SECONDS_MAX);
        let outcome = environment.wait_started(init_ends);
        let init_duration = now().duration_since(started).unwrap_or_default();
        let function =
            Function { pid, timeout: self.timeout, init_duration, logs, environment, kill, server: Some(server) };
        let reason = match outcome {
            Started::Ready => return Ok(function),
            Started::InitError(error) => StartFailure::InitError(error),
            Started::Exited(status) => StartFailure::Exited(status),
            Started::TimedOut => StartFailure::TimedOut,
        };
        function.kill();
        Err(StartError { function: self.name, reason, output: function.logs.text() })
    }

    fn command(&self, access_key: &str, server: &Server) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(&self.arguments);
        command.env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("AWS_LAMBDA_RUNTIME_API", server.address().to_string());
        command.env("AWS_LAMBDA_FUNCTION_NAME", &self.name);
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory_mb.to_string());
        command.env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        command.env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", self.name));
        command.env("AWS_LAMBDA_LOG_STREAM_NAME", format!("harness/{access_key}"));
        command.env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
        command.env("_HANDLER", "bootstrap");
        command.env("TZ", ":UTC");
        command.env("AWS_REGION", REGION).env("AWS_DEFAULT_REGION", REGION);
        command.env("AWS_ACCESS_KEY_ID", access_key);
        command.env("AWS_SECRET_ACCESS_KEY", "harness-secret-access-key");
        command.env("AWS_SESSION_TOKEN", "harness-session-token");
        command.envs(&self.environment);
        command
    }
}

/// A running function process; killed when dropped.
pub struct Function {
    pid: u32,
    timeout: Duration,
    init_duration: Duration,
    logs: Logs,
    environment: Arc<Environment>,
    kill: Arc<Notify>,
    /// Taken on kill, so that the process cannot ask for more.
    server: Option<Server>,
}

impl Function {
    /// Starts a binary with its AWS calls going to the counting endpoint: short for [`Launch`].
    ///
    /// # Errors
    /// As [`Launch::start`].
    pub fn start<'a>(
        name: &str,
        binary: impl AsRef<Path>,
        aws: &Aws,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, StartError> {
        let launch = Launch::new(name, binary).aws(aws);
        environment.into_iter().fold(launch, |launch, (name, value)| launch.env(name, value)).start()
    }

    /// Sends an event and waits for the answer, at most as long as the function's time-out.
    ///
    /// # Errors
    /// What the handler reported, a time-out (the process is killed, as on Lambda), or the end of the process.
    pub fn invoke(&self, event: Value) -> Result<Value, FunctionError> {
        self.begin(event).wait()
    }

    /// As [`Function::invoke`], with another time left until the deadline.
    ///
    /// # Errors
    /// As [`Function::invoke`].
    pub fn invoke_within(&self, event: Value, time_left: Duration) -> Result<Value, FunctionError> {
        self.begin_within(event, time_left).wait()
    }

    /// Sends an event and returns at once: for several processes at the same time, or a kill in the middle.
    ///
    /// # Panics
    /// If an invocation is running: one process runs one at a time, as on Lambda.
    pub fn begin(&self, event: Value) -> Invocation<'_> {
        self.begin_within(event, self.timeout)
    }

    /// As [`Function::begin`], with another time left until the deadline.
    pub fn begin_within(&self, event: Value, time_left: Duration) -> Invocation<'_> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let begun = now();
        let deadline = begun + time_left;
        let request_id = format!("00000000-0000-4000-8000-{number:012}");
        let trace_id = format!("Root=1-{:08x}-{number:024x};Parent={number:016x};Sampled=1", epoch_ms(begun) / 1000);
        let event = serde_json::to_vec(&event).expect("a JSON value").into();
        self.environment.begin(Job { request_id: request_id.clone(), event, deadline, trace_id: trace_id.clone() });
        Invocation { function: self, request_id, trace_id, deadline }
    }

    /// What it has printed.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// From the start of the process to its first request for work.
    pub fn init_duration(&self) -> Duration {
        self.init_duration
    }

    /// The last finished invocation, from handing the event out to receiving the answer.
    pub fn last_duration(&self) -> Option<Duration> {
        self.environment.last_duration()
    }

    /// The process id, for measurements (`/proc/<pid>`).
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends the process with SIGKILL, in the middle of whatever it does, and waits until it is gone.
    pub fn kill(&self) {
        self.kill.notify_one();
        let gone = self.environment.wait_exited(now() + Duration::from_secs(EXIT_SECONDS_MAX));
        assert!(gone || std::thread::panicking(), "process {} does not end", self.pid);
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.kill();
        self.server.take();
    }
}

/// An invocation in flight.
#[must_use = "the invocation's result is known only after `wait`"]
pub struct Invocation<'a> {
    function: &'a Function,
    request_id: String,
    trace_id: String,
    deadline: SystemTime,
}

impl Invocation<'_> {
    /// Waits for the answer, at most until the deadline.
    ///
    /// # Errors
    /// As [`Function::invoke`].
    pub fn wait(self) -> Result<Value, FunctionError> {
        let environment = &self.function.environment;
        let result = environment.wait_result(&self.request_id, self.deadline).unwrap_or_else(|| {
            self.function.kill();
            Err(FunctionError::TimedOut)
        });
        result.map_err(|error| error.with_output(&self.function.logs))
    }

    /// The request id that the function sees.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The X-Ray trace header that the function sees.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }
}

/// Why an invocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionError {
    /// The handler returned an error or panicked.
    Handler { kind: String, message: String },
    /// No answer before the deadline; the process was killed.
    TimedOut,
    /// The process ended.
    Exited { status: String, output: String },
    /// The process asked for the next event without having answered this one.
    NoAnswer,
    /// The answer is not JSON or too large.
    BadAnswer(String),
}

impl FunctionError {
    pub(crate) fn handler(error: &Value) -> Self {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self::Handler { kind: text("errorType"), message: text("errorMessage") }
    }

    fn with_output(self, logs: &Logs) -> Self {
        match self {
            Self::Exited { status, .. } => Self::Exited { status, output: logs.text() },
            other @ (Self::Handler { .. } | Self::TimedOut | Self::NoAnswer | Self::BadAnswer(_)) => other,
        }
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler { kind, message } => write!(formatter, "the handler failed: {kind}: {message}"),
            Self::TimedOut => formatter.write_str("no answer before the deadline"),
            Self::Exited { status, output } => write!(formatter, "the process ended ({status}):\n{output}"),
            Self::NoAnswer => formatter.write_str("the process asked for more work without an answer"),
            Self::BadAnswer(reason) => write!(formatter, "not an answer: {reason}"),
        }
    }
}

impl std::error::Error for FunctionError {}

/// A process that did not get as far as its first event.
#[derive(Clone, Debug, PartialEq)]
pub struct StartError {
    pub function: String,
    pub reason: StartFailure,
    /// All that it printed.
    pub output: String,
}

/// How a start failed.
#[derive(Clone, Debug, PartialEq)]
pub enum StartFailure {
    NotSpawned(String),
    /// Reported to `/runtime/init/error`, as it was sent.
    InitError(Value),
    Exited(String),
    TimedOut,
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} did not start: {:?}\n{}", self.function, self.reason, self.output)
    }
}

impl std::error::Error for StartError {}

/// Spawns the process and a task that reports its end, or ends it on request. Returns its process id.
fn watch(mut command: Command, environment: &Arc<Environment>, kill: &Arc<Notify>) -> std::io::Result<u32> {
    let _entered = runtime().enter();
    let mut child = command.spawn()?;
    let pid = child.id().unwrap_or_default();
    let (environment, kill) = (Arc::clone(environment), Arc::clone(kill));
    runtime().spawn(async move {
        let mut ended = tokio::select! {
            status = child.wait() => Some(status),
            () = kill.notified() => None,
        };
        if ended.is_none() {
            // Fails only if it has ended by itself in between.
            let _ = child.start_kill();
            ended = Some(child.wait().await);
        }
        let status = match ended {
            Some(Ok(status)) => status.to_string(),
            Some(Err(error)) => error.to_string(),
            None => "unknown".to_owned(),
        };
        environment.exited(status);
    });
    Ok(pid)
}

/// A fake access key, unique in this process: see [`crate::runtime_api::caller`].
fn access_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("ASIAHARNESS{:09}", NEXT.fetch_add(1, Ordering::Relaxed))
}
