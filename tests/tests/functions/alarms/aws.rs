//! Alarms on metrics of AWS: their names against AWS's documentation, and where the state that each stands for is brought about.
//!
//! The pages were read as stored copies, the newest from 2025 or later; what a copy does not say is named with its page.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use tests::binaries;

use super::{alarm, alarms};

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
    page: &'static Page,
    driven: Driven,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Count,
    Seconds,
    Milliseconds,
}

/// A page of AWS's documentation.
struct Page {
    title: &'static str,
    url: &'static str,
}

/// Where the condition itself is brought about.
enum Driven {
    /// By this test in `driven.rs`, with real processes.
    Here(&'static str),
    /// By this rehearsal on the local stack, whose Lambda publishes the metric.
    OnTheLocalStack(&'static str),
}

/// Names, units, and `QueueName` as the only dimension. That a message which was received three times or more no longer counts for
/// the age, so that what is given back again and again does not: that is what RecordsReturnedAlarm is for. Not found: after how long
/// a queue that nobody touches is no longer reported (the page says "active" only).
const SQS: Page = Page {
    title: "Available CloudWatch metrics for Amazon SQS",
    url: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
};
/// Names, and the dimensions `ApiId`; `ApiId, Stage`; and with detailed metrics the route as well. `Latency` runs from the request to
/// the answer and includes the integration. The page names no units; that of REST APIs says Millisecond and Count.
const HTTP_API: Page = Page {
    title: "Monitor CloudWatch metrics for HTTP APIs in API Gateway",
    url: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html",
};
/// Names and statistics: `Errors` and `Throttles` are to be seen as `Sum`; a throttled request counts neither as an invocation nor as
/// an error; time-outs and a runtime that does not start are errors. `IteratorAge` is the age of the last record of a batch when
/// it is sent to the function. The dimension is on "Viewing metrics for Lambda functions": `FunctionName`, all versions and aliases
/// together. Not found on either: the unit of `IteratorAge`, which an older page gives as Milliseconds.
const LAMBDA: Page = Page {
    title: "Types of metrics for Lambda functions",
    url: "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",
};

const MINUTE_SECONDS: u64 = 60;
const HOUR_MILLISECONDS: u64 = 3_600_000;
const THROTTLED: Driven = Driven::OnTheLocalStack("Functions throttled");

macro_rules! lambda {
    ($alarm:literal, $function:literal, $metric:literal, $statistic:literal, $unit:ident, $threshold:expr, $driven:expr) => {
        Documented {
            alarm: $alarm,
            namespace: "AWS/Lambda",
            metric: $metric,
            dimension: ("FunctionName", || json!({"Ref": $function})),
            statistic: $statistic,
            unit: Unit::$unit,
            threshold: $threshold,
            page: &LAMBDA,
            driven: $driven,
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
        page: &SQS,
        driven: Driven::Here("a_notification_that_contradicts_itself_lies_in_the_dead_letter_queue"),
    },
    Documented {
        alarm: "QueueAgeAlarm",
        namespace: "AWS/SQS",
        metric: "ApproximateAgeOfOldestMessage",
        dimension: ("QueueName", || json!({"Fn::GetAtt": "NotificationQueue.QueueName"})),
        statistic: "Maximum",
        unit: Unit::Seconds,
        threshold: 10 * MINUTE_SECONDS,
        page: &SQS,
        driven: Driven::Here("a_notification_that_nobody_fetches_grows_old"),
    },
    Documented {
        alarm: "AckFailingAlarm",
        namespace: "AWS/ApiGateway",
        metric: "5xx",
        dimension: ("ApiId", || json!({"Ref": "Api"})),
        statistic: "Sum",
        unit: Unit::Count,
        threshold: 1,
        page: &HTTP_API,
        driven: Driven::Here("a_webhook_that_the_queue_does_not_take_is_a_server_error"),
    },
    Documented {
        alarm: "AckSlowAlarm",
        namespace: "AWS/ApiGateway",
        metric: "Latency",
        dimension: ("ApiId", || json!({"Ref": "Api"})),
        statistic: "p99",
        unit: Unit::Milliseconds,
        threshold: 2_000,
        page: &HTTP_API,
        driven: Driven::Here("a_queue_that_is_slow_makes_ack_slow_and_a_usual_one_does_not"),
    },
    lambda!(
        "PublisherLateAlarm",
        "PublisherFunction",
        "IteratorAge",
        "Maximum",
        Milliseconds,
        HOUR_MILLISECONDS,
        Driven::Here("a_bus_that_takes_nothing_for_an_hour_makes_the_publisher_late")
    ),
    lambda!("AckErrorsAlarm", "AckFunction", "Errors", "Sum", Count, 1, Driven::Here(DOES_NOT_START)),
    lambda!("ProcessorErrorsAlarm", "ProcessorFunction", "Errors", "Sum", Count, 1, Driven::Here(DOES_NOT_START)),
    lambda!("SweeperErrorsAlarm", "SweeperFunction", "Errors", "Sum", Count, 1, Driven::Here(FAILS)),
    lambda!("PublisherErrorsAlarm", "PublisherFunction", "Errors", "Sum", Count, 1, Driven::Here(FAILS)),
    lambda!("AckThrottlesAlarm", "AckFunction", "Throttles", "Sum", Count, 1, THROTTLED),
    lambda!("ProcessorThrottlesAlarm", "ProcessorFunction", "Throttles", "Sum", Count, 1, THROTTLED),
    lambda!("SweeperThrottlesAlarm", "SweeperFunction", "Throttles", "Sum", Count, 1, THROTTLED),
    lambda!("PublisherThrottlesAlarm", "PublisherFunction", "Throttles", "Sum", Count, 1, THROTTLED),
];

const DOES_NOT_START: &str = "a_function_that_cannot_be_configured_fails_at_its_start";
const FAILS: &str = "a_table_that_cannot_be_read_and_a_bus_that_takes_nothing_fail_the_invocation";

/// What the table names as driven is there.
#[test]
fn every_condition_is_driven_where_the_table_says() {
    let here = include_str!("driven.rs");
    for it in &ALARMS {
        match it.driven {
            Driven::Here(test) => assert!(here.contains(&format!("\nfn {test}()")), "{}: {test}", it.alarm),
            Driven::OnTheLocalStack(rehearsal) => {
                let rehearsals = binaries::workspace().join("infra/demo/src/rehearsals");
                let names = format!("name: {rehearsal:?},");
                let mut files =
                    fs::read_dir(rehearsals).unwrap().map(|it| fs::read_to_string(it.unwrap().path()).unwrap());
                assert!(files.any(|text| text.contains(&names)), "{}: {rehearsal}", it.alarm);
            }
        }
    }
}

#[test]
fn every_metric_of_aws_is_as_documented() {
    for it in &ALARMS {
        let alarm = alarm(it.alarm);
        let metric = alarm.metrics().into_values().next().unwrap();
        let (name, value) = (it.dimension.0.to_owned(), (it.dimension.1)());
        let seen = (metric.namespace.as_str(), metric.name.as_str(), metric.statistic.as_str());
        assert_eq!(seen, (it.namespace, it.metric, it.statistic), "{}: {} ({})", it.alarm, it.page.title, it.page.url);
        assert_eq!(metric.dimensions, [(name, value)].into(), "{}: {} ({})", it.alarm, it.page.title, it.page.url);
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
