//! Medians over the rounds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contender::{Contender, Role};
use crate::life::{Life, Sample};
use crate::work::Row;

/// One row of one contender.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub contender: Contender,
    pub role: Role,
    pub row: Row,
    /// Notifications in one invocation.
    pub notifications: usize,
    /// Processor time, user and system, of one invocation; the median of the rounds.
    pub cpu_ns: u64,
    /// The least and the most that a round had.
    pub cpu_ns_range: (u64, u64),
    /// From handing the event out to receiving the answer: the median of the rounds' medians.
    pub p50_ns: u64,
    /// AWS calls in one invocation, by operation.
    pub calls: BTreeMap<String, f64>,
    pub queries: f64,
    pub read_units: f64,
    /// To tables, without their indexes.
    pub write_units: f64,
    pub index_units: f64,
    pub log_bytes: f64,
    pub log_lines: f64,
    pub instructions: Option<u64>,
    /// Any wrong answer voids the row.
    pub wrong: Option<String>,
}

/// How one function of one contender starts, and what it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    pub contender: Contender,
    pub role: Role,
    /// From the start of the process to its first request for work.
    pub init_ns: u64,
    pub init_cpu_ns: u64,
    pub resident_bytes: u64,
    pub package_bytes: Option<u64>,
    /// Over TLS: the first invocation of a process, and the median of the ones after it.
    pub first_tls_ns: u64,
    pub warm_tls_ns: u64,
}

impl Figure {
    /// The calls whose operation has this in its name.
    pub fn called(&self, part: &str) -> f64 {
        let called = self.calls.iter().filter(|(operation, _)| operation.contains(part));
        // Not `sum`, whose nothing is -0.
        called.fold(0.0, |sum, (_, times)| sum + times)
    }

    pub fn calls_sum(&self) -> f64 {
        self.called("")
    }

    pub fn cpu_per_notification(&self) -> u64 {
        self.cpu_ns / u64::try_from(self.notifications.max(1)).unwrap_or(1)
    }
}

/// What the rounds say about one row.
pub fn figure(contender: Contender, role: Role, row: Row, notifications: usize, lives: &[Life]) -> Option<Figure> {
    let samples: Vec<&Sample> = lives.iter().filter_map(|life| life.rows.get(&row)).collect();
    let last = samples.last()?;
    let each = |total: f64| total / last.invocations as f64;
    let mut cpu: Vec<u64> =
        samples.iter().map(|sample| nanoseconds(sample.cpu) / sample.invocations.max(1) as u64).collect();
    cpu.sort_unstable();
    Some(Figure {
        contender,
        role,
        row,
        notifications,
        cpu_ns: median(&cpu),
        cpu_ns_range: (*cpu.first()?, *cpu.last()?),
        p50_ns: median_of(samples.iter().map(|sample| nanoseconds(sample.median()))),
        calls: last.calls.iter().map(|(operation, times)| (operation.clone(), each(*times as f64))).collect(),
        queries: each(last.queries as f64),
        read_units: each(last.read_units),
        write_units: each(last.write_units),
        index_units: each(last.index_units),
        log_bytes: each(last.log_bytes as f64),
        log_lines: each(last.log_lines as f64),
        instructions: None,
        wrong: samples.iter().find_map(|sample| sample.wrong.clone()).or_else(|| unlike(&samples)),
    })
}

/// What is counted must be the same in every round, or it is no property of the contender. Parallel records of one transaction
/// race, so that their counts may differ.
fn unlike(samples: &[&Sample]) -> Option<String> {
    let first = samples.first()?;
    let differs = samples.iter().any(|sample| sample.queries.abs_diff(first.queries) > first.queries / 4);
    differs.then(|| "another number of queries in another round".to_owned())
}

pub fn median_of(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    median(&values)
}

fn median(sorted: &[u64]) -> u64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

pub fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median_of([9, 1, 5].into_iter()), 5);
        assert_eq!(median_of([2, 1].into_iter()), 2);
        assert_eq!(median_of([].into_iter()), 0);
    }
}
