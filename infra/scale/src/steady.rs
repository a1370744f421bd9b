//! Things fall due one after the other, as yesterday's successes do: what a sweep costs then, and whether it keeps up.

use std::time::Duration;

use futures::future::{Either, select};
use serde::Serialize;
use spg_domain::{Lifecycle, Rules};
use spg_time::Clock;

use crate::figures::{Times, millis};
use crate::model::{ApiSpec, Costs, ModelApi, ModelStore, QueryCounts};
use crate::outage::ApiTraits;
use crate::payments;
use crate::system::{System, start};
use crate::virtual_time::VirtualTime;

const SEED: u64 = 1;
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone)]
pub struct SteadySpec {
    pub per_second: u32,
    pub lasts: Duration,
    pub api: ApiTraits,
    pub store_latency: Duration,
    pub index_lag: Duration,
    pub queries_concurrent: Option<usize>,
    pub rules: Rules,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SteadyFigures {
    pub per_second: u32,
    pub lasted_seconds: u64,
    pub latency_milliseconds: u64,
    pub fell_due: u64,
    pub queried: QueryCounts,
    pub costs: Costs,
    pub read_units_per_due: f64,
    /// How long each that was settled had been due.
    pub lateness: Times,
}

/// Plays it.
pub fn play(spec: &SteadySpec) -> SteadyFigures {
    let time = VirtualTime::starting_at(start());
    let store = ModelStore::new(&time, spec.store_latency, spec.index_lag);
    let never = start();
    let ApiTraits { latency, slow_per_mille, slow_latency, limit_per_second } = spec.api;
    let api = ApiSpec { latency, slow_per_mille, slow_latency, limit_per_second, down_from: never, down_until: never };
    let api = ModelApi::new(&time, api, SEED);
    let fell_due = u64::from(spec.per_second) * spec.lasts.as_secs();
    // Enough for those, too, that lie in the sweep's minute when it ends.
    for n in 0..fell_due + u64::from(spec.per_second) * 120 {
        let due_after = Duration::from_micros(n * 1_000_000 / u64::from(spec.per_second.max(1)));
        let mut transaction = payments::confirmed(&payments::id('s', n), start() + due_after - DAY);
        // Without the jitter, which only spreads what is spread here already.
        transaction.next_check_at = Some(start() + due_after);
        if let Lifecycle::Final(is) = &mut transaction.lifecycle {
            is.recheck_at = transaction.next_check_at;
        }
        store.put(transaction);
    }
    let system = System { time: time.clone(), store: store.clone(), api: api.clone(), rules: spec.rules.clone() };
    let sweeps = system.sweep_each_minute(spec.queries_concurrent);
    let over = time.sleep(spec.lasts);
    time.run(async {
        match select(std::pin::pin!(over), std::pin::pin!(sweeps)).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    });
    let (costs, lateness) = (store.costs(), store.take_lateness());
    SteadyFigures {
        per_second: spec.per_second,
        lasted_seconds: spec.lasts.as_secs(),
        latency_milliseconds: millis(spec.api.latency),
        fell_due,
        queried: api.queried(),
        read_units_per_due: costs.read_units_per(lateness.len() as u64),
        costs,
        lateness: Times::of(lateness),
    }
}
