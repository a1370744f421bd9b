//! What one payment weighs, as `docs/use/cost.md` reckons with it: bytes of logs, of the queue message, of the event; and the
//! metrics, each of which costs by the month.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tests::{Function, binaries, events, webhook};

use crate::support::{payload, says};
use crate::whole_way::Deployment;

/// Times and ids differ in length from run to run; a cost is not told to the byte.
const TOLERANCE_PERCENT: usize = 25;

/// A purchase by MB WAY with one webhook, and its recheck after a day.
fn measured() -> BTreeMap<String, usize> {
    let way = Deployment::new();
    let id = "s2bfw1g1P1siCSUjVPP8";
    let webhook = payload(id, "b6571d90-35d6-41a6-b7b1-732464b1e58c", "Success");
    way.stand.status_api.always(id, says(id, "Success"));
    let [ack, processor, publisher] = [&way.ack, &way.processor, &way.publisher].map(|function| function.logs().mark());
    let event = way.webhook(&webhook).unwrap();
    let written = |function: &Function, mark| function.logs().text_since(mark).len();
    let sweeper = way.stand.start("sweeper");
    let idle = sweeper.logs().mark();
    sweeper.invoke_within(events::schedule(), std::time::Duration::from_secs(12)).unwrap();
    let idle = written(&sweeper, idle);
    way.stand.make_due(id);
    let sweep = sweeper.logs().mark();
    sweeper.invoke_within(events::schedule(), std::time::Duration::from_secs(12)).unwrap();
    let functions = [&way.ack, &way.processor, &way.publisher, &sweeper];
    let image = way.stand.aws.table().raw_item(id).unwrap();
    let sizes = [
        ("webhook body", webhook::encrypt(&webhook::KEY, &webhook).1.len()),
        ("queue message", way.stand.aws.queued()[0].body.len()),
        ("event detail", event.detail.to_string().len()),
        ("stored item as JSON", image.to_string().len()),
        ("logs of ack", written(&way.ack, ack)),
        ("logs of processor", written(&way.processor, processor)),
        ("logs of publisher", written(&way.publisher, publisher)),
        ("logs of an idle sweep", idle),
        ("logs of a recheck", written(&sweeper, sweep) - idle),
        ("metrics (number)", functions.iter().flat_map(|function| metrics(function)).collect::<BTreeSet<_>>().len()),
    ];
    sizes.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}

/// The metrics that a function has written, as CloudWatch counts them: each name with each set of dimensions.
fn metrics(function: &Function) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in function.logs().metrics() {
        for definition in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            let dimensions = definition["Dimensions"][0].as_array().unwrap();
            let values: Vec<_> = dimensions.iter().map(|name| line[name.as_str().unwrap()].to_string()).collect();
            let names = definition["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].to_string());
            found.extend(names.map(|name| format!("{name} {values:?}")));
        }
    }
    found
}

#[test]
fn the_cost_page_reckons_with_what_is_measured() {
    let page = fs::read_to_string(binaries::workspace().join("docs/use/cost.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Measured")).unwrap();
    let cells = section.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let told: BTreeMap<String, usize> =
        cells.filter_map(|row| Some(((*row.get(1)?).to_owned(), row.get(2)?.replace(',', "").parse().ok()?))).collect();
    let measured = measured();
    assert_eq!(told.keys().collect::<Vec<_>>(), measured.keys().collect::<Vec<_>>(), "measured: {measured:#?}");
    for (name, bytes) in &measured {
        let difference = bytes.abs_diff(told[name]);
        assert!(difference * 100 <= bytes * TOLERANCE_PERCENT, "{name}: {} is told, {bytes} measured", told[name]);
    }
}
