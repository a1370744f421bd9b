//! Each alarm of the template has a test, a runbook entry, and goes off when it should.

mod aws;
mod dashboard;
mod driven;
mod own;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tests::alarm::Alarm;
use tests::template::Template;
use tests::{Function, binaries, events};

use crate::support::{Stand, deliver, notification, payload, process, record, says};

fn alarms() -> Vec<Alarm> {
    Alarm::all(&Template::load())
}

/// An alarm by its logical id.
fn alarm(id: &str) -> Alarm {
    alarms().into_iter().find(|alarm| alarm.id == id).unwrap_or_else(|| panic!("the template has no alarm {id}"))
}

/// A payment from its webhook to its event, and a sweep that finds one more: the lines that all functions print.
fn healthy_run(stand: &Stand) -> Vec<Value> {
    let functions = binaries::FUNCTIONS.map(|name| stand.start(name));
    let [ack, processor, sweeper, publisher] = &functions;
    for n in 0..6 {
        assert_eq!(deliver(ack, &payload(&format!("t{n}"), "n1", "Success")).status, 200);
    }
    ["t1", "t2"].iter().for_each(|id| stand.status_api.always(id, says(id, "Success")));
    process(processor, &[record(&notification("t1", "n1", "Success")), record(&notification("t2", "n1", "Pending"))]);
    stand.make_due("t2");
    sweeper.invoke_within(events::schedule(), std::time::Duration::from_secs(12)).unwrap();
    let images = ["t1", "t2"].map(|id| stand.aws.table().raw_item(id).unwrap());
    publisher.invoke(events::dynamodb_stream(&images)).unwrap();
    functions.iter().flat_map(printed).collect()
}

/// The metrics that a function has printed.
fn printed(function: &Function) -> Vec<Value> {
    function.logs().metrics()
}

#[test]
fn every_alarm_has_a_test() {
    let tested: Vec<&str> =
        own::STATES.iter().map(|state| state.alarm).chain(aws::ALARMS.iter().map(|it| it.alarm)).collect();
    let unique: BTreeSet<&str> = tested.iter().copied().collect();
    assert_eq!(unique.len(), tested.len(), "{tested:?}");
    let all = alarms();
    assert_eq!(unique, all.iter().map(|alarm| alarm.id.as_str()).collect());
    let own: BTreeSet<&str> = own::STATES.iter().map(|state| state.alarm).collect();
    assert!(all.iter().all(|alarm| alarm.is_own() == own.contains(alarm.id.as_str())), "each in its own table");
}

#[test]
fn every_alarm_tells_the_topic_and_says_what_is_wrong() {
    for alarm in alarms() {
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm.property(actions), &serde_json::json!([{"Ref": "AlarmTopic"}]), "{}", alarm.id);
        }
        let (told, entry) = alarm.text("AlarmDescription").split_once(" Runbook: docs/operate/runbook.md#").unwrap();
        assert!(told.ends_with('.') && told.len() > 20 && !entry.is_empty(), "{}", alarm.id);
        assert!(["breaching", "notBreaching", "ignore"].contains(&alarm.text("TreatMissingData")), "{}", alarm.id);
        let [windows, needed] =
            ["EvaluationPeriods", "DatapointsToAlarm"].map(|it| alarm.text(it).parse::<u32>().unwrap());
        assert!((1..=windows).contains(&needed), "{}", alarm.id);
    }
}

/// CloudWatch's price is for each metric that an alarm looks at.
#[test]
fn the_pages_count_the_alarms_as_they_are_paid() {
    let (alarms, metrics) = (alarms().len(), alarms().iter().map(|alarm| alarm.metrics().len()).sum::<usize>());
    let page = |name: &str| fs::read_to_string(binaries::workspace().join("docs").join(name)).unwrap();
    assert!(
        page("use/cost.md")
            .contains(&format!("| Alarms | {alarms}, counted by the metrics that they look at | {metrics} alarms |"))
    );
    assert!(page("operate/monitoring.md").contains(&format!(": {metrics} | 0.10 USD |")));
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

#[test]
fn every_alarm_has_an_entry_in_the_runbook_and_every_entry_an_alarm() {
    let runbook = fs::read_to_string(binaries::workspace().join("docs/operate/runbook.md")).unwrap();
    let (_, entries) = runbook.split_once("\n## Entries\n").expect("the entries stand under a heading of their own");
    let entries: BTreeSet<String> = entries.lines().filter_map(|line| line.strip_prefix("### ")).map(anchor).collect();
    let named = alarms();
    let named: BTreeSet<String> = named
        .iter()
        .map(|alarm| alarm.text("AlarmDescription").split_once("docs/operate/runbook.md#").unwrap().1.to_owned())
        .collect();
    assert_eq!(named, entries);
    // And each entry names its alarms, as the mail does.
    for alarm in alarms() {
        let name = alarm.property("AlarmName")["Fn::Sub"].as_str().unwrap().replace("${AWS::StackName}-", "");
        assert!(runbook.contains(&format!("`{name}`")), "the runbook does not name {name}");
    }
}

#[test]
fn in_a_healthy_run_no_alarm_goes_off() {
    let stand = Stand::new();
    let lines = healthy_run(&stand);
    for alarm in alarms().into_iter().filter(Alarm::is_own) {
        assert!(!alarm.is_breached_by(&lines), "{}: {lines:#?}", alarm.id);
    }
}
