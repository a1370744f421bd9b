//! The result: one row per scenario, for people and as JSON.

use std::time::Duration;

use serde::Serialize;

use crate::Checks;
use crate::table::{Column, render};

/// As wide as a wide terminal.
const WIDTHS: [usize; 7] = [22, 28, 24, 38, 28, 10, 10];

/// One scenario.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub scenario: String,
    #[serde(rename = "transactionIDs")]
    pub transaction_ids: Vec<String>,
    pub spg_did: String,
    pub delivered: String,
    pub stored: String,
    pub events: String,
    pub time_to_final: String,
    pub held: bool,
    pub checks: Checks,
}

/// Everything.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub seed: u64,
    pub held: bool,
    pub took_seconds: u64,
    pub scenarios: Vec<Row>,
}

impl Report {
    pub fn new(seed: u64, took: Duration, scenarios: Vec<Row>) -> Self {
        let held = !scenarios.is_empty() && scenarios.iter().all(|row| row.held);
        Self { seed, held, took_seconds: took.as_secs(), scenarios }
    }

    /// The table, what failed, and the verdict.
    pub fn in_words(&self, headings: &[&'static str; 7]) -> String {
        let rows: Vec<Vec<String>> = self.scenarios.iter().map(Row::cells).collect();
        let columns: Vec<Column> =
            headings.iter().zip(WIDTHS).map(|(heading, width)| Column { heading, width }).collect();
        let mut text = render(&columns, &rows);
        let failed: Vec<&Row> = self.scenarios.iter().filter(|row| !row.held).collect();
        if !failed.is_empty() {
            text.push_str("\nWhat did not hold:\n");
        }
        for row in &failed {
            for check in row.checks.failed() {
                text.push_str(&format!("  {}: {check}\n", row.scenario));
            }
        }
        let (all, bad, seconds) = (self.scenarios.len(), failed.len(), self.took_seconds);
        text.push_str(&format!("\n{} of {all} held, seed {}, {seconds} s\n", all - bad, self.seed));
        text
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        vec![
            self.scenario.clone(),
            self.spg_did.clone(),
            self.delivered.clone(),
            self.stored.clone(),
            self.events.clone(),
            self.time_to_final.clone(),
            self.checks.to_string(),
        ]
    }
}

/// A duration as people say it: `0.8 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{}.{} s", duration.as_secs(), duration.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scenario: &str, held: bool) -> Row {
        let mut checks = Checks::default();
        checks.equal("status stored", "Success", if held { "Success" } else { "Pending" });
        Row {
            scenario: scenario.to_owned(),
            transaction_ids: Vec::new(),
            spg_did: "approved it".to_owned(),
            delivered: "2 webhooks: 200".to_owned(),
            stored: "Success v3".to_owned(),
            events: "Finalised Success, paid".to_owned(),
            time_to_final: seconds(Duration::from_millis(840)),
            held,
            checks,
        }
    }

    #[test]
    fn all_are_shown_and_what_failed_is_said() {
        let report = Report::new(7, Duration::from_secs(61), vec![row("good", true), row("bad", false)]);
        assert!(!report.held);
        let text = report.in_words(&crate::DEMO.headings);
        assert!(text.contains("good                   | approved it"), "{text}");
        assert!(text.contains("0.8 s      | held (1)"), "{text}");
        assert!(text.contains("FAILED (1"), "{text}");
        assert!(text.contains("  bad: status stored: expected Success, found Pending\n"), "{text}");
        assert!(text.ends_with("\n1 of 2 held, seed 7, 61 s\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 180), "{text}");
    }

    #[test]
    fn nothing_played_does_not_hold() {
        assert!(!Report::new(1, Duration::ZERO, Vec::new()).held);
        assert!(Report::new(1, Duration::ZERO, vec![row("good", true)]).held);
    }

    #[test]
    fn the_json_has_the_checks() {
        let json = serde_json::to_value(row("good", true)).unwrap();
        assert_eq!(json["timeToFinal"], "0.8 s");
        assert_eq!(json["checks"][0]["expected"], "Success");
    }
}
