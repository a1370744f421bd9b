//! What the command takes.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use scale::outage::ApiTraits;

/// What the system does when there is very much of everything; results are printed and lie as JSON in target/scale/
#[derive(Parser)]
#[command(name = "cargo xtask scale", bin_name = "cargo xtask scale")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// The real sweep over an embedded DynamoDB: its cost as what is stored grows, and as what is due grows (minutes, 3 GB)
    Sweep(SweepOptions),
    /// An outage of the Status API under full traffic, in virtual time: how long until everything is confirmed again
    Outage(OutageOptions),
    /// From the webhook to the event on the bus, by the real function processes one after the other
    Latency(LatencyOptions),
    /// Very many notifications a second, in virtual time: processors at work, writes to each shard of the due index
    Rate(RateOptions),
    /// How evenly the due index's shards are filled
    Shards,
    /// Transactions that fall due one after the other, in virtual time: what sweeps cost, and whether they keep up
    Steady(SteadyOptions),
}

#[derive(Args)]
pub struct SweepOptions {
    /// Only this case: so many stored transactions that are not due
    #[arg(long, value_name = "N", requires = "due")]
    pub stored: Option<u64>,
    /// Only this case: so many that are due
    #[arg(long, value_name = "N", requires = "stored")]
    pub due: Option<u64>,
    /// Percent of what is due that lie in one of the shards
    #[arg(long, value_name = "PERCENT", default_value_t = 50)]
    pub crowded: u64,
    /// What the Status API takes for an answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency: u64,
}

#[derive(Args)]
pub struct Modelled {
    /// What the Status API takes for an answer; several may be given, by commas
    #[arg(long, value_name = "MS", value_delimiter = ',', default_values_t = [50, 100, 500])]
    pub latency: Vec<u64>,
    /// Queries a second that the Status API takes; more are answered 429
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Of a thousand queries, so many are answered after 20 s only
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub slow: u32,
    /// What a call of the table takes
    #[arg(long, value_name = "MS", default_value_t = 8)]
    pub store: u64,
    /// How far the due index lags behind the table
    #[arg(long, value_name = "MS", default_value_t = 50)]
    pub index_lag: u64,
    /// Queries that a sweep asks at once, instead of what the product does
    #[arg(long, value_name = "N")]
    pub concurrent: Option<usize>,
}

#[derive(Args)]
pub struct OutageOptions {
    /// Notifications
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub per_second: u32,
    /// How long the Status API is away
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub minutes: u64,
    /// After so many hours it is given up
    #[arg(long, value_name = "N", default_value_t = 24)]
    pub hours_max: u64,
    #[command(flatten)]
    pub modelled: Modelled,
}

#[derive(Args)]
pub struct SteadyOptions {
    /// What falls due; several may be given, by commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 10, 100])]
    pub per_second: Vec<u32>,
    /// How long it is watched
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub minutes: u64,
    #[command(flatten)]
    pub modelled: Modelled,
}

#[derive(Args)]
pub struct LatencyOptions {
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub payments: usize,
    /// What the Status API takes for an answer; several may be given, by commas
    #[arg(long, value_name = "MS", value_delimiter = ',', default_values_t = [50, 100, 500])]
    pub latency: Vec<u64>,
    /// What each call of an AWS service takes; several may be given, by commas
    #[arg(long, value_name = "MS", value_delimiter = ',', default_values_t = [0, 10])]
    pub aws: Vec<u64>,
}

#[derive(Args)]
pub struct RateOptions {
    /// Notifications
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub per_second: u32,
    /// Notifications in a batch of the queue; several may be given, by commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 10])]
    pub batch: Vec<u32>,
    /// How long it is watched
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub seconds: u64,
    #[command(flatten)]
    pub modelled: Modelled,
}

impl Modelled {
    /// The Status API, at each of the latencies.
    pub fn apis(&self) -> impl Iterator<Item = ApiTraits> {
        self.latency.iter().map(|latency| ApiTraits {
            latency: Duration::from_millis(*latency),
            slow_per_mille: self.slow,
            slow_latency: Duration::from_secs(20),
            limit_per_second: self.limit,
        })
    }
}
