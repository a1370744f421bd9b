//! Metrics in CloudWatch's embedded metric format: lines of JSON on stdout that CloudWatch turns into metrics.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use spg_time::{Clock, SystemClock};

use crate::Env;

const NAMESPACE: &str = "SpgWebhooks";
/// The dimensions that every metric has. Each set of values is a metric of its own, with a price of its own.
const STACK: &str = "Stack";
const FUNCTION: &str = "Function";
/// The third dimension of what is counted apart.
const KIND: &str = "Kind";
/// CloudFormation's own limit on the name of a stack.
const STACK_NAME_BYTES_MAX: usize = 128;
/// The format's own limit: values of one metric in one document.
const VALUES_MAX: usize = 100;
/// The format's own limit: metrics in one document.
const METRICS_MAX: usize = 100;

/// Whose numbers they are. Two stacks in one region of an account share the namespace: without the stack's name each would
/// count into the other's alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricSource {
    stack: String,
    function: &'static str,
}

impl MetricSource {
    /// `STACK_NAME`. None: a problem was noted. There is no default: what is counted under another name is seen by no alarm.
    pub fn read(env: &mut Env, function: &'static str) -> Option<Self> {
        const VARIABLE: &str = "STACK_NAME";
        const EXPECTED: &str = "the name of the CloudFormation stack";
        let stack = env.required(VARIABLE, EXPECTED)?;
        let named =
            stack.len() <= STACK_NAME_BYTES_MAX && stack.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !named {
            env.problem(VARIABLE, "cannot be used", EXPECTED);
            return None;
        }
        Some(Self { stack, function })
    }
}

/// The numbers of one invocation.
///
/// They are written by [`Metrics::flush`]: one line, one more for each kind that was counted apart, and one more for each further
/// hundred values of a duration. Names and kinds come from closed sets: never an id, never anything personal.
#[derive(Debug, Default)]
pub struct Metrics {
    totals: BTreeMap<&'static str, Metric>,
    kinds: BTreeMap<String, BTreeMap<&'static str, Metric>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Metric {
    Count(u64),
    Milliseconds(Vec<u64>),
}

impl Metrics {
    /// Adds to a count. Zero is a value too: it makes the metric appear.
    pub fn count(&mut self, name: &'static str, n: u64) {
        add(&mut self.totals, name, n);
    }

    /// Adds to a count and to the same count of one kind, so that an alarm may look at either.
    pub fn count_by(&mut self, name: &'static str, kind: impl Into<String>, n: u64) {
        self.count(name, n);
        add(self.kinds.entry(kind.into()).or_default(), name, n);
    }

    /// Adds one value of a duration, in whole milliseconds.
    pub fn duration(&mut self, name: &'static str, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        match self.totals.entry(name).or_insert(Metric::Milliseconds(Vec::new())) {
            Metric::Milliseconds(values) => values.push(millis),
            Metric::Count(_) => debug_assert!(false, "{name} is a count"),
        }
    }

    /// What a count has come to so far; for tests.
    pub fn total(&self, name: &str) -> u64 {
        match self.totals.get(name) {
            Some(Metric::Count(n)) => *n,
            Some(Metric::Milliseconds(_)) | None => 0,
        }
    }

    /// Writes everything to stdout.
    pub fn flush(self, source: &MetricSource) {
        let mut text = String::new();
        for document in self.documents(source, SystemClock.now().millis()) {
            text.push_str(&document.to_string());
            text.push('\n');
        }
        // Nothing can be done, nor said, about a closed stdout.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    fn documents(&self, source: &MetricSource, timestamp: u64) -> Vec<Value> {
        let mut documents = Vec::new();
        for page in pages(&self.totals) {
            documents.push(source.document(timestamp, None, &page));
        }
        for (kind, metrics) in &self.kinds {
            for page in pages(metrics) {
                documents.push(source.document(timestamp, Some(kind), &page));
            }
        }
        documents
    }
}

impl MetricSource {
    fn document(&self, timestamp: u64, kind: Option<&str>, page: &[(&'static str, Metric)]) -> Value {
        let dimensions = if kind.is_some() { vec![STACK, FUNCTION, KIND] } else { vec![STACK, FUNCTION] };
        let definitions: Vec<Value> =
            page.iter().map(|(name, metric)| json!({"Name": name, "Unit": metric.unit()})).collect();
        let mut root = Map::new();
        root.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": timestamp,
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": definitions}],
            }),
        );
        root.insert(STACK.to_owned(), self.stack.as_str().into());
        root.insert(FUNCTION.to_owned(), self.function.into());
        if let Some(kind) = kind {
            root.insert(KIND.to_owned(), kind.into());
        }
        root.extend(page.iter().map(|(name, metric)| ((*name).to_owned(), metric.value())));
        Value::Object(root)
    }
}

impl Metric {
    fn unit(&self) -> &'static str {
        match self {
            Self::Count(_) => "Count",
            Self::Milliseconds(_) => "Milliseconds",
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Count(n) => (*n).into(),
            Self::Milliseconds(values) => match values.as_slice() {
                [one] => (*one).into(),
                many => many.into(),
            },
        }
    }
}

fn add(metrics: &mut BTreeMap<&'static str, Metric>, name: &'static str, n: u64) {
    match metrics.entry(name).or_insert(Metric::Count(0)) {
        Metric::Count(count) => *count = count.saturating_add(n),
        Metric::Milliseconds(_) => debug_assert!(false, "{name} is a duration"),
    }
}

/// What one document may hold, as many as are needed; a name is at most once in each.
fn pages(metrics: &BTreeMap<&'static str, Metric>) -> Vec<Vec<(&'static str, Metric)>> {
    let mut rounds: Vec<Vec<(&'static str, Metric)>> = Vec::new();
    let mut put = |round: usize, name, metric| {
        if rounds.len() <= round {
            rounds.resize(round + 1, Vec::new());
        }
        rounds[round].push((name, metric));
    };
    for (name, metric) in metrics {
        match metric {
            Metric::Count(_) => put(0, *name, metric.clone()),
            Metric::Milliseconds(values) => {
                for (round, chunk) in values.chunks(VALUES_MAX).enumerate() {
                    put(round, *name, Metric::Milliseconds(chunk.to_vec()));
                }
            }
        }
    }
    rounds.iter().flat_map(|round| round.chunks(METRICS_MAX).map(<[_]>::to_vec)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(function: &'static str) -> MetricSource {
        Env::from_pairs([("STACK_NAME", "shop-1")]).read(|env| MetricSource::read(env, function)).unwrap()
    }

    #[test]
    fn a_stack_must_be_named_as_cloudformation_names_one() {
        for bad in ["", "a b", "ünlike", "a/b", &"a".repeat(129)] {
            let read = Env::from_pairs([("STACK_NAME", bad)]).read(|env| MetricSource::read(env, "ack"));
            assert_eq!(read.map_err(|error| error.problems.len()), Err(1), "{bad}");
        }
    }

    /// The format's specification, as far as it says MUST.
    fn check(document: &Value) {
        let aws = document["_aws"].as_object().unwrap();
        assert!(aws["Timestamp"].is_u64());
        for directive in aws["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(directive["Namespace"], "SpgWebhooks");
            for set in directive["Dimensions"].as_array().unwrap() {
                let set = set.as_array().unwrap();
                assert!(set.len() <= 30);
                for name in set {
                    let value = document[name.as_str().unwrap()].as_str().unwrap();
                    assert!((1..=1024).contains(&value.len()) && value.is_ascii());
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()));
            for metric in metrics {
                let members: Vec<_> = metric.as_object().unwrap().keys().collect();
                assert_eq!(members, ["Name", "Unit"]);
                assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
                let value = &document[metric["Name"].as_str().unwrap()];
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                assert!((1..=100).contains(&values.len()) && values.iter().all(Value::is_u64), "{value}");
            }
        }
    }

    #[test]
    fn one_line_for_the_invocation_and_one_for_each_kind() {
        let mut metrics = Metrics::default();
        metrics.count("Received", 1);
        metrics.count("Received", 2);
        metrics.count_by("Rejected", "Forged", 2);
        metrics.count_by("Rejected", "EmptyBody", 1);
        metrics.duration("AckDuration", Duration::from_micros(12_900));
        let documents = metrics.documents(&source("ack"), 1_773_312_524_000);
        documents.iter().for_each(check);
        let expected = json!({
            "_aws": {
                "Timestamp": 1_773_312_524_000_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "SpgWebhooks",
                    "Dimensions": [["Stack", "Function"]],
                    "Metrics": [
                        {"Name": "AckDuration", "Unit": "Milliseconds"},
                        {"Name": "Received", "Unit": "Count"},
                        {"Name": "Rejected", "Unit": "Count"},
                    ],
                }],
            },
            "Stack": "shop-1", "Function": "ack", "AckDuration": 12, "Received": 3, "Rejected": 3,
        });
        assert_eq!(documents[0], expected);
        assert_eq!(documents.len(), 3);
        assert_eq!(documents[1]["Kind"], "EmptyBody");
        assert_eq!(documents[2]["Rejected"], 2);
        assert_eq!(documents[2]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stack", "Function", "Kind"]]));
    }

    #[test]
    fn many_values_go_into_documents_of_a_hundred_and_none_is_lost_or_doubled() {
        let mut metrics = Metrics::default();
        (0..250).for_each(|ms| metrics.duration("StatusApiLatency", Duration::from_millis(ms)));
        metrics.count("Sweeps", 1);
        let documents = metrics.documents(&source("sweeper"), 0);
        documents.iter().for_each(check);
        let values: Vec<u64> = documents
            .iter()
            .flat_map(|d| d["StatusApiLatency"].as_array().unwrap())
            .map(|v| v.as_u64().unwrap())
            .collect();
        assert_eq!(values, (0..250).collect::<Vec<_>>());
        assert_eq!(documents.iter().filter(|d| d.get("Sweeps").is_some()).count(), 1);
    }

    #[test]
    fn nothing_counted_nothing_written() {
        assert!(Metrics::default().documents(&source("ack"), 0).is_empty());
    }
}
