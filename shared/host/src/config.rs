//! The parts of the configuration that more than one function has. What only one has is read in its own crate.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_types::region::Region;

use crate::Env;

const SECONDS_PER_DAY: u64 = 24 * 3600;
const RECHECK_SECONDS_DEFAULT: u64 = SECONDS_PER_DAY;
const RECHECK_SECONDS_MAX: u64 = 60 * SECONDS_PER_DAY;
const RETENTION_DAYS_DEFAULT: u64 = 400;
/// SPG repeats a webhook for two months: what it is recognised by must live longer.
const RETENTION_DAYS_MIN: u64 = 70;
const RETENTION_DAYS_MAX: u64 = 3650;

/// What AWS's clients are made of: given by Lambda's environment, never searched for.
#[derive(Clone)]
pub struct AwsConfig {
    pub region: Region,
    pub credentials: Credentials,
    /// All clients go there instead of to AWS: the local stack and the tests.
    pub endpoint_url: Option<String>,
}

/// What the merchant can choose about its transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesConfig {
    /// The merchant's terminals; none means that all are ours.
    pub terminal_ids: Option<BTreeSet<String>>,
    /// None turns it off.
    pub recheck_success_after: Option<Duration>,
    pub retention: Duration,
}

/// Where the Status API is and which secret opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusApiConfig {
    /// Up to and with the version, without a trailing slash.
    pub url: String,
    /// Name or ARN of the secret with the credentials.
    pub secret: String,
}

impl AwsConfig {
    pub fn read(env: &mut Env) -> Option<Self> {
        const EXPECTED: &str = "what Lambda sets";
        let region = env.required("AWS_REGION", EXPECTED);
        let key = env.required("AWS_ACCESS_KEY_ID", EXPECTED);
        let secret = env.required("AWS_SECRET_ACCESS_KEY", EXPECTED);
        let token = env.optional("AWS_SESSION_TOKEN");
        let endpoint_url = env.parsed("AWS_ENDPOINT_URL", None, "an http or https address", |url| {
            let known = url.starts_with("http://") || url.starts_with("https://");
            known.then(|| Some(url.trim_end_matches('/').to_owned()))
        });
        Some(Self {
            region: Region::new(region?),
            credentials: Credentials::new(key?, secret?, token, None, "environment"),
            endpoint_url: endpoint_url?,
        })
    }
}

impl RulesConfig {
    /// `TERMINAL_IDS` (comma-separated), `RECHECK_SUCCESS_AFTER_SECONDS` (0 is off) and `RETENTION_DAYS`.
    pub fn read(env: &mut Env) -> Option<Self> {
        let terminal_ids = env.optional("TERMINAL_IDS").map(|ids| {
            let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
            ids.map(str::to_owned).collect::<BTreeSet<_>>()
        });
        if terminal_ids.as_ref().is_some_and(BTreeSet::is_empty) {
            env.problem("TERMINAL_IDS", "names none", "terminal ids separated by commas, or nothing for all");
        }
        let recheck = env.number("RECHECK_SUCCESS_AFTER_SECONDS", RECHECK_SECONDS_DEFAULT, 0..=RECHECK_SECONDS_MAX);
        let retention = env.number("RETENTION_DAYS", RETENTION_DAYS_DEFAULT, RETENTION_DAYS_MIN..=RETENTION_DAYS_MAX);
        Some(Self {
            terminal_ids,
            recheck_success_after: Some(recheck?).filter(|s| *s > 0).map(Duration::from_secs),
            retention: Duration::from_secs(retention? * SECONDS_PER_DAY),
        })
    }
}

impl StatusApiConfig {
    /// `STATUS_API_URL` and `STATUS_API_SECRET`.
    pub fn read(env: &mut Env) -> Option<Self> {
        let url = env.url("STATUS_API_URL");
        let secret = env.required("STATUS_API_SECRET", "the name or ARN of the secret with the credentials");
        Some(Self { url: url?, secret: secret? })
    }
}

/// No credentials.
impl fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsConfig")
            .field("region", &self.region)
            .field("endpoint_url", &self.endpoint_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const AWS: [(&str, &str); 4] = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "geheim"),
        ("AWS_SESSION_TOKEN", "auch geheim"),
    ];

    #[test]
    fn aws_from_lambdas_environment() {
        let config = Env::from_pairs(AWS).read(AwsConfig::read).unwrap();
        assert_eq!(config.region.as_ref(), "eu-west-1");
        assert_eq!(config.credentials.session_token(), Some("auch geheim"));
        assert_eq!(config.endpoint_url, None);
        assert!(!format!("{config:?}").contains("geheim"));
        let error = Env::from_pairs([("AWS_ENDPOINT_URL", "localhost:1")]).read(AwsConfig::read).unwrap_err();
        assert_eq!(error.problems.len(), 4, "{error}");
    }

    #[test]
    fn rules_have_defaults_and_bounds() {
        let read =
            |pairs: &[(&'static str, &'static str)]| Env::from_pairs(pairs.iter().copied()).read(RulesConfig::read);
        let default = read(&[("TERMINAL_IDS", "")]).unwrap();
        let day = Duration::from_secs(SECONDS_PER_DAY);
        assert_eq!(default, RulesConfig { terminal_ids: None, recheck_success_after: Some(day), retention: day * 400 });
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
