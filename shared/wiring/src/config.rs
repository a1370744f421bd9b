//! The part of the configuration that settles transactions.

use std::collections::BTreeSet;
use std::time::Duration;

use spg_domain::Rules;
use spg_host::{AwsConfig, Env};

const DUE_INDEX_NAME_DEFAULT: &str = "due";
const SECONDS_PER_DAY: u64 = 24 * 3600;
const RECHECK_SECONDS_DEFAULT: u64 = SECONDS_PER_DAY;
const RECHECK_SECONDS_MAX: u64 = 60 * SECONDS_PER_DAY;
const RETENTION_DAYS_DEFAULT: u64 = 400;
/// SPG repeats a webhook for two months: what it is recognised by must live longer.
const RETENTION_DAYS_MIN: u64 = 70;
const RETENTION_DAYS_MAX: u64 = 3650;

#[derive(Debug, Clone)]
pub struct SettlingConfig {
    pub aws: AwsConfig,
    pub rules: Rules,
    /// Up to and with the version, without a trailing slash.
    pub status_api_url: String,
    /// Name or ARN of the secret with the Status API credentials.
    pub status_api_secret: String,
    pub table_name: String,
    pub due_index_name: String,
}

impl SettlingConfig {
    /// `TABLE_NAME`, `DUE_INDEX_NAME` (default `due`), `STATUS_API_URL`, `STATUS_API_SECRET`, and what AWS and the rules need.
    pub fn read(env: &mut Env) -> Option<Self> {
        let aws = AwsConfig::read(env);
        let rules = rules(env);
        let status_api_url = env.url("STATUS_API_URL");
        let status_api_secret = env.required("STATUS_API_SECRET", "the name or ARN of the secret with the credentials");
        let table_name = env.required("TABLE_NAME", "the name of the transactions table");
        let due_index_name = env.optional("DUE_INDEX_NAME").unwrap_or_else(|| DUE_INDEX_NAME_DEFAULT.to_owned());
        Some(Self {
            aws: aws?,
            rules: rules?,
            status_api_url: status_api_url?,
            status_api_secret: status_api_secret?,
            table_name: table_name?,
            due_index_name,
        })
    }
}

/// `TERMINAL_IDS` (comma-separated), `RECHECK_SUCCESS_AFTER_SECONDS` (0 is off) and `RETENTION_DAYS`.
fn rules(env: &mut Env) -> Option<Rules> {
    let terminal_ids = env.optional("TERMINAL_IDS").map(|ids| {
        let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
        ids.map(str::to_owned).collect::<BTreeSet<_>>()
    });
    if terminal_ids.as_ref().is_some_and(BTreeSet::is_empty) {
        env.problem("TERMINAL_IDS", "names none", "terminal ids separated by commas, or nothing for all");
    }
    let recheck = env.number("RECHECK_SUCCESS_AFTER_SECONDS", RECHECK_SECONDS_DEFAULT, 0..=RECHECK_SECONDS_MAX);
    let retention = env.number("RETENTION_DAYS", RETENTION_DAYS_DEFAULT, RETENTION_DAYS_MIN..=RETENTION_DAYS_MAX);
    Some(Rules {
        terminal_ids,
        recheck_success_after: Some(recheck?).filter(|s| *s > 0).map(Duration::from_secs),
        retention: Duration::from_secs(retention? * SECONDS_PER_DAY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_defaults_and_bounds() {
        let read = |pairs: &[(&'static str, &'static str)]| Env::from_pairs(pairs.iter().copied()).read(rules);
        let default = read(&[("TERMINAL_IDS", "")]).unwrap();
        let day = Duration::from_secs(SECONDS_PER_DAY);
        assert_eq!(default, Rules { terminal_ids: None, recheck_success_after: Some(day), retention: day * 400 });
        assert_eq!(default, Rules::default());
        let chosen = read(&[
            ("TERMINAL_IDS", "50994, 50995,"),
            ("RECHECK_SUCCESS_AFTER_SECONDS", "0"),
            ("RETENTION_DAYS", "70"),
        ])
        .unwrap();
        assert_eq!(chosen.terminal_ids, Some(BTreeSet::from(["50994".to_owned(), "50995".to_owned()])));
        assert_eq!(chosen.recheck_success_after, None);
        assert_eq!(chosen.retention, day * 70);
        let error =
            read(&[("TERMINAL_IDS", ","), ("RECHECK_SUCCESS_AFTER_SECONDS", "5184001"), ("RETENTION_DAYS", "69")]);
        assert_eq!(error.unwrap_err().problems.len(), 3);
    }
}
