//! The record of what was called.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::runtime_api::Phase;

/// One request as it arrived, and how it was answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// As IAM's actions are written, `dynamodb:UpdateItem`, but with the operation's own name for batches.
    pub operation: String,
    /// The name of the function that made it, or `unknown` for a client of the test's own.
    pub function: String,
    /// What that function was doing.
    pub phase: Phase,
    /// The request's body.
    pub body: Value,
    /// The request's body as sent.
    pub raw: String,
    pub arrived: Instant,
    /// From arrival to the decision about the answer, faults' delays included; `None` while in flight.
    pub duration: Option<Duration>,
    pub outcome: Outcome,
    /// DynamoDB's capacity units, table and indexes together; 0 for the other services.
    pub capacity_units: f64,
    /// Of these, what was written to indexes.
    pub index_units: f64,
}

/// How a call was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pending,
    /// HTTP 200; single entries of a batch may have failed.
    Succeeded,
    /// An error that the service gives for this request.
    Failed {
        status: u16,
        code: String,
    },
    /// An answer made by a fault.
    Faulted {
        status: u16,
    },
    /// No answer at all; `applied` tells whether the effect took place.
    Dropped {
        applied: bool,
    },
}

impl Call {
    pub(super) fn arrived(operation: String, function: String, phase: Phase, body: Value, raw: String) -> Self {
        Self {
            operation,
            function,
            phase,
            body,
            raw,
            arrived: Instant::now(),
            duration: None,
            outcome: Outcome::Pending,
            capacity_units: 0.0,
            index_units: 0.0,
        }
    }

    /// The action that a policy must allow: SQS's batch operations have none of their own.
    pub fn iam_action(&self) -> &str {
        match self.operation.as_str() {
            "sqs:SendMessageBatch" => "sqs:SendMessage",
            "sqs:ChangeMessageVisibilityBatch" => "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessageBatch" => "sqs:DeleteMessage",
            other => other,
        }
    }

    /// What it works on, as the request names it: table (with `/index/<name>`), queue URL, secret or bus. `None` for
    /// what is no API call, the first one where a request names several.
    pub fn resource(&self) -> Option<String> {
        let text = |pointer: &str| self.body.pointer(pointer).and_then(Value::as_str);
        if let (Some(table), Some(index)) = (text("/TableName"), text("/IndexName")) {
            return Some(format!("{table}/index/{index}"));
        }
        let named = ["/TableName", "/QueueUrl", "/SecretId", "/Entries/0/EventBusName"];
        if let Some(name) = named.iter().find_map(|pointer| text(pointer)) {
            return Some(name.to_owned());
        }
        let tables = self.body.get("RequestItems")?.as_object()?;
        tables.keys().next().cloned()
    }
}

/// What a call of DynamoDB's cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Capacity {
    /// Table and indexes together.
    pub units: f64,
    pub of_indexes: f64,
}

/// Which call: it may be gone by the time it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallId {
    generation: u64,
    index: usize,
}

impl CallId {
    pub fn number(self) -> usize {
        self.index + 1
    }
}

#[derive(Default)]
pub(super) struct CallLog(Mutex<Recorded>);

#[derive(Default)]
struct Recorded {
    generation: u64,
    calls: Vec<Call>,
}

impl CallLog {
    pub fn push(&self, call: Call) -> CallId {
        let mut recorded = self.lock();
        recorded.calls.push(call);
        CallId { generation: recorded.generation, index: recorded.calls.len() - 1 }
    }

    pub fn settle(&self, id: CallId, outcome: Outcome) {
        self.change(id, |call| {
            call.duration = Some(call.arrived.elapsed());
            call.outcome = outcome;
        });
    }

    pub fn charge(&self, id: CallId, capacity: Capacity) {
        self.change(id, |call| {
            call.capacity_units = capacity.units;
            call.index_units = capacity.of_indexes;
        });
    }

    pub fn all(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    pub fn clear(&self) {
        let mut recorded = self.lock();
        recorded.calls.clear();
        recorded.generation += 1;
    }

    fn change(&self, id: CallId, change: impl FnOnce(&mut Call)) {
        let mut recorded = self.lock();
        if recorded.generation == id.generation
            && let Some(call) = recorded.calls.get_mut(id.index)
        {
            change(call);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().expect("no panic while locked")
    }
}
