//! Plays what was asked for, prints it as a table and saves it.

use std::error::Error;
use std::time::Duration;

use scale::figures::{Times, in_words, save};
use scale::latency::{LatencyFigures, LatencySpec};
use scale::outage::{OutageFigures, OutageSpec};
use scale::rate::{RateFigures, RateSpec};
use scale::steady::{SteadyFigures, SteadySpec};
use scale::sweep::{SweepFigures, SweepSpec};
use scale::{latency, outage, rate, steady, sweep};
use spg_domain::Rules;

use crate::cli::{LatencyOptions, OutageOptions, RateOptions, SteadyOptions, SweepOptions};

pub fn sweeps(options: &SweepOptions) -> Result<(), Box<dyn Error>> {
    let cases = match (options.stored, options.due) {
        (Some(stored), Some(due)) => vec![(stored, due)],
        // What is stored grows, then what is due.
        _ => vec![(10_000, 10_000), (100_000, 10_000), (1_000_000, 10_000), (100_000, 1_000), (100_000, 100_000)],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut figures: Vec<SweepFigures> = Vec::new();
    for (stored, due) in cases {
        let latency = Duration::from_millis(options.latency);
        let spec = SweepSpec { stored, due, crowded_percent: options.crowded, latency };
        figures.push(runtime.block_on(sweep::measure(spec, |text| eprintln!("{text}")))?);
    }
    println!(
        "{:>9} {:>7} {:>11} {:>9} {:>8} {:>9} {:>8} {:>10} {:>11} {:>14} {:>11}",
        "stored",
        "due",
        "sweeps",
        "queries",
        "index",
        "batchgets",
        "updates",
        "readunits",
        "writeunits",
        "reads per due",
        "us per due"
    );
    for it in &figures {
        println!(
            "{:>9} {:>7} {:>11} {:>9} {:>8} {:>9} {:>8} {:>10.1} {:>11.1} {:>14.4} {:>11}",
            it.stored,
            it.due,
            it.invocations,
            it.status_queries,
            it.index_queries,
            it.batch_gets,
            it.updates,
            it.read_units,
            it.write_units,
            it.read_units_per_due,
            it.microseconds_per_due
        );
    }
    println!("results: {}", save("sweep", &figures)?.display());
    match figures.iter().find(|it| it.confirmed as u64 != it.due) {
        Some(it) => Err(format!("{} of {} confirmed", it.confirmed, it.due).into()),
        None => Ok(()),
    }
}

pub fn outages(options: &OutageOptions) -> Result<(), Box<dyn Error>> {
    let mut figures: Vec<OutageFigures> = Vec::new();
    for api in options.modelled.apis() {
        eprintln!("Status API at {} ms", api.latency.as_millis());
        let spec = OutageSpec {
            per_second: options.per_second,
            outage: Duration::from_secs(60 * options.minutes),
            give_up_after: Duration::from_secs(3600 * options.hours_max),
            api,
            store_latency: Duration::from_millis(options.modelled.store),
            index_lag: Duration::from_millis(options.modelled.index_lag),
            queries_concurrent: options.modelled.concurrent,
            rules: Rules::default(),
        };
        figures.push(outage::play(&spec, |text| eprintln!("{text}")));
    }
    println!(
        "{:>10} {:>6} {:>9} {:>16} {:>16} {:>16} {:>14} {:>9}",
        "latency", "open", "left", "all confirmed", "p50", "p99", "fresh p99", "limited"
    );
    for it in &figures {
        let took = |millis| in_words(Duration::from_millis(millis));
        println!(
            "{:>7} ms {:>6} {:>9} {:>16} {:>16} {:>16} {:>14} {:>9}",
            it.latency_milliseconds,
            it.open_at_return,
            it.left,
            if it.left == 0 { in_words(Duration::from_secs(it.took_seconds)) } else { "not".to_owned() },
            took(it.confirmed.p50),
            took(it.confirmed.p99),
            took(it.fresh.p99),
            it.queried.limited
        );
    }
    println!("results: {}", save("outage", &figures)?.display());
    Ok(())
}

pub fn steadies(options: &SteadyOptions) -> Result<(), Box<dyn Error>> {
    let mut figures: Vec<SteadyFigures> = Vec::new();
    for per_second in &options.per_second {
        for api in options.modelled.apis() {
            eprintln!("{per_second} a second, Status API at {} ms", api.latency.as_millis());
            figures.push(steady::play(&SteadySpec {
                per_second: *per_second,
                lasts: Duration::from_secs(60 * options.minutes),
                api,
                store_latency: Duration::from_millis(options.modelled.store),
                index_lag: Duration::from_millis(options.modelled.index_lag),
                queries_concurrent: options.modelled.concurrent,
                rules: Rules::default(),
            }));
        }
    }
    println!(
        "{:>10} {:>10} {:>9} {:>9} {:>14} {:>12} {:>12} {:>12}",
        "per second", "latency", "fell due", "settled", "reads per due", "late p50", "late p99", "late max"
    );
    for it in &figures {
        let took = |millis| in_words(Duration::from_millis(millis));
        println!(
            "{:>10} {:>7} ms {:>9} {:>9} {:>14.3} {:>12} {:>12} {:>12}",
            it.per_second,
            it.latency_milliseconds,
            it.fell_due,
            it.lateness.count,
            it.read_units_per_due,
            took(it.lateness.p50),
            took(it.lateness.p99),
            took(it.lateness.max)
        );
    }
    println!("results: {}", save("steady", &figures)?.display());
    Ok(())
}

pub fn latencies(options: &LatencyOptions) -> Result<(), Box<dyn Error>> {
    let mut figures: Vec<LatencyFigures> = Vec::new();
    for aws in &options.aws {
        for latency in &options.latency {
            eprintln!("Status API at {latency} ms, AWS at {aws} ms");
            let (latency, aws_latency) = (Duration::from_millis(*latency), Duration::from_millis(*aws));
            figures.push(latency::measure(LatencySpec { payments: options.payments, latency, aws_latency })?);
        }
    }
    println!("Status API     AWS   acknowledged p50/p99/max     stored p50/p99/max       told p50/p99/max (ms)");
    let times = |it: &Times| format!("{} / {} / {}", it.p50, it.p99, it.max);
    for it in &figures {
        println!(
            "{:>7} ms {:>4} ms {:>26} {:>22} {:>22}",
            it.latency_milliseconds,
            it.aws_milliseconds,
            times(&it.acknowledged),
            times(&it.stored),
            times(&it.told)
        );
    }
    println!("results: {}", save("latency", &figures)?.display());
    Ok(())
}

pub fn rates(options: &RateOptions) -> Result<(), Box<dyn Error>> {
    let mut figures: Vec<RateFigures> = Vec::new();
    for batch in &options.batch {
        for api in options.modelled.apis() {
            eprintln!("batches of {batch}, Status API at {} ms", api.latency.as_millis());
            figures.push(rate::play(&RateSpec {
                per_second: options.per_second,
                batch: *batch,
                lasts: Duration::from_secs(options.seconds),
                api,
                store_latency: Duration::from_millis(options.modelled.store),
                rules: Rules::default(),
            }));
        }
    }
    println!(
        "per second  batch    latency  processors  Little's law  confirmed  index writes  most per shard and second"
    );
    for it in &figures {
        println!(
            "{:>10} {:>6} {:>7} ms {:>11} {:>13} {:>10} {:>13} {:>26}",
            it.per_second,
            it.batch,
            it.latency_milliseconds,
            it.processors,
            it.expected,
            it.confirmed,
            it.index_writes,
            it.index_writes_per_shard_max
        );
    }
    println!("results: {}", save("rate", &figures)?.display());
    Ok(())
}

pub fn shards() -> Result<(), Box<dyn Error>> {
    let figures = rate::shards();
    println!("shards  transactions    fullest   emptiest");
    for it in &figures {
        println!("{:>6} {:>13} {:>10} {:>10}", it.shards, it.transactions, it.most, it.least);
    }
    println!("results: {}", save("shards", &figures)?.display());
    Ok(())
}
