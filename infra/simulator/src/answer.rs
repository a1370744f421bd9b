//! What the Status API answers: the truth, a scripted answer of one payment, or a fault.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::payment::{Change, Payment, Truth};
use crate::seed::{Seed, chance};
use crate::wire;

/// One scripted answer for one payment. Scripted answers come before faults and before the truth, first in, first out;
/// which one a query gets is decided when it arrives, so a slow answer can come after a later fast one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Answer {
    /// Wall time before the answer is sent: the asking side's time-out is not scaled either.
    #[serde(rename = "latencyMilliseconds", with = "crate::clock::milliseconds")]
    pub latency: Duration,
    /// HTTP status; 200 if absent.
    pub http: Option<u16>,
    /// Answers as if the truth were changed so; without it the truth is answered as it is shown.
    pub change: Option<Change>,
    /// Laid over the JSON: objects field by field, null removes a field.
    pub merge: Option<Value>,
    /// Instead of any JSON.
    pub raw: Option<String>,
    /// Further headers, such as `Retry-After`.
    pub headers: BTreeMap<String, String>,
    /// Closes the connection instead of answering.
    pub close: bool,
    /// For so many queries.
    pub times: u32,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            http: None,
            change: None,
            merge: None,
            raw: None,
            headers: BTreeMap::new(),
            close: false,
            times: 1,
        }
    }
}

impl Answer {
    /// The truth as the Status API shows it: for a latency, or for a turn in a script.
    pub fn truth() -> Self {
        Self::default()
    }

    /// Another status (or more) than the truth.
    pub fn showing(change: impl Into<Change>) -> Self {
        Self { change: Some(change.into()), ..Self::default() }
    }

    /// An HTTP status with a short JSON body.
    pub fn http(status: u16) -> Self {
        Self { http: Some(status), ..Self::default() }
    }

    /// HTTP 200 with a body that is no JSON.
    pub fn garbage() -> Self {
        Self { raw: Some(GARBAGE.to_owned()), ..Self::default() }
    }

    /// No answer: the connection is closed.
    pub fn closed() -> Self {
        Self { close: true, ..Self::default() }
    }

    /// With a latency in wall time.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// With JSON laid over the answer.
    #[must_use]
    pub fn merge(mut self, patch: Value) -> Self {
        self.merge = Some(patch);
        self
    }

    /// For so many queries; `u32::MAX` is for good.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// A fault of the whole Status API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Fault {
    /// The connection is closed without an answer.
    Closed,
    /// HTTP 503 with an HTML body, as a gateway in front of SPG answers.
    Unavailable,
    /// HTTP 429, with a `Retry-After` in seconds if given.
    TooManyRequests {
        #[serde(default)]
        retry_after_seconds: Option<u32>,
    },
    /// Any other HTTP status, with a body that is no JSON.
    Status { http: u16 },
    /// HTTP 200 with a body that is no JSON.
    Garbage,
    /// The truth before its last change.
    Stale,
    /// The answer comes, but only after a wall time drawn between these bounds. Adds to another fault.
    Latency { min_milliseconds: u32, max_milliseconds: u32 },
}

/// When a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    pub fault: Fault,
    /// In so many of 100 queries (drawn from the seed per payment and query); always, if absent.
    #[serde(default = "always")]
    pub percent: u8,
    /// At most so often; without a bound, if absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// Only for queries about this transaction.
    #[serde(default)]
    pub transaction_id: Option<String>,
}

fn always() -> u8 {
    100
}

impl FaultRule {
    /// The fault in `percent` of 100 queries.
    pub fn percent(fault: Fault, percent: u8) -> Self {
        Self { fault, percent, times: None, transaction_id: None }
    }

    /// The fault at the next so many queries.
    pub fn times(fault: Fault, times: u32) -> Self {
        Self { times: Some(times), ..Self::from(fault) }
    }

    /// Only for one transaction.
    #[must_use]
    pub fn only(mut self, transaction_id: &str) -> Self {
        self.transaction_id = Some(transaction_id.to_owned());
        self
    }

    fn strikes(&mut self, transaction_id: &str, rng: &mut impl Rng) -> bool {
        let meant = self.transaction_id.as_deref().is_none_or(|only| only == transaction_id);
        // Drawn in any case, so that one rule's count does not shift another rule's luck.
        let struck = chance(rng, self.percent) && meant && self.times != Some(0);
        if struck && let Some(times) = &mut self.times {
            *times -= 1;
        }
        struck
    }
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self::percent(fault, always())
    }
}

/// An answer, decided and not yet sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub http: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// Wall time before it is sent.
    pub latency: Duration,
    /// The connection is closed instead.
    pub close: bool,
    /// What was answered, for the report: a paymentStatus or a fault's name.
    pub what: String,
}

const GARBAGE: &str = "<html><body>It works!</body></html>";
const UNAVAILABLE: &str = "<html><body><h1>503 Service Unavailable</h1></body></html>";

impl Reply {
    /// A JSON body.
    pub fn json(http: u16, body: &Value, what: &str) -> Self {
        let headers = BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())]);
        Self { http, headers, body: body.to_string(), latency: Duration::ZERO, close: false, what: what.to_owned() }
    }

    /// SPG's error in JSON.
    pub fn error(http: u16, code: &str, description: &str) -> Self {
        let body =
            json!({"returnStatus": {"statusCode": code, "statusMsg": "Error", "statusDescription": description}});
        Self::json(http, &body, description)
    }

    fn html(http: u16, body: &str, what: &str) -> Self {
        let headers = BTreeMap::from([("Content-Type".to_owned(), "text/html".to_owned())]);
        Self { http, headers, body: body.to_owned(), latency: Duration::ZERO, close: false, what: what.to_owned() }
    }

    /// The truth in SPG's words.
    pub fn truth(payment: &Payment, truth: &Truth) -> Self {
        Self::json(200, &wire::status_answer(payment, truth), truth.status.as_str())
    }

    /// What a script says.
    pub fn scripted(answer: &Answer, payment: &Payment, shown: &Truth) -> Self {
        let mut reply = Self::scripted_body(answer, payment, shown);
        reply.headers.extend(answer.headers.clone());
        reply.latency = answer.latency;
        reply.close = answer.close;
        if answer.close {
            "closed".clone_into(&mut reply.what);
        }
        reply
    }

    fn scripted_body(answer: &Answer, payment: &Payment, shown: &Truth) -> Self {
        let http = answer.http.unwrap_or(200);
        if let Some(raw) = &answer.raw {
            return Self::html(http, raw, "raw");
        }
        if http >= 300 && answer.change.is_none() && answer.merge.is_none() {
            return Self::error(http, "T9999", &format!("scripted {http}"));
        }
        let truth =
            answer.change.as_ref().map_or_else(|| shown.clone(), |change| shown.after(change, payment.method()));
        let mut body = wire::status_answer(payment, &truth);
        if let Some(patch) = &answer.merge {
            wire::merge(&mut body, patch);
        }
        let what = body["paymentStatus"].as_str().unwrap_or("no status").to_owned();
        Self::json(http, &body, &what)
    }
}

/// Lays the faults that strike over an answer. `query` counts the queries about this transaction.
pub fn apply_faults(
    reply: Reply,
    stale: Option<Reply>,
    rules: &mut [FaultRule],
    seed: Seed,
    id: &str,
    query: u64,
) -> Reply {
    let mut answer = reply;
    let mut latency = Duration::ZERO;
    let mut replaced = false;
    for (number, rule) in rules.iter_mut().enumerate() {
        let mut rng = seed.stream("fault", &format!("{number}/{query}/{id}"));
        if replaced && !matches!(rule.fault, Fault::Latency { .. }) {
            continue;
        }
        if !rule.strikes(id, &mut rng) {
            continue;
        }
        let faulty = match rule.fault {
            Fault::Latency { min_milliseconds, max_milliseconds } => {
                let drawn = rng.random_range(min_milliseconds..=max_milliseconds.max(min_milliseconds));
                latency += Duration::from_millis(drawn.into());
                continue;
            }
            Fault::Closed => Reply { close: true, ..Reply::html(503, "", "closed") },
            Fault::Unavailable => Reply::html(503, UNAVAILABLE, "503"),
            Fault::TooManyRequests { retry_after_seconds } => {
                let mut reply = Reply::error(429, "T9999", "429");
                reply
                    .headers
                    .extend(retry_after_seconds.map(|seconds| ("Retry-After".to_owned(), seconds.to_string())));
                reply
            }
            Fault::Status { http } => Reply::html(http, "upstream error", &http.to_string()),
            Fault::Garbage => Reply::html(200, GARBAGE, "garbage"),
            Fault::Stale => {
                stale.clone().map_or_else(|| answer.clone(), |old| Reply { what: format!("stale {}", old.what), ..old })
            }
        };
        (answer, replaced) = (faulty, true);
    }
    answer.latency += latency;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rules: &mut [FaultRule], seed: u64, queries: u64) -> Vec<String> {
        let good = Reply::json(200, &json!({}), "truth");
        (0..queries).map(|n| apply_faults(good.clone(), None, rules, Seed(seed), "t", n).what).collect()
    }

    #[test]
    fn a_count_runs_out_and_the_next_rule_takes_over() {
        let mut rules = [FaultRule::times(Fault::Garbage, 2), FaultRule::times(Fault::Closed, 1)];
        assert_eq!(run(&mut rules, 1, 4), ["garbage", "garbage", "closed", "truth"]);
    }

    #[test]
    fn a_share_replays_with_the_seed() {
        let rules = || [FaultRule::percent(Fault::Unavailable, 30)];
        let first = run(&mut rules(), 1, 1000);
        assert_eq!(first, run(&mut rules(), 1, 1000));
        assert_ne!(first, run(&mut rules(), 2, 1000));
        let struck = first.iter().filter(|what| *what == "503").count();
        assert!((250..350).contains(&struck), "{struck} of 1000");
    }

    #[test]
    fn a_rule_may_be_meant_for_one_transaction() {
        let mut rules = [FaultRule::from(Fault::Garbage).only("another")];
        assert_eq!(run(&mut rules, 1, 2), ["truth", "truth"]);
    }

    #[test]
    fn latency_adds_to_another_fault() {
        let slow = Fault::Latency { min_milliseconds: 20, max_milliseconds: 30 };
        let mut rules = [FaultRule::from(Fault::Garbage), FaultRule::from(slow)];
        let reply = apply_faults(Reply::json(200, &json!({}), "truth"), None, &mut rules, Seed(1), "t", 0);
        assert_eq!(reply.what, "garbage");
        assert!((20..=30).contains(&reply.latency.as_millis()));
    }

    #[test]
    fn rules_read_from_json() {
        let rule: FaultRule =
            serde_json::from_str(r#"{"fault":{"kind":"tooManyRequests","retryAfterSeconds":3},"times":2}"#).unwrap();
        assert_eq!(rule, FaultRule::times(Fault::TooManyRequests { retry_after_seconds: Some(3) }, 2));
        assert!(serde_json::from_str::<FaultRule>(r#"{"fault":{"kind":"latency"}}"#).is_err());
    }
}
