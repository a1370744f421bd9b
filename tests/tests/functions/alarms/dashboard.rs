//! The dashboard shows what exists: our own metrics as the binaries print them, AWS's as AWS documents them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::alarm::Metric;
use tests::template::Template;
use tests::webhook;
use tests::{Reply, deployed, events};

use super::{alarms, healthy_run, printed};
use crate::support::{Stand, notification, payload, post, process, record, says};

/// AWS's metrics by namespace, with the dimensions that they have: by the pages of the alarms; "DynamoDB Metrics and dimensions"
/// (`TableName, GlobalSecondaryIndexName`, Count), <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>;
/// and "Monitoring with CloudWatch metrics" of CloudWatch Logs (`LogGroupName`, Bytes),
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>.
const OF_AWS: [(&str, &str, &[&str]); 12] = [
    ("AWS/ApiGateway", "Count", &["ApiId"]),
    ("AWS/ApiGateway", "4xx", &["ApiId"]),
    ("AWS/ApiGateway", "5xx", &["ApiId"]),
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits", &["TableName"]),
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits", &["GlobalSecondaryIndexName", "TableName"]),
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits", &["TableName"]),
    ("AWS/Lambda", "Duration", &["FunctionName"]),
    ("AWS/Lambda", "IteratorAge", &["FunctionName"]),
    ("AWS/Logs", "IncomingBytes", &["LogGroupName"]),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", &["QueueName"]),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", &["QueueName"]),
    ("AWS/SQS", "NumberOfMessagesSent", &["QueueName"]),
];

/// The widgets, with `${X}` as it stands in the template but for the stack's name.
fn widgets() -> Vec<Value> {
    let template = Template::load();
    let body = template.resource("Dashboard")["Properties"]["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let body: Value = serde_json::from_str(&body.replace("${AWS::StackName}", deployed::STACK)).unwrap();
    body["widgets"].as_array().unwrap().clone()
}

/// The series of all widgets: each row, with the options at its end.
fn series() -> Vec<Vec<Value>> {
    let widgets = widgets();
    let metrics = widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array());
    metrics.flatten().map(|row| row.as_array().unwrap().clone()).collect()
}

/// Namespace, name and dimensions of a row that names a metric.
fn metric(row: &[Value]) -> Option<Metric> {
    let words: Vec<&str> = row.iter().filter_map(Value::as_str).collect();
    let [namespace, name, dimensions @ ..] = words.as_slice() else { return None };
    let dimensions = dimensions.chunks(2).map(|pair| (pair[0].to_owned(), json!(pair[1]))).collect();
    let (namespace, name) = ((*namespace).to_owned(), (*name).to_owned());
    Some(Metric { namespace, name, dimensions, statistic: "SampleCount".to_owned() })
}

/// What each function prints in health and in trouble.
fn everything_printed() -> Vec<Value> {
    let stand = Stand::new();
    let mut lines = healthy_run(&stand);
    let ack = stand.start("ack");
    let (headers, body) = webhook::encrypt(b"spg-webhooks somebody else's key", &payload("t1", "n1", "Success"));
    post(&ack, &headers, &body);
    lines.extend(printed(&ack));

    let stand = Stand::new();
    let (processor, sweeper) = (stand.start("processor"), stand.start("sweeper"));
    stand.status_api.script("t0", [says("t0", "Declined")]);
    process(&processor, &[record(&notification("t0", "n1", "Declined"))]);
    stand.status_api.script("t0", [says("t0", "Success")]);
    process(&processor, &[record(&notification("t0", "n2", "Success"))]);
    stand.status_api.always("t0", says("t0", "Pending"));
    process(&processor, &[record(&notification("t0", "n3", "Declined"))]);
    let replies = [Reply::text(404, ""), says("t2", "Pending")];
    for (id, reply) in ["t1", "t2"].into_iter().zip(replies) {
        process(&processor, &[record(&notification(id, "n1", "Pending"))]);
        stand.make_due(id);
        stand.status_api.always(id, reply);
    }
    sweeper.invoke_within(events::schedule(), std::time::Duration::from_secs(12)).unwrap();
    for n in 3..9 {
        let id = format!("t{n}");
        process(&processor, &[record(&notification(&id, "n1", "Pending"))]);
        stand.make_due(&id);
    }
    stand.status_api.otherwise(Reply::text(503, ""));
    sweeper.invoke_within(events::schedule(), std::time::Duration::from_secs(12)).unwrap();
    lines.extend([processor, sweeper].iter().flat_map(printed));
    let publisher = stand.start("publisher");
    let image = json!({"transactionID": {"S": "t1"}, "change": {"S": "Finalised"}});
    publisher.invoke(events::dynamodb_stream(&[image])).unwrap();
    lines.extend(printed(&publisher));
    lines
}

#[test]
fn no_widget_shows_a_metric_that_does_not_exist() {
    let lines = everything_printed();
    let mut own = 0;
    for metric in series().iter().filter_map(|row| metric(row)) {
        if metric.namespace == "SpgWebhooks" {
            own += 1;
            assert!(metric.value(&lines).is_some(), "nothing prints {metric:?}");
        } else {
            let dimensions: Vec<&str> = metric.dimensions.keys().map(String::as_str).collect();
            let known = |(namespace, name, of): &(&str, &str, &[&str])| {
                (metric.namespace.as_str(), metric.name.as_str(), dimensions.as_slice()) == (*namespace, *name, *of)
            };
            assert!(OF_AWS.iter().any(known), "{metric:?}");
        }
    }
    assert!(own > 20, "{own}");
}

/// `SEARCH('{SpgWebhooks,Stack,Function,Kind} Stack="s" MetricName="X" Function="y"', 'Sum', 300)`
#[test]
fn no_search_finds_nothing() {
    let lines = everything_printed();
    let all = series();
    let expressions: Vec<&str> = all.iter().filter_map(|row| row[0]["expression"].as_str()).collect();
    assert!(expressions.len() >= 5);
    for expression in expressions {
        let begin = "SEARCH('{SpgWebhooks,Stack,Function,Kind} Stack=\"";
        assert!(expression.starts_with(begin), "{expression}");
        let wanted: BTreeMap<&str, &str> = expression
            .split_whitespace()
            .filter_map(|word| word.trim_end_matches(['\'', ',']).split_once("=\""))
            .map(|(name, value)| (name, value.trim_end_matches('"')))
            .collect();
        let found = lines.iter().any(|line| {
            let sets = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
            let fits = |name: &str| wanted.get(name).is_none_or(|value| line[name] == *value);
            *sets == json!([["Stack", "Function", "Kind"]])
                && fits("Stack")
                && fits("Function")
                && fits("Kind")
                && line.get(wanted["MetricName"]).is_some()
        });
        assert!(found, "{expression}");
    }
}

#[test]
fn every_alarm_is_on_the_dashboard_and_nothing_else() {
    let shown: BTreeSet<String> = widgets()
        .iter()
        .filter_map(|widget| widget["properties"]["alarms"].as_array())
        .flatten()
        .map(|alarm| alarm.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(shown, alarms().iter().map(|alarm| format!("${{{}.Arn}}", alarm.id)).collect());
}

#[test]
fn headings_are_questions_and_widgets_do_not_overlap() {
    let widgets = widgets();
    let mut taken = BTreeSet::new();
    for widget in &widgets {
        let side = |name: &str| widget[name].as_u64().unwrap();
        assert!(side("x") + side("width") <= 24, "{widget}");
        for x in side("x")..side("x") + side("width") {
            for y in side("y")..side("y") + side("height") {
                assert!(taken.insert((x, y)), "two widgets at {x}, {y}");
            }
        }
    }
    let headings: Vec<&str> = widgets.iter().filter_map(|it| it["properties"]["markdown"].as_str()).collect();
    assert_eq!(headings.len(), 5);
    assert!(headings.iter().all(|it| it.starts_with("# ") && it.ends_with('?')), "{headings:?}");
}

/// A query that filters on a field which no log line has finds nothing for ever.
#[test]
fn the_saved_queries_ask_for_fields_that_are_logged() {
    let stand = Stand::new();
    let functions = tests::binaries::FUNCTIONS.map(|name| stand.start(name));
    let [ack, processor, sweeper, publisher] = &functions;
    crate::support::deliver(ack, &payload("t1", "n1", "Success"));
    let (headers, body) = webhook::encrypt(b"spg-webhooks somebody else's key", &payload("t1", "n1", "Success"));
    post(ack, &headers, &body);
    stand.status_api.script("t1", [Reply::text(503, "{")]);
    stand.status_api.always("t1", says("t1", "Success"));
    process(processor, &[record(&notification("t1", "n1", "Success"))]);
    stand.make_due("t1");
    sweeper.invoke_within(events::schedule(), std::time::Duration::from_secs(12)).unwrap();
    publisher.invoke(events::dynamodb_stream(&[stand.aws.table().raw_item("t1").unwrap()])).unwrap();
    let lines: Vec<Value> = functions.iter().flat_map(|function| function.logs().json()).collect();
    let logged: BTreeSet<String> =
        lines.iter().filter_map(Value::as_object).flat_map(|line| line.keys().cloned()).collect();

    let words = "@timestamp @log fields filter stats sort limit count count_distinct as by bin 5m asc desc or max min \
                 webhooks steps seconds queries";
    let words: BTreeSet<&str> = words.split_whitespace().collect();
    for (id, query) in Template::load().of_type("AWS::Logs::QueryDefinition") {
        let text = query["Properties"]["QueryString"].as_str().unwrap();
        // What stands in quotation marks is a value.
        let names = text.split('"').step_by(2).collect::<String>();
        let names = names.split(|c: char| !c.is_alphanumeric() && !"@_".contains(c));
        for name in names.filter(|name| name.parse::<u32>().is_err() && !name.is_empty() && !words.contains(name)) {
            assert!(logged.contains(name), "{id} asks for {name:?}, which no line has: {logged:?}");
        }
        assert_eq!(query["Condition"], "HasSavedQueries", "{id}: the emulator does not know the type");
    }
    let values = [("message", "rejected"), ("message", "accepted"), ("answer", "Finalised"), ("answer", "Unanswered")];
    for (member, value) in values {
        assert!(lines.iter().any(|line| line[member] == value), "{member} {value}");
    }
}
