//! A counting AWS on loopback: DynamoDB (dynoxide, real conditional semantics), SQS, Secrets Manager and EventBridge, as
//! far as the functions use them, in the JSON protocols that the SDKs speak.
//!
//! Every request is recorded before it is answered. Operations are named as IAM names them: `dynamodb:UpdateItem`,
//! `sqs:SendMessage`, `secretsmanager:GetSecretValue`, `events:PutEvents`; a request that is no API call (a warm-up) is
//! `http:GET /`. Requests beyond AWS's limits get the error that AWS gives. Signatures must be there and name the right
//! service and region, but are not verified.

mod call;
mod dynamodb;
mod event_bus;
mod fault;
mod secrets;
mod sqs;
mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

pub use call::{Call, Outcome};
pub use dynamodb::{Table, dynamodb_json, plain_json};
pub use event_bus::BusEvent;
pub use fault::{Fault, Injected};
pub use sqs::SentMessage;

use crate::runtime_api::{Phase, caller};
use crate::server::{Answer, Request, Server, until};
use crate::tls::Tls;
use call::{CallId, CallLog, Capacity};
use event_bus::EventBus;
use fault::{Ending, Faults, Partial, Plan};
use secrets::Secrets;
use sqs::Queues;

/// The region that everything is in.
pub const REGION: &str = "eu-west-1";
/// The account that everything is in.
pub const ACCOUNT: &str = "123456789012";

/// The counting endpoint; clones are handles of the same one, which ends with the last.
#[derive(Clone)]
pub struct Aws {
    backend: Arc<Backend>,
    server: Arc<Server>,
}

struct Backend {
    table: Table,
    queues: Queues,
    secrets: Secrets,
    bus: EventBus,
    calls: CallLog,
    faults: Mutex<Faults>,
}

const REFUSED_CONDITION: &str = "ConditionalCheckFailedException";
/// A refused write costs as much as one of what is stored: one unit up to 1 KB, which no item here exceeds.
const CAPACITY_OF_A_REFUSAL: Capacity = Capacity { units: 1.0, of_indexes: 0.0 };

/// An answer that is an error: `__type` and `message` in the body, the HTTP status, and for SQS the older error code.
#[derive(Debug)]
struct Failure {
    status: u16,
    body: Value,
    query_code: Option<&'static str>,
}

impl Failure {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, body: json!({"__type": code, "message": message.into()}), query_code: None }
    }

    fn code(&self) -> String {
        let code = self.body.get("__type").and_then(Value::as_str).unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_owned()
    }
}

impl Aws {
    /// Starts an endpoint with an empty table ([`Table::NAME`]), a notification queue, a dead-letter queue and a bus.
    pub fn start() -> Self {
        Self::start_over(None)
    }

    /// As [`Aws::start`], over TLS: for functions that were told to trust it by [`crate::Launch::trusting`].
    pub fn start_tls(tls: &Tls) -> Self {
        Self::start_over(Some(tls))
    }

    fn start_over(tls: Option<&Tls>) -> Self {
        let backend = Arc::new(Backend {
            table: Table::create(),
            queues: Queues::default(),
            secrets: Secrets::default(),
            bus: EventBus::default(),
            calls: CallLog::default(),
            faults: Mutex::default(),
        });
        let served = Arc::clone(&backend);
        let server = Server::start_over(tls, move |request| {
            let backend = Arc::clone(&served);
            async move { backend.handle(request).await }
        });
        let aws = Self { backend, server: Arc::new(server) };
        aws.backend.queues.add(&aws.queue_url());
        aws.backend.queues.add(&aws.dlq_url());
        aws
    }

    /// For AWS_ENDPOINT_URL.
    pub fn endpoint(&self) -> String {
        self.server.url()
    }

    /// For QUEUE_URL.
    pub fn queue_url(&self) -> String {
        format!("{}/{ACCOUNT}/spg-notifications", self.endpoint())
    }

    /// For DLQ_URL.
    pub fn dlq_url(&self) -> String {
        format!("{}/{ACCOUNT}/spg-notifications-dlq", self.endpoint())
    }

    /// The transactions table, for what a test prepares or looks at; such access is not counted.
    pub fn table(&self) -> &Table {
        &self.backend.table
    }

    /// What was accepted for the notification queue, oldest first.
    pub fn queued(&self) -> Vec<SentMessage> {
        self.backend.queues.sent(&self.queue_url())
    }

    /// What was accepted for the dead-letter queue, oldest first.
    pub fn dead_letters(&self) -> Vec<SentMessage> {
        self.backend.queues.sent(&self.dlq_url())
    }

    /// What was accepted by the event bus, oldest first.
    pub fn events(&self) -> Vec<BusEvent> {
        self.backend.bus.events()
    }

    /// Creates or replaces a secret, found by its name or ARN.
    pub fn set_secret(&self, name: &str, value: &Value) {
        self.backend.secrets.set(name, value.to_string());
    }

    /// Every call since the start or the last [`Aws::reset`], in order of arrival, those of init included.
    pub fn calls(&self) -> Vec<Call> {
        self.backend.calls.all()
    }

    /// How often each operation was called, calls during init not counted.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        count(self.calls().iter().filter(|call| call.phase != Phase::Init))
    }

    /// How often each operation was called by one function, calls during init not counted.
    pub fn counts_of(&self, function: &str) -> BTreeMap<String, usize> {
        count(self.calls().iter().filter(|call| call.phase != Phase::Init && call.function == function))
    }

    /// How often each operation was called during init.
    pub fn init_counts(&self) -> BTreeMap<String, usize> {
        count(self.calls().iter().filter(|call| call.phase == Phase::Init))
    }

    /// How often this operation was called, calls during init not counted.
    pub fn count(&self, operation: &str) -> usize {
        self.counts().get(operation).copied().unwrap_or_default()
    }

    /// Calls whose body contains this text, for canaries.
    pub fn calls_containing(&self, needle: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.raw.contains(needle)).collect()
    }

    /// Waits until this operation has been called so often outside init; false if it has not within `limit`.
    pub fn wait_for(&self, operation: &str, times: usize, limit: Duration) -> bool {
        until(limit, || self.count(operation) >= times)
    }

    /// Forgets the calls, the messages and the events, and takes the faults away; table and secrets stay.
    pub fn reset(&self) {
        self.backend.calls.clear();
        self.backend.queues.clear();
        self.backend.bus.clear();
        self.clear_faults();
    }

    /// Makes an operation go wrong from now on.
    pub fn inject(&self, fault: Fault) -> Injected {
        self.backend.faults().add(fault)
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.backend.faults().clear();
    }
}

impl Backend {
    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().expect("no panic while locked")
    }

    async fn handle(&self, request: Request) -> Answer {
        let (operation, id, body) = self.record(&request);
        if operation.starts_with("http:") {
            return self.finish(id, &request, Ok(json!("healthy")));
        }
        if let Err(failure) = check_signature(&request, &operation) {
            return self.finish(id, &request, Err(failure));
        }
        let plan = self.faults().plan(&operation, &body);
        self.follow(plan, &operation, &body, id, &request).await
    }

    fn record(&self, request: &Request) -> (String, CallId, Value) {
        let operation = operation(request);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let caller = caller(access_key(request));
        let call = Call::arrived(
            operation.clone(),
            caller.as_ref().map_or_else(|| "unknown".to_owned(), |caller| caller.function.clone()),
            caller.as_ref().map_or(Phase::Idle, |caller| caller.phase()),
            body.clone(),
            String::from_utf8_lossy(&request.body).into_owned(),
        );
        (operation, self.calls.push(call), body)
    }

    async fn follow(&self, plan: Plan, operation: &str, body: &Value, id: CallId, request: &Request) -> Answer {
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        if let Some(gate) = &plan.gate {
            gate.pass().await;
        }
        if let Some(hook) = &plan.before {
            hook(&self.table);
        }
        match plan.ending {
            Ending::Real(partial) => {
                let result = self.answer(operation, body, &partial, id);
                self.finish(id, request, result)
            }
            Ending::Answer { status, body } => {
                self.calls.settle(id, Outcome::Faulted { status });
                Answer::text(status, content_type(request), body)
            }
            Ending::Drop { applied } => {
                if applied {
                    // The caller never learns how this went; the table and the queues tell the test.
                    let _ = self.answer(operation, body, &Partial::None, id);
                }
                self.calls.settle(id, Outcome::Dropped { applied });
                Answer::Drop
            }
        }
    }

    fn answer(&self, operation: &str, body: &Value, partial: &Partial, id: CallId) -> Result<Value, Failure> {
        let (service, name) = operation.split_once(':').unwrap_or_default();
        match service {
            "dynamodb" => {
                let answered = self.table.answer(name, body.clone(), partial);
                if answered.as_ref().is_err_and(|failure| failure.code() == REFUSED_CONDITION) {
                    self.calls.charge(id, CAPACITY_OF_A_REFUSAL);
                }
                let (answer, capacity) = answered?;
                self.calls.charge(id, capacity);
                Ok(answer)
            }
            "sqs" => self.queues.answer(name, body, partial),
            "secretsmanager" => self.secrets.answer(name, body),
            "events" => self.bus.answer(name, body, partial),
            _ => Err(unknown_operation(operation)),
        }
    }

    fn finish(&self, id: CallId, request: &Request, result: Result<Value, Failure>) -> Answer {
        let answer = match result {
            Ok(body) => {
                self.calls.settle(id, Outcome::Succeeded);
                Answer::text(200, content_type(request), body.to_string())
            }
            Err(failure) => {
                self.calls.settle(id, Outcome::Failed { status: failure.status, code: failure.code() });
                let answer = Answer::text(failure.status, content_type(request), failure.body.to_string());
                match failure.query_code {
                    Some(code) => answer.with("x-amzn-query-error", &format!("{code};Sender")),
                    None => answer,
                }
            }
        };
        answer.with("x-amzn-requestid", &format!("harness-{}", id.number()))
    }
}

fn unknown_operation(operation: &str) -> Failure {
    Failure::new(400, "com.amazon.coral.service#UnknownOperationException", format!("{operation} is not served here"))
}

/// Services by the prefix of their `x-amz-target`; the name is IAM's prefix and the signature's service at once.
const TARGETS: [(&str, &str); 4] = [
    ("DynamoDB_20120810", "dynamodb"),
    ("AmazonSQS", "sqs"),
    ("secretsmanager", "secretsmanager"),
    ("AWSEvents", "events"),
];

fn operation(request: &Request) -> String {
    let target = request.header("x-amz-target").split_once('.');
    let known = target.and_then(|(prefix, name)| {
        let (_, service) = TARGETS.iter().find(|(target, _)| *target == prefix)?;
        Some(format!("{service}:{name}"))
    });
    known.unwrap_or_else(|| format!("http:{} {}", request.method, request.path))
}

/// `Authorization: AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, ...`
fn credential(request: &Request) -> Vec<&str> {
    let header = request.header("authorization").strip_prefix("AWS4-HMAC-SHA256 Credential=");
    let scope = header.and_then(|header| header.split(',').next()).unwrap_or_default();
    scope.split('/').collect()
}

fn access_key(request: &Request) -> &str {
    credential(request).first().copied().unwrap_or_default()
}

fn check_signature(request: &Request, operation: &str) -> Result<(), Failure> {
    let service = operation.split(':').next().unwrap_or_default();
    match credential(request).as_slice() {
        [_, _, region, signed, "aws4_request"] if *region == REGION && *signed == service => {}
        [""] => return Err(Failure::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token")),
        other => {
            let message = format!("Credential should be scoped to {REGION}/{service}, not {other:?}");
            return Err(Failure::new(403, "SignatureDoesNotMatch", message));
        }
    }
    // Temporary credentials without their token are refused by every service.
    if access_key(request).starts_with("ASIA") && request.header("x-amz-security-token").is_empty() {
        let message = "The security token included in the request is invalid.";
        return Err(Failure::new(403, "UnrecognizedClientException", message));
    }
    Ok(())
}

fn content_type(request: &Request) -> &str {
    match request.header("content-type") {
        "" => "application/json",
        other => other,
    }
}

fn count<'a>(calls: impl Iterator<Item = &'a Call>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.operation.clone()).or_default() += 1;
    }
    counts
}
