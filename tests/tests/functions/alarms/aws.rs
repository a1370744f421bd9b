//! Alarms on metrics of AWS: their names against AWS's documentation, and the state that each stands for.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Fault, events};

use super::{alarm, alarms};
use crate::support::{Stand, deliver, notification, payload, process, record, says};

/// An alarm and what AWS documents of its metric.
pub struct Documented {
    pub alarm: &'static str,
    namespace: &'static str,
    metric: &'static str,
    /// The dimension, and the resource of the template that is its value.
    dimension: (&'static str, fn() -> Value),
    statistic: &'static str,
    unit: Unit,
    /// In that unit.
    threshold: u64,
    page: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Count,
    Seconds,
    Milliseconds,
}

const SQS: &str =
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html";
const HTTP_API: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html";
const LAMBDA: &str = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html";

const MINUTE_SECONDS: u64 = 60;
const HOUR_MILLISECONDS: u64 = 3_600_000;

macro_rules! lambda {
    ($alarm:literal, $function:literal, $metric:literal, $statistic:literal, $unit:ident, $threshold:expr) => {
        Documented {
            alarm: $alarm,
            namespace: "AWS/Lambda",
            metric: $metric,
            dimension: ("FunctionName", || json!({"Ref": $function})),
            statistic: $statistic,
            unit: Unit::$unit,
            threshold: $threshold,
            page: LAMBDA,
        }
    };
}

pub const ALARMS: [Documented; 13] = [
    Documented {
        alarm: "DeadLettersAlarm",
        namespace: "AWS/SQS",
        metric: "ApproximateNumberOfMessagesVisible",
        dimension: ("QueueName", || json!({"Fn::GetAtt": "DeadLetterQueue.QueueName"})),
        statistic: "Maximum",
        unit: Unit::Count,
        threshold: 1,
        page: SQS,
    },
    Documented {
        alarm: "QueueAgeAlarm",
        namespace: "AWS/SQS",
        metric: "ApproximateAgeOfOldestMessage",
        dimension: ("QueueName", || json!({"Fn::GetAtt": "NotificationQueue.QueueName"})),
        statistic: "Maximum",
        unit: Unit::Seconds,
        threshold: 10 * MINUTE_SECONDS,
        page: SQS,
    },
    Documented {
        alarm: "AckFailingAlarm",
        namespace: "AWS/ApiGateway",
        metric: "5xx",
        dimension: ("ApiId", || json!({"Ref": "Api"})),
        statistic: "Sum",
        unit: Unit::Count,
        threshold: 1,
        page: HTTP_API,
    },
    Documented {
        alarm: "AckSlowAlarm",
        namespace: "AWS/ApiGateway",
        metric: "Latency",
        dimension: ("ApiId", || json!({"Ref": "Api"})),
        statistic: "p99",
        unit: Unit::Milliseconds,
        threshold: 3_000,
        page: HTTP_API,
    },
    lambda!("PublisherLateAlarm", "PublisherFunction", "IteratorAge", "Maximum", Milliseconds, HOUR_MILLISECONDS),
    lambda!("AckErrorsAlarm", "AckFunction", "Errors", "Sum", Count, 1),
    lambda!("ProcessorErrorsAlarm", "ProcessorFunction", "Errors", "Sum", Count, 1),
    lambda!("SweeperErrorsAlarm", "SweeperFunction", "Errors", "Sum", Count, 1),
    lambda!("PublisherErrorsAlarm", "PublisherFunction", "Errors", "Sum", Count, 1),
    lambda!("AckThrottlesAlarm", "AckFunction", "Throttles", "Sum", Count, 1),
    lambda!("ProcessorThrottlesAlarm", "ProcessorFunction", "Throttles", "Sum", Count, 1),
    lambda!("SweeperThrottlesAlarm", "SweeperFunction", "Throttles", "Sum", Count, 1),
    lambda!("PublisherThrottlesAlarm", "PublisherFunction", "Throttles", "Sum", Count, 1),
];

#[test]
fn every_metric_of_aws_is_as_documented() {
    for it in &ALARMS {
        let alarm = alarm(it.alarm);
        let metric = alarm.metrics().into_values().next().unwrap();
        let (name, value) = (it.dimension.0.to_owned(), (it.dimension.1)());
        let seen = (metric.namespace.as_str(), metric.name.as_str(), metric.statistic.as_str());
        assert_eq!(seen, (it.namespace, it.metric, it.statistic), "{}: {}", it.alarm, it.page);
        assert_eq!(metric.dimensions, [(name, value)].into(), "{}: {}", it.alarm, it.page);
        assert_eq!(alarm.text("Threshold"), it.threshold.to_string(), "{} in {:?}", it.alarm, it.unit);
        // A Unit that differs from the published one would never see data: without, every unit counts.
        assert!(alarm.property("Unit").is_null(), "{}", it.alarm);
    }
}

#[test]
fn every_function_has_a_log_group_and_alarms_for_errors_and_throttles() {
    let template = tests::template::Template::load();
    let functions = template.of_type("AWS::Serverless::Function");
    for (id, function) in &functions {
        let log_group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap();
        assert_eq!(template.resource(log_group)["Type"], "AWS::Logs::LogGroup", "{id}");
        for metric in ["Errors", "Throttles"] {
            let watches = |alarm: &tests::alarm::Alarm| {
                alarm.metrics().values().any(|it| {
                    let dimension = it.dimensions.get("FunctionName") == Some(&json!({"Ref": id}));
                    it.namespace == "AWS/Lambda" && it.name == metric && dimension
                })
            };
            assert!(alarms().iter().any(watches), "{id} has no alarm on {metric}");
        }
    }
    assert_eq!(functions.len(), tests::binaries::FUNCTIONS.len());
}

/// DeadLettersAlarm: what can never succeed gets there, and nothing else does.
#[test]
fn a_notification_that_contradicts_itself_lies_in_the_dead_letter_queue() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.always("t1", says("t1", "Success"));
    process(&processor, &[record(&notification("t1", "n1", "Success"))]);
    assert!(stand.aws.dead_letters().is_empty());
    process(&processor, &[record(&notification("t1", "n1", "Declined"))]);
    assert_eq!(stand.aws.dead_letters().len(), 1);
}

/// QueueAgeAlarm: what cannot be stored goes back to the queue and ages there.
#[test]
fn what_cannot_be_stored_waits_in_the_queue() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").error(400, "AccessDeniedException"));
    let waiting = record(&notification("t1", "n1", "Pending"));
    assert_eq!(process(&processor, std::slice::from_ref(&waiting)), [waiting.message_id]);
}

/// AckFailingAlarm: a queue that does not take it is answered with a server error.
#[test]
fn a_webhook_that_the_queue_does_not_take_is_a_server_error() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    stand.aws.inject(Fault::on("sqs:SendMessage").error(400, "AccessDeniedException"));
    assert_eq!(deliver(&ack, &payload("t1", "n1", "Success")).status, 503);
}

/// SweeperErrorsAlarm, PublisherErrorsAlarm and PublisherLateAlarm: a failed invocation is a failed invocation to Lambda,
/// which gives the publisher the same batch again while its iterator grows old.
#[test]
fn a_table_that_cannot_be_read_and_a_bus_that_takes_nothing_fail_the_invocation() {
    let stand = Stand::new();
    let sweeper = stand.start("sweeper");
    stand.aws.inject(Fault::on("dynamodb:Query").error(400, "AccessDeniedException"));
    sweeper.invoke(events::schedule()).unwrap_err();

    stand.status_api.always("t1", says("t1", "Declined"));
    process(&stand.start("processor"), &[record(&notification("t1", "n1", "Declined"))]);
    let image = stand.aws.table().raw_item("t1").unwrap();
    let publisher = stand.start("publisher");
    stand.aws.inject(Fault::on("events:PutEvents").error(400, "AccessDeniedException"));
    publisher.invoke(events::dynamodb_stream(std::slice::from_ref(&image))).unwrap_err();
    assert!(stand.aws.events().is_empty());
}

/// AckErrorsAlarm and ProcessorErrorsAlarm: these two answer for each request and record even in trouble, so what is
/// left are time-outs, crashes and a configuration that cannot be read.
#[test]
fn a_function_that_cannot_be_configured_fails_at_its_start() {
    let stand = Stand::new();
    for (function, variable) in [("ack", "QUEUE_URL"), ("processor", "TABLE_NAME")] {
        assert!(stand.launch(function).without(variable).start().is_err(), "{function}");
    }
}

/// The units and thresholds of the table are those of the sentence that people read.
#[test]
fn thresholds_are_what_the_descriptions_say() {
    let told: BTreeSet<(&str, &str)> = [
        ("QueueAgeAlarm", "ten minutes"),
        ("PublisherLateAlarm", "an hour"),
        ("SweeperLateAlarm", "a quarter of an hour"),
    ]
    .into();
    for (id, words) in told {
        assert!(alarm(id).text("AlarmDescription").contains(words), "{id}");
    }
    assert_eq!(alarm("SweeperLateAlarm").text("Threshold"), (HOUR_MILLISECONDS / 4).to_string());
}
