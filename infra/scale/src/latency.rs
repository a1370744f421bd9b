//! From the webhook to the event on the bus: the real function processes behind a Lambda Runtime API, one payment after the other.
//!
//! In it: the four functions' own work, their HTTP calls, the Status API's time. Not in it: the internet, API Gateway, Lambda's
//! invocation, the wait of the queue's and of the stream's poller, and what AWS's services take to answer (`aws_latency` stands for
//! the last).

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tests::events::{self, HttpAnswer, SqsRecord};
use tests::{Aws, Fault, Function, Reply, StatusApi, deployed, webhook};

use crate::figures::{Times, millis};

/// So many are sent before it counts: connections and caches are warm then.
const WARM_UP: usize = 10;
const OPERATIONS: [&str; 4] = ["sqs:SendMessage", "dynamodb:BatchGetItem", "dynamodb:UpdateItem", "events:PutEvents"];

#[derive(Debug, Clone, Copy)]
pub struct LatencySpec {
    pub payments: usize,
    /// What the Status API takes for an answer.
    pub latency: Duration,
    /// What each call of an AWS service takes.
    pub aws_latency: Duration,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencyFigures {
    pub latency_milliseconds: u64,
    pub aws_milliseconds: u64,
    /// Until SPG has its acknowledgement.
    pub acknowledged: Times,
    /// Until the confirmed state is in the table.
    pub stored: Times,
    /// Until the event is on the bus.
    pub told: Times,
}

/// Sends payments and watches each until its event is on the bus.
///
/// # Errors
/// A function that does not start, fails, or does not say what it should.
pub fn measure(spec: LatencySpec) -> Result<LatencyFigures, String> {
    let (aws, status_api) = (Aws::start(), StatusApi::start());
    status_api.otherwise(Reply::json(200, &answer()).after(spec.latency));
    let start = |name| deployed::launch(name, &aws, &status_api).start().map_err(|error| error.to_string());
    let way = Way { ack: start("ack")?, processor: start("processor")?, publisher: start("publisher")?, aws: &aws };
    let [mut acknowledged, mut stored, mut told] = [const { Vec::new() }; 3];
    for n in 0..WARM_UP + spec.payments {
        aws.reset();
        for operation in OPERATIONS {
            aws.inject(Fault::on(operation).delayed(spec.aws_latency));
        }
        let moments = way.payment(n)?;
        if n >= WARM_UP {
            acknowledged.push(moments[0]);
            stored.push(moments[1]);
            told.push(moments[2]);
        }
    }
    Ok(LatencyFigures {
        latency_milliseconds: millis(spec.latency),
        aws_milliseconds: millis(spec.aws_latency),
        acknowledged: Times::of(acknowledged),
        stored: Times::of(stored),
        told: Times::of(told),
    })
}

/// A process of each function.
struct Way<'a> {
    ack: Function,
    processor: Function,
    publisher: Function,
    aws: &'a Aws,
}

impl Way<'_> {
    /// One payment; since its webhook: acknowledged, stored, told.
    fn payment(&self, n: usize) -> Result<[Duration; 3], String> {
        let id = format!("latency{n:06}");
        let (headers, body) = webhook::encrypt(&webhook::KEY, &webhook::payload(&id, &format!("{id}-1"), "Success"));
        let event = events::http_webhook(&headers, &body, false);
        let began = Instant::now();
        let answer = HttpAnswer::of(&invoke(&self.ack, event)?);
        let acknowledged = began.elapsed();
        let records: Vec<SqsRecord> = self.aws.queued().iter().map(SqsRecord::from).collect();
        let returned = events::batch_item_failures(&invoke(&self.processor, events::sqs(&records))?);
        let stored = began.elapsed();
        let image = self.aws.table().raw_item(&id).ok_or_else(|| format!("{id} is not stored"))?;
        invoke(&self.publisher, events::dynamodb_stream(&[image]))?;
        let told = began.elapsed();
        let events = self.aws.events();
        let is_told = events.len() == 1 && events[0].detail["paymentStatus"] == "Success";
        if answer.status != 200 || !returned.is_empty() || !is_told {
            return Err(format!("{id}: answer {}, given back {returned:?}, events {events:?}", answer.status));
        }
        Ok([acknowledged, stored, told])
    }
}

fn invoke(function: &Function, event: Value) -> Result<Value, String> {
    function.invoke(event).map_err(|error| error.to_string())
}

/// Of any payment: the transactionID may be absent.
fn answer() -> Value {
    json!({
        "merchant": {"terminalId": "50994"},
        "amount": {"currency": "EUR", "value": "15.90"},
        "paymentType": "PURS",
        "paymentStatus": "Success",
        "paymentMethod": "MBWAY",
        "returnStatus": {"statusCode": "000", "statusMsg": "Success", "statusDescription": "Success"},
    })
}
