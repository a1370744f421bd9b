//! The real sweep and the real ledger over an embedded DynamoDB that counts: what a sweep costs where much is stored, much is due,
//! and one shard has more of it than the others.

use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{Client, Config};
use serde::Serialize;
use serde_json::{Value, json};
use spg_domain::{Reply, Rules, Timestamp, Transaction, TransactionId};
use spg_ledger::{Ledger, to_item};
use spg_reconcile::{CircuitBreaker, Reconciler, StatusApi, StatusQuery};
use spg_time::{Clock as _, SystemClock};
use sweeper::StoreFailed;
use tests::{Aws, Table, aws};

use crate::figures::millis;
use crate::payments;

/// The shard that has more than its share.
const CROWDED_SHARD: u32 = 3;
/// As the template says.
const SWEEPER_TIMEOUT: Duration = Duration::from_secs(60);
/// Of the stored transactions, one in so many will be queried once more tomorrow: it is in the index and not due.
const UPCOMING_ONE_IN: u64 = 10;
const HOUR_MILLIS: u64 = 3_600_000;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A sweep that does not get on would be started for ever.
const INVOCATIONS_MAX: usize = 1000;

/// What is stored and what is due of it.
#[derive(Debug, Clone, Copy)]
pub struct SweepSpec {
    /// Transactions that are not due.
    pub stored: u64,
    pub due: u64,
    /// So many percent of what is due lie in one shard, the rest where their ids say.
    pub crowded_percent: u64,
    /// What the Status API takes for an answer.
    pub latency: Duration,
}

/// What it came to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepFigures {
    pub stored: u64,
    pub due: u64,
    pub crowded_percent: u64,
    pub latency_milliseconds: u64,
    /// Sweeps until nothing was due, the one included that finds the rest; each has a minute.
    pub invocations: usize,
    pub status_queries: usize,
    pub index_queries: usize,
    pub batch_gets: usize,
    pub updates: usize,
    /// Of Query and BatchGetItem together.
    pub read_units: f64,
    pub write_units: f64,
    pub read_units_per_due: f64,
    pub took_milliseconds: u64,
    pub microseconds_per_due: u64,
    /// Confirmed in the end; all, or something is wrong.
    pub confirmed: usize,
}

/// Fills a table of its own and sweeps it until nothing is due. `tell` hears how far it is.
///
/// # Errors
/// The table did not take everything.
pub async fn measure(spec: SweepSpec, mut tell: impl FnMut(&str)) -> Result<SweepFigures, StoreFailed> {
    let aws = Aws::start();
    let now = SystemClock.now();
    fill(aws.table(), spec, now, &mut tell);
    let reconciler = Reconciler {
        store: Ledger::new(client(&aws.endpoint()), Table::NAME, Table::DUE_INDEX).eventually_consistent(),
        status_api: Succeeds { latency: spec.latency },
        clock: SystemClock,
        rules: Rules::default(),
        query_timeout: sweeper::QUERY_TIMEOUT,
        circuit_breaker: CircuitBreaker::default(),
    };
    let queries_concurrent = sweeper::QUERIES_CONCURRENT_DEFAULT;
    let sweep = sweeper::Sweep { reconciler, queries_concurrent };
    let mut counted = Counted::default();
    let (mut invocations, mut confirmed, mut status_queries) = (0, 0, 0);
    let began = Instant::now();
    while (confirmed as u64) < spec.due && invocations < INVOCATIONS_MAX {
        let (swept, _) = sweep.sweep(SystemClock.now() + SWEEPER_TIMEOUT).await;
        let report = swept?;
        invocations += 1;
        status_queries += report.settlements.iter().map(|it| it.queries.len()).sum::<usize>();
        confirmed += report.settlements.iter().filter(|it| is_confirmed(it)).count();
        counted.take(&aws);
        tell(&format!("sweep {invocations}: {confirmed} of {} confirmed", spec.due));
    }
    let took = began.elapsed();
    #[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a ratio for people, not money")]
    let read_units_per_due = counted.read_units / spec.due.max(1) as f64;
    Ok(SweepFigures {
        stored: spec.stored,
        due: spec.due,
        crowded_percent: spec.crowded_percent,
        latency_milliseconds: millis(spec.latency),
        invocations,
        status_queries,
        index_queries: counted.queries,
        batch_gets: counted.batch_gets,
        updates: counted.updates,
        read_units: counted.read_units,
        write_units: counted.write_units,
        read_units_per_due,
        took_milliseconds: millis(took),
        microseconds_per_due: u64::try_from(took.as_micros()).unwrap_or(u64::MAX) / spec.due.max(1),
        confirmed,
    })
}

fn is_confirmed(settlement: &spg_reconcile::Settlement) -> bool {
    settlement.write.as_ref().is_some_and(|write| write.transaction.lifecycle.as_final().is_some())
}

/// Calls and units so far. They are taken away from the endpoint after each sweep: it keeps every request otherwise.
#[derive(Debug, Default)]
struct Counted {
    queries: usize,
    batch_gets: usize,
    updates: usize,
    read_units: f64,
    write_units: f64,
}

impl Counted {
    #[expect(clippy::float_arithmetic, reason = "DynamoDB counts in halves of a unit; this is not money")]
    fn take(&mut self, aws: &Aws) {
        for call in aws.calls() {
            match call.operation.as_str() {
                "dynamodb:Query" => {
                    self.queries += 1;
                    self.read_units += call.capacity_units;
                }
                "dynamodb:BatchGetItem" => {
                    self.batch_gets += 1;
                    self.read_units += call.capacity_units;
                }
                "dynamodb:UpdateItem" => {
                    self.updates += 1;
                    self.write_units += call.capacity_units;
                }
                other => debug_assert!(other.starts_with("http:"), "{other}"),
            }
        }
        aws.reset();
    }
}

fn fill(table: &Table, spec: SweepSpec, now: Timestamp, tell: &mut impl FnMut(&str)) {
    let total = spec.stored + spec.due;
    for n in 0..total {
        if n > 0 && n.is_multiple_of(100_000) {
            tell(&format!("{n} of {total} stored"));
        }
        if n < spec.stored {
            table.put_raw(&item_of(&settled(n, now)));
            continue;
        }
        let (n, due) = (n - spec.stored, spec.due);
        // Since an hour ago, evenly.
        let due_since = Timestamp::from_millis(now.millis() - 1 - (due - n - 1) * HOUR_MILLIS / due);
        let mut transaction = payments::unconfirmed(&payments::id('d', n), due_since);
        transaction.next_check_at = Some(due_since);
        let mut item = item_of(&transaction);
        if n % 100 < spec.crowded_percent {
            item["dueShard"] = json!({"N": CROWDED_SHARD.to_string()});
        }
        table.put_raw(&item);
    }
    tell(&format!("{total} stored, {} of them due", spec.due));
}

fn settled(n: u64, now: Timestamp) -> Transaction {
    let id: TransactionId = payments::id('s', n);
    if n.is_multiple_of(UPCOMING_ONE_IN) {
        payments::confirmed(&id, now - DAY / 4)
    } else {
        payments::rechecked(&id, now - 2 * DAY)
    }
}

/// In DynamoDB's JSON.
fn item_of(transaction: &Transaction) -> Value {
    #[expect(clippy::expect_used, reason = "items are JSON")]
    serde_json::to_value(to_item(transaction)).expect("JSON")
}

fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new(aws::REGION))
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

/// Says Success of everything.
#[derive(Debug)]
struct Succeeds {
    latency: Duration,
}

impl StatusApi for Succeeds {
    async fn query(&self, query: &StatusQuery) -> Reply {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let result = Ok(payments::success(&query.transaction_id));
        Reply { result, http_status: None, return_code: None, retry_after: None, problem: None }
    }
}
