//! An alarm of the template, and whether lines in the embedded metric format would set it off within one period.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::template::Template;
use crate::{deployed, expression};

/// One `AWS::CloudWatch::Alarm`.
#[derive(Clone, Debug)]
pub struct Alarm {
    pub id: String,
    properties: Value,
}

/// A metric as an alarm or a widget names it: namespace, name, dimensions, statistic.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    /// Values are text, or what stands for a resource: `{"Ref": "X"}`. The stack's name is that of [`deployed::STACK`].
    pub dimensions: BTreeMap<String, Value>,
    pub statistic: String,
}

impl Alarm {
    /// All alarms of the template.
    pub fn all(template: &Template) -> Vec<Self> {
        let all = template.of_type("AWS::CloudWatch::Alarm").into_iter();
        all.map(|(id, it)| Self { id: id.to_owned(), properties: it["Properties"].clone() }).collect()
    }

    /// A property as text.
    pub fn text(&self, property: &str) -> &str {
        self.properties[property].as_str().unwrap_or_default()
    }

    /// A property as it is.
    pub fn property(&self, property: &str) -> &Value {
        &self.properties[property]
    }

    /// The metrics that it looks at, by id; the id of a plain one is empty.
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        let Some(queries) = self.properties["Metrics"].as_array() else {
            return BTreeMap::from([(String::new(), Metric::of(&self.properties, statistic(&self.properties)))]);
        };
        let stats = queries.iter().filter(|query| query.get("MetricStat").is_some());
        let metric = |query: &Value| Metric::of(&query["MetricStat"]["Metric"], text(&query["MetricStat"]["Stat"]));
        stats.map(|query| (text(&query["Id"]), metric(query))).collect()
    }

    /// True if it watches a metric that the functions print.
    pub fn is_own(&self) -> bool {
        self.metrics().values().any(|metric| metric.namespace == "SpgWebhooks")
    }

    /// Whether one period with exactly these lines counts towards the alarm.
    ///
    /// # Panics
    /// On an operator or a treatment of missing data that is not known here.
    pub fn is_breached_by(&self, lines: &[Value]) -> bool {
        let Some(value) = self.value(lines) else {
            return match self.text("TreatMissingData") {
                "breaching" => true,
                "notBreaching" | "ignore" => false,
                other => panic!("{}: TreatMissingData is {other:?}", self.id),
            };
        };
        let threshold: f64 = self.text("Threshold").parse().expect("a threshold is a number");
        match self.text("ComparisonOperator") {
            "GreaterThanOrEqualToThreshold" => value >= threshold,
            "LessThanThreshold" => value < threshold,
            other => panic!("{}: ComparisonOperator is {other:?}", self.id),
        }
    }

    /// Whether it goes off in the course of these periods, the oldest first: M of N of them count towards it.
    pub fn goes_off(&self, periods: &[Vec<Value>]) -> bool {
        let number = |name: &str| self.text(name).parse::<usize>().expect("a number");
        let (windows, needed) = (number("EvaluationPeriods"), number("DatapointsToAlarm"));
        let counts: Vec<bool> = periods.iter().map(|lines| self.is_breached_by(lines)).collect();
        let recent = |end: usize| &counts[end.saturating_sub(windows - 1)..=end];
        (0..counts.len()).any(|end| recent(end).iter().filter(|counts| **counts).count() >= needed)
    }

    fn value(&self, lines: &[Value]) -> Option<f64> {
        let values: BTreeMap<_, _> = self.metrics().into_iter().map(|(id, metric)| (id, metric.value(lines))).collect();
        let queries: Vec<&Value> = self.properties["Metrics"].as_array().into_iter().flatten().collect();
        match queries.iter().find(|query| query["ReturnData"] == "true") {
            None => values.values().next().copied()?,
            Some(returned) => computed(returned, &queries, values),
        }
    }
}

/// The value of a query with an expression, which may name other expressions by their ids.
fn computed(query: &Value, queries: &[&Value], mut values: BTreeMap<String, Option<f64>>) -> Option<f64> {
    let expression = query["Expression"].as_str().expect("what an alarm of several metrics returns is computed");
    for other in queries.iter().filter(|other| other["Id"] != query["Id"] && other.get("Expression").is_some()) {
        let others: Vec<&Value> = queries.iter().filter(|it| it["Id"] != query["Id"]).copied().collect();
        values.insert(text(&other["Id"]), computed(other, &others, values.clone()));
    }
    expression::evaluate(expression, &values)
}

impl Metric {
    fn of(metric: &Value, statistic: String) -> Self {
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
        Self {
            namespace: text(&metric["Namespace"]),
            name: text(&metric["MetricName"]),
            dimensions: dimensions.map(|it| (text(&it["Name"]), resolved(&it["Value"]))).collect(),
            statistic,
        }
    }

    /// What it comes to over all lines; none where no line has it under exactly these dimensions.
    ///
    /// # Panics
    /// On a statistic that is not known here.
    pub fn value(&self, lines: &[Value]) -> Option<f64> {
        let mut values: Vec<f64> = lines.iter().flat_map(|line| self.values_in(line)).collect();
        values.sort_by(f64::total_cmp);
        let last = *values.last()?;
        Some(match self.statistic.as_str() {
            "Sum" => values.iter().sum(),
            "Maximum" => last,
            "SampleCount" => values.iter().map(|_| 1.0).sum(),
            percentile if percentile.starts_with('p') => last,
            other => panic!("{}: statistic {other:?}", self.name),
        })
    }

    fn values_in(&self, line: &Value) -> Vec<f64> {
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten();
        let named = directives.filter(|it| it["Namespace"] == *self.namespace && self.is_in(line, it));
        let value = &line[&self.name];
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        named.flat_map(|_| values.iter().filter_map(Value::as_f64)).collect()
    }

    fn is_in(&self, line: &Value, directive: &Value) -> bool {
        let listed = |list: &Value, is: &dyn Fn(&Value) -> bool| list.as_array().is_some_and(|all| all.iter().any(is));
        let same = |set: &Value| {
            let names = set.as_array().into_iter().flatten();
            let of_line: BTreeMap<String, Value> = names.map(|name| (text(name), line[text(name)].clone())).collect();
            of_line == self.dimensions
        };
        listed(&directive["Metrics"], &|metric| metric["Name"] == *self.name) && listed(&directive["Dimensions"], &same)
    }
}

fn resolved(value: &Value) -> Value {
    if value["Ref"] == "AWS::StackName" { deployed::STACK.into() } else { value.clone() }
}

fn statistic(properties: &Value) -> String {
    ["Statistic", "ExtendedStatistic"].iter().find_map(|name| properties[name].as_str()).unwrap_or_default().to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
