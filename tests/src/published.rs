//! What AWS's services publish about what happens here, one period's data points at a time, named and counted as the pages say that
//! `tests/tests/functions/alarms/aws.rs` lists. The values come from real processes; who publishes them is told in lines of the same
//! form as the functions' own, so that [`crate::alarm::Alarm`] reads both alike.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{FunctionError, StartError};

const SERVER_ERROR_MIN: u16 = 500;

/// Lambda's `Errors`, of one invocation of this resource: whatever ends otherwise than with the handler's answer.
pub fn errors<T>(function: &str, result: &Result<T, FunctionError>) -> Value {
    let failed = u64::from(result.is_err());
    lambda(function, "Errors", failed)
}

/// Lambda's `Errors`, of an invocation that found a process which does not get as far as its first event.
pub fn start_errors<T>(function: &str, started: &Result<T, StartError>) -> Value {
    lambda(function, "Errors", u64::from(started.is_err()))
}

/// Lambda's `IteratorAge`, of one invocation with records of a stream.
pub fn iterator_age(function: &str, age: Duration) -> Value {
    lambda(function, "IteratorAge", millis(age))
}

/// The HTTP API's `Latency`, at the least: what the integration takes, without API Gateway's own part.
pub fn latency(took: Duration) -> Value {
    line("AWS/ApiGateway", "Latency", ("ApiId", json!({"Ref": "Api"})), millis(took))
}

/// The HTTP API's `5xx`, of one request that was answered so.
pub fn server_errors(status: u16) -> Value {
    line("AWS/ApiGateway", "5xx", ("ApiId", json!({"Ref": "Api"})), u64::from(status >= SERVER_ERROR_MIN))
}

/// SQS's `ApproximateNumberOfMessagesVisible`, of a queue that this resource makes.
pub fn visible_messages(queue: &str, count: usize) -> Value {
    let name = json!({"Fn::GetAtt": format!("{queue}.QueueName")});
    line("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("QueueName", name), u64::try_from(count).unwrap_or(u64::MAX))
}

/// SQS's `NumberOfMessagesSent`, of a queue that this resource makes.
pub fn sent_messages(queue: &str, count: usize) -> Value {
    let name = json!({"Fn::GetAtt": format!("{queue}.QueueName")});
    line("AWS/SQS", "NumberOfMessagesSent", ("QueueName", name), u64::try_from(count).unwrap_or(u64::MAX))
}

/// SQS's `ApproximateAgeOfOldestMessage`, of a queue that this resource makes.
pub fn oldest_message(queue: &str, age: Duration) -> Value {
    let name = json!({"Fn::GetAtt": format!("{queue}.QueueName")});
    line("AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName", name), age.as_secs())
}

fn lambda(function: &str, metric: &str, value: u64) -> Value {
    line("AWS/Lambda", metric, ("FunctionName", json!({"Ref": function})), value)
}

fn line(namespace: &str, metric: &str, (dimension, resource): (&str, Value), value: u64) -> Value {
    json!({
        "_aws": {"CloudWatchMetrics": [
            {"Namespace": namespace, "Dimensions": [[dimension]], "Metrics": [{"Name": metric}]},
        ]},
        dimension: resource,
        metric: value,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
