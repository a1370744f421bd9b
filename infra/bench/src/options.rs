//! What can be chosen.

use std::path::PathBuf;

use clap::Parser;

/// Cost and speed of spg-webhooks, measured side by side with a bare Rust function (the floor) and with the same work written with
/// Powertools for AWS Lambda in Python and in TypeScript (the peers).
///
/// Everything runs as real processes against a Lambda Runtime API and against endpoints on this machine that count every call.
/// Rounds are interleaved and medians are told. A row with any wrong answer is void.
#[derive(Parser, Debug, Clone)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", max_term_width = 100)]
pub struct Options {
    /// Rounds; each starts every process anew
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Measured invocations of each row in each round
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=2000))]
    pub invocations: u32,
    /// Two rounds of 60 invocations: for a look, not for a figure that is told
    #[arg(long)]
    pub quick: bool,
    /// Leave out what needs Python, Node.js and packages from their registries
    #[arg(long)]
    pub without_peers: bool,
    /// Count instructions of floor and project under valgrind, which must be installed
    #[arg(long)]
    pub instructions: bool,
    /// Measure every row over TLS; without it only the first invocation is
    #[arg(long)]
    pub tls: bool,
    /// Records of one SQS batch, for the row of distinct transactions and for the price
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub batch: u32,
    /// How long the queue takes to answer, in the pass that is timed for the price
    #[arg(long, value_name = "MS", default_value_t = 5)]
    pub queue_ms: u64,
    /// The same for the table
    #[arg(long, value_name = "MS", default_value_t = 5)]
    pub store_ms: u64,
    /// The same for the Status API
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub status_api_ms: u64,
    /// Memory of a function in MB, which is also its share of a processor, for the price
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(128..=10240))]
    pub memory: u32,
    /// Where the figures go as JSON [default: target/bench/bench.json]
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Show the figures of this file instead of measuring, with the prices and goals of today
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Put the figures and the plot into docs/evidence/performance.md
    #[arg(long)]
    pub document: bool,
}

impl Options {
    /// What `--quick` stands for.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.quick {
            self.rounds = 2;
            self.invocations = 60;
        }
        self
    }
}
