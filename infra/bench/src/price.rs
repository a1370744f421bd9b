//! What a million notifications cost.

use std::error::Error;
use std::fs;

use rust_decimal::prelude::FromPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use spg_local::workspace;

use crate::contender::Contender;
use crate::figures::Figure;

const FILE: &str = "infra/bench/prices.toml";
/// Lambda gives a whole processor at this memory, and below it a share.
const MEMORY_OF_A_PROCESSOR_MB: u64 = 1769;
const MEGABYTES_PER_GB: u64 = 1024;
const BYTES_PER_GB: u64 = 1_000_000_000;
const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
const MILLISECONDS_PER_SECOND: u64 = 1000;
/// Bytes of one notification are gigabytes of so many.
const MILLION: u64 = 1_000_000;

/// The dated table in the repository.
#[derive(Debug, Clone, Deserialize)]
pub struct Prices {
    pub region: String,
    pub published: String,
    usd: Usd,
    assumed: Assumed,
}

#[derive(Debug, Clone, Deserialize)]
struct Usd {
    #[serde(deserialize_with = "exact")]
    http_api_million_requests: Decimal,
    #[serde(deserialize_with = "exact")]
    lambda_million_requests: Decimal,
    #[serde(deserialize_with = "exact")]
    lambda_million_gb_seconds: Decimal,
    #[serde(deserialize_with = "exact")]
    sqs_million_requests: Decimal,
    #[serde(deserialize_with = "exact")]
    dynamodb_million_write_units: Decimal,
    #[serde(deserialize_with = "exact")]
    dynamodb_million_read_units: Decimal,
    #[serde(deserialize_with = "exact")]
    event_bridge_million_events: Decimal,
    #[serde(deserialize_with = "exact")]
    logs_gb: Decimal,
}

#[derive(Debug, Clone, Deserialize)]
struct Assumed {
    lambda_log_bytes_per_invocation: u64,
    access_log_bytes_per_request: u64,
    log_bytes_per_line: u64,
}

/// Dollars per million new notifications.
#[derive(Debug, Clone)]
pub struct Price {
    /// Notifications in one invocation of the processor.
    pub batch: usize,
    pub billed_ms_ack: Decimal,
    pub billed_ms_processor: Decimal,
    pub log_bytes: Decimal,
    pub lines: Vec<(&'static str, Decimal)>,
    pub sum: Decimal,
    /// Not in the sum.
    pub apart: Vec<(&'static str, Decimal)>,
}

/// What is priced: the counts, and how long an invocation takes with the waits.
pub struct Priced<'a> {
    pub ack: &'a Figure,
    pub ack_wall_ns: u64,
    pub processor: &'a Figure,
    pub processor_wall_ns: u64,
    pub memory_mb: u32,
}

impl Prices {
    /// # Errors
    /// The file is not there or not as expected.
    pub fn read() -> Result<Self, Box<dyn Error>> {
        let path = workspace().join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)
    }

    /// A million notifications, each new and final.
    pub fn of(&self, priced: &Priced<'_>) -> Option<Price> {
        let usd = &self.usd;
        let batch = Decimal::from(priced.processor.notifications.max(1));
        let once_a_batch = |value: Decimal| value / batch;
        let billed_ms_ack = billed_ms(priced.ack, priced.ack_wall_ns, priced.memory_mb);
        let billed_ms_processor = billed_ms(priced.processor, priced.processor_wall_ns, priced.memory_mb);
        let gigabytes = Decimal::from(priced.memory_mb) / Decimal::from(MEGABYTES_PER_GB);
        let seconds = (billed_ms_ack + once_a_batch(billed_ms_processor)) / Decimal::from(MILLISECONDS_PER_SECOND);
        let log_bytes = self.log_bytes(priced)?;
        // Lambda receives a batch by one request and deletes it by another.
        let queue = decimal(priced.ack.called("sqs:"))?
            + once_a_batch(decimal(priced.processor.called("sqs:"))?)
            + once_a_batch(Decimal::TWO);
        let units = |units: f64| Some(once_a_batch(decimal(units)?));
        let lines = vec![
            ("HTTP API", usd.http_api_million_requests),
            ("Lambda, invocations", usd.lambda_million_requests * (Decimal::ONE + once_a_batch(Decimal::ONE))),
            ("Lambda, time", usd.lambda_million_gb_seconds * gigabytes * seconds),
            ("SQS", usd.sqs_million_requests * queue),
            ("DynamoDB, writes", usd.dynamodb_million_write_units * units(priced.processor.write_units)?),
            ("DynamoDB, reads", usd.dynamodb_million_read_units * units(priced.processor.read_units)?),
            ("Logs", usd.logs_gb * log_bytes * Decimal::from(MILLION) / Decimal::from(BYTES_PER_GB)),
        ];
        let sum = lines.iter().map(|(_, dollars)| dollars).sum();
        let mut apart = vec![("published events", usd.event_bridge_million_events)];
        // The peers ask no second time and find nothing whose webhook is lost.
        if priced.processor.contender == Contender::Project {
            apart.push(("index writes", usd.dynamodb_million_write_units * units(priced.processor.index_units)?));
            // An eventually consistent read, a write, and the entry taken out of the index; the sweeper's time and logs are in docs/use/cost.md.
            let recheck =
                usd.dynamodb_million_write_units * Decimal::TWO + usd.dynamodb_million_read_units / Decimal::TWO;
            apart.push(("recheck of Success", recheck));
        }
        Some(Price {
            batch: priced.processor.notifications,
            billed_ms_ack,
            billed_ms_processor,
            log_bytes,
            lines,
            sum,
            apart,
        })
    }

    /// Of one notification: the functions' own lines and what AWS adds.
    fn log_bytes(&self, priced: &Priced<'_>) -> Option<Decimal> {
        let per_line = Decimal::from(self.assumed.log_bytes_per_line);
        let of = |figure: &Figure| {
            let own = decimal(figure.log_bytes)? + decimal(figure.log_lines)? * per_line;
            Some(own + Decimal::from(self.assumed.lambda_log_bytes_per_invocation))
        };
        let batch = Decimal::from(priced.processor.notifications.max(1));
        let access = Decimal::from(self.assumed.access_log_bytes_per_request);
        Some(of(priced.ack)? + of(priced.processor)? / batch + access)
    }
}

impl Price {
    /// Dollars as text, so that no reader makes floats of them.
    pub fn json(&self) -> Value {
        let lines = |lines: &[(&str, Decimal)]| -> Value {
            lines.iter().map(|(name, dollars)| ((*name).to_owned(), Value::from(cents(*dollars)))).collect()
        };
        json!({
            "batch": self.batch,
            "billedMillisecondsAck": self.billed_ms_ack.to_string(),
            "billedMillisecondsProcessor": self.billed_ms_processor.to_string(),
            "logBytesPerNotification": self.log_bytes.round().to_string(),
            "usdPerMillion": lines(&self.lines),
            "usdPerMillionSum": cents(self.sum),
            "usdPerMillionApart": lines(&self.apart),
        })
    }
}

/// Rounded as it is shown.
pub fn cents(dollars: Decimal) -> String {
    format!("{:.2}", dollars.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
}

/// Prices are text in the file: a number would become a float.
fn exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// What Lambda bills, rounded up to a millisecond: the time with the waits, and what computing takes longer on a share of a processor.
fn billed_ms(figure: &Figure, wall_ns: u64, memory_mb: u32) -> Decimal {
    let memory = u64::from(memory_mb).min(MEMORY_OF_A_PROCESSOR_MB);
    let throttled = u128::from(figure.cpu_ns) * u128::from(MEMORY_OF_A_PROCESSOR_MB - memory) / u128::from(memory);
    let nanoseconds = Decimal::from(u128::from(wall_ns) + throttled);
    (nanoseconds / Decimal::from(NANOSECONDS_PER_MILLISECOND)).round_dp_with_strategy(0, RoundingStrategy::AwayFromZero)
}

fn decimal(value: f64) -> Option<Decimal> {
    Decimal::from_f64(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::contender::Role;
    use crate::work::Row;

    fn figure(role: Role, row: Row, notifications: usize) -> Figure {
        Figure {
            contender: Contender::Project,
            role,
            row,
            notifications,
            cpu_ns: 1_000_000,
            cpu_ns_range: (0, 0),
            p50_ns: 0,
            calls: BTreeMap::new(),
            queries: 0.0,
            read_units: 0.0,
            write_units: 0.0,
            index_units: 0.0,
            log_bytes: 0.0,
            log_lines: 0.0,
            instructions: None,
            wrong: None,
        }
    }

    #[test]
    fn a_share_of_a_processor_takes_longer_and_time_is_billed_in_milliseconds() {
        let ack = figure(Role::Ack, Row::Accepted, 1);
        assert_eq!(billed_ms(&ack, 5_000_000, 1769), Decimal::from(5));
        assert_eq!(billed_ms(&ack, 5_000_001, 10240), Decimal::from(6));
        // 1 ms of computing takes 6.91 ms at 256 MB.
        assert_eq!(billed_ms(&ack, 5_000_000, 256), Decimal::from(11));
    }

    #[test]
    fn the_sum_is_that_of_its_lines_and_a_batch_shares_what_it_costs_once() {
        let prices = Prices::read().unwrap();
        let mut ack = figure(Role::Ack, Row::Accepted, 1);
        ack.calls.insert("sqs:SendMessage".to_owned(), 1.0);
        let mut processor = figure(Role::Processor, Row::Distinct, 10);
        processor.write_units = 10.0;
        let priced = Priced { ack: &ack, ack_wall_ns: 0, processor: &processor, processor_wall_ns: 0, memory_mb: 1769 };
        let price = prices.of(&priced).unwrap();
        assert_eq!(price.sum, price.lines.iter().map(|(_, dollars)| dollars).sum::<Decimal>());
        let line = |name: &str| price.lines.iter().find(|(line, _)| *line == name).unwrap().1;
        assert_eq!(line("SQS"), prices.usd.sqs_million_requests * Decimal::new(12, 1));
        assert_eq!(line("Lambda, invocations"), prices.usd.lambda_million_requests * Decimal::new(11, 1));
        assert_eq!(line("DynamoDB, writes"), prices.usd.dynamodb_million_write_units);
    }

    #[test]
    fn the_cost_page_has_the_same_prices() {
        let prices = Prices::read().unwrap().usd;
        let page = fs::read_to_string(workspace().join("docs/use/cost.md")).unwrap();
        let rows: Vec<Vec<&str>> = page.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        let told = |name: &str| {
            let row = rows.iter().find(|row| row.len() == 7 && row[1].starts_with(name));
            row.unwrap_or_else(|| panic!("{name} is not on the page"))[4].parse::<Decimal>().unwrap()
        };
        let expected = [
            ("API Gateway", prices.http_api_million_requests),
            ("Lambda, invocations", prices.lambda_million_requests),
            ("Lambda, arm64", prices.lambda_million_gb_seconds),
            ("SQS requests", prices.sqs_million_requests),
            ("DynamoDB write units", prices.dynamodb_million_write_units),
            ("DynamoDB read units", prices.dynamodb_million_read_units),
            ("EventBridge", prices.event_bridge_million_events),
            ("Logs taken in", prices.logs_gb),
        ];
        for (name, price) in expected {
            assert_eq!(told(name), price, "{name}");
        }
    }
}
