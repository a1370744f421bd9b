//! Notifications that come evenly, many in a second: how many processors are at work, and what each shard of the due index takes.

use std::time::Duration;

use futures::future::select;
use serde::Serialize;
use spg_domain::Rules;
use spg_ledger::{SHARDS, shard_among};
use spg_time::Clock;

use crate::figures::millis;
use crate::model::{ApiSpec, ModelApi, ModelStore};
use crate::outage::ApiTraits;
use crate::payments;
use crate::system::{Processors, System, start, traffic};
use crate::virtual_time::VirtualTime;

const SEED: u64 = 1;
/// Shards that the index might have; it has [`SHARDS`].
const SHARDS_TRIED: [u32; 4] = [SHARDS, 16, 32, 64];
/// One minute of 10,000 a second.
const IDS: u64 = 600_000;

#[derive(Debug, Clone)]
pub struct RateSpec {
    pub per_second: u32,
    pub batch: u32,
    pub lasts: Duration,
    pub api: ApiTraits,
    pub store_latency: Duration,
    pub rules: Rules,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RateFigures {
    pub per_second: u32,
    pub batch: u32,
    pub latency_milliseconds: u64,
    pub store_milliseconds: u64,
    /// Processors that were at work at the same time, at most.
    pub processors: usize,
    /// What Little's law says: invocations a second times how long one takes (a read, a query, a write).
    pub expected: u64,
    pub confirmed: usize,
    pub index_writes: u64,
    /// The most that one shard of the due index took within a second.
    pub index_writes_per_shard_max: u64,
}

/// Plays it.
pub fn play(spec: &RateSpec) -> RateFigures {
    let time = VirtualTime::starting_at(start());
    let store = ModelStore::new(&time, spec.store_latency, Duration::ZERO);
    let ApiTraits { latency, slow_per_mille, slow_latency, limit_per_second } = spec.api;
    let never = start();
    let api = ApiSpec { latency, slow_per_mille, slow_latency, limit_per_second, down_from: never, down_until: never };
    let api = ModelApi::new(&time, api, SEED);
    let system = System { time: time.clone(), store: store.clone(), api, rules: spec.rules.clone() };
    let processors = Processors::default();
    let arriving = traffic(&system, &processors, spec.per_second, spec.batch);
    time.run(async {
        select(std::pin::pin!(time.sleep(spec.lasts)), std::pin::pin!(arriving)).await;
    });
    let (index_writes, index_writes_per_shard_max) = store.index_writes();
    let one_takes = millis(spec.api.latency + 2 * spec.store_latency);
    RateFigures {
        per_second: spec.per_second,
        batch: spec.batch,
        latency_milliseconds: millis(spec.api.latency),
        store_milliseconds: millis(spec.store_latency),
        processors: processors.started(),
        expected: u64::from(spec.per_second) * one_takes / 1000 / u64::from(spec.batch.max(1)),
        confirmed: store.take_confirmed().len(),
        index_writes,
        index_writes_per_shard_max,
    }
}

/// How evenly transactions lie in so many shards.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardFigures {
    pub shards: u32,
    pub transactions: u64,
    /// Of the fullest shard.
    pub most: u64,
    pub least: u64,
}

/// Puts the transactions of a minute at 10,000 a second into shards, by the real function.
pub fn shards() -> Vec<ShardFigures> {
    let spread = |shards: u32| {
        let mut counts = vec![0_u64; shards as usize];
        (0..IDS).for_each(|n| counts[shard_among(&payments::id('n', n), shards) as usize] += 1);
        let [most, least] = [counts.iter().max(), counts.iter().min()].map(|it| it.copied().unwrap_or_default());
        ShardFigures { shards, transactions: IDS, most, least }
    };
    SHARDS_TRIED.into_iter().map(spread).collect()
}
