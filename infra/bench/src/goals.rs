//! The goals, and whether each is reached.

use serde::Serialize;

use crate::contender::{Contender, Role};
use crate::price::cents;
use crate::run::Results;
use crate::work::Row;

const MEGABYTE: f64 = 1_000_000.0;
const PRICE_MAX: (i64, u32) = (325, 2);

/// One goal.
#[derive(Debug, Clone, Serialize)]
pub struct Goal {
    pub measure: String,
    pub goal: String,
    pub measured: String,
    /// None: not measured in this run.
    pub reached: Option<bool>,
}

pub fn goals(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    counts(results, &mut goals);
    ratios_of_ack(results, &mut goals);
    sizes_of_ack(results, &mut goals);
    first_invocations(results, &mut goals);
    processor(results, &mut goals);
    price(results, &mut goals);
    goals
}

/// Exact numbers: calls, queries, writes.
fn counts(results: &Results, goals: &mut Vec<Goal>) {
    let figure = |row| results.figure(Contender::Project, row);
    for (row, expected) in [(Row::Accepted, 1.0), (Row::Rejected, 0.0)] {
        let calls = figure(row).map(|it| it.calls_sum());
        let measure = format!("ack, {}: AWS calls", row.name());
        goals.push(Goal::new(measure, expected.to_string(), calls, |calls| calls == expected, |it| it.to_string()));
    }
    let rows = [(Row::NewFinal, [1.0, 1.0, 1.0]), (Row::Duplicate, [1.0, 0.0, 0.0]), (Row::TenOfOne, [1.0, 1.0, 1.0])];
    for (row, expected) in rows {
        let seen = figure(row).map(|it| [it.called("GetItem"), it.queries, it.called("UpdateItem")]);
        let told = |[reads, queries, writes]: [f64; 3]| format!("{reads}, {queries}, {writes}");
        let measure = format!("processor, {}: reads, queries, writes", row.name());
        goals.push(Goal::new(measure, told(expected), seen, |seen| seen == expected, told));
    }
}

fn ratios_of_ack(results: &Results, goals: &mut Vec<Goal>) {
    let both = |of: &dyn Fn(Contender) -> Option<u64>| Some(ratio(of(Contender::Project)?, of(Contender::FloorSend)?));
    let cpu = both(&|it| results.figure(it, Row::Accepted).map(|figure| figure.cpu_ns));
    goals.push(Goal::at_most("ack: CPU against floor with one send", 1.25, cpu));
    let instructions = both(&|it| results.figure(it, Row::Accepted)?.instructions);
    goals.push(Goal::at_most("ack: instructions against floor with one send", 1.25, instructions));
    // The processor's time, not the clock's: a start is so short that whatever else runs decides how long it takes.
    let init = both(&|it| results.start(it, Role::Ack).map(|start| start.init_cpu_ns));
    goals.push(Goal::at_most("ack: init against that floor, CPU", 1.5, init));
}

fn sizes_of_ack(results: &Results, goals: &mut Vec<Goal>) {
    let start = results.start(Contender::Project, Role::Ack);
    let megabytes = |bytes: u64| bytes as f64 / MEGABYTE;
    let resident = start.map(|start| megabytes(start.resident_bytes));
    goals.push(Goal::megabytes("ack: resident", 10.0, resident));
    let package = start.and_then(|start| start.package_bytes).map(megabytes);
    goals.push(Goal::megabytes("ack: package, compressed", 3.5, package));
}

fn first_invocations(results: &Results, goals: &mut Vec<Goal>) {
    for role in Role::ALL {
        let start = results.start(Contender::Project, role);
        let seen = start.map(|start| ratio(start.first_tls_ns, start.warm_tls_ns));
        goals.push(Goal::at_most(&format!("{}: first invocation against warm p50, with TLS", role.name()), 2.0, seen));
    }
}

fn processor(results: &Results, goals: &mut Vec<Goal>) {
    let cpu = |it| results.figure(it, Row::Distinct).map(|figure| figure.cpu_per_notification());
    let better_peer = Contender::PEERS.into_iter().filter_map(cpu).min();
    let seen = cpu(Contender::Project).zip(better_peer).map(|(own, peer)| ratio(peer, own));
    let goal = "at least 8x less".to_owned();
    let measure = "processor: CPU per notification, batch of distinct, against the better peer".to_owned();
    goals.push(Goal::new(measure, goal, seen, |times| times >= 8.0, |times| format!("{times:.1}x less")));
    let timing = results.timing(Contender::Project);
    let seen = timing.map(|timing| ratio(timing.batch_ns, timing.one_ns));
    let measure = format!(
        "processor: batch of {} at {} ms Status API against one record",
        results.measured.batch, results.measured.waits.status_api_ms
    );
    goals.push(Goal::at_most(&measure, 1.5, seen));
}

fn price(results: &Results, goals: &mut Vec<Goal>) {
    let max = rust_decimal::Decimal::new(PRICE_MAX.0, PRICE_MAX.1);
    let batch = results.measured.batch;
    let seen = results.price(Contender::Project, batch).map(|price| price.sum);
    let measure = format!("dollars per million new notifications, batches of {batch}");
    goals.push(Goal::new(measure, format!("at most {}", cents(max)), seen, |sum| sum <= max, cents));
}

impl Goal {
    fn new<T: Copy>(
        measure: String,
        goal: String,
        seen: Option<T>,
        reached: impl Fn(T) -> bool,
        told: impl Fn(T) -> String,
    ) -> Self {
        let measured = seen.map_or_else(|| "not measured".to_owned(), told);
        Self { measure, goal, measured, reached: seen.map(reached) }
    }

    fn at_most(measure: &str, most: f64, seen: Option<f64>) -> Self {
        let told = |times: f64| format!("{times:.2}x");
        Self::new(measure.to_owned(), format!("at most {most}x"), seen, |times| times <= most, told)
    }

    fn megabytes(measure: &str, most: f64, seen: Option<f64>) -> Self {
        let told = |size: f64| format!("{size:.2} MB");
        Self::new(measure.to_owned(), format!("at most {most} MB"), seen, |size| size <= most, told)
    }
}

fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to.max(1) as f64
}
