//! The Status API is away for a while under full traffic: how long until everything is confirmed again.
//!
//! The real rules, the real settling of the processor and the real sweep, in virtual time over a modelled table and Status API.

use std::time::Duration;

use futures::future::{Either, select};
use serde::Serialize;
use spg_domain::{Rules, Timestamp};
use spg_time::Clock;

use crate::figures::{Times, millis};
use crate::model::{ApiSpec, Costs, ModelApi, ModelStore, QueryCounts};
use crate::system::{Processors, System, start, traffic};
use crate::virtual_time::VirtualTime;

const MINUTE: Duration = Duration::from_secs(60);
const SEED: u64 = 1;

/// What is played.
#[derive(Debug, Clone)]
pub struct OutageSpec {
    pub per_second: u32,
    pub outage: Duration,
    /// Nothing is waited for longer than this after the return.
    pub give_up_after: Duration,
    pub api: ApiTraits,
    pub store_latency: Duration,
    pub index_lag: Duration,
    /// Queries that a sweep asks at once; none: as many as the product does.
    pub queries_concurrent: Option<usize>,
    pub rules: Rules,
}

/// How the Status API behaves when it is there.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiTraits {
    pub latency: Duration,
    pub slow_per_mille: u32,
    pub slow_latency: Duration,
    pub limit_per_second: Option<u32>,
}

/// One minute after the return.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Minute {
    /// Of the outage's transactions, not confirmed at its end.
    pub left: usize,
    pub queried: QueryCounts,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutageFigures {
    pub per_second: u32,
    pub outage_seconds: u64,
    pub latency_milliseconds: u64,
    pub limit_per_second: Option<u32>,
    pub slow_per_mille: u32,
    pub queries_concurrent: Option<usize>,
    /// Open when the Status API came back.
    pub open_at_return: usize,
    /// Still open when it was given up; nothing if all were confirmed.
    pub left: usize,
    /// From the return to the last confirmation.
    pub took_seconds: u64,
    /// From the return to the confirmation of each of them.
    pub confirmed: Times,
    /// Of what came after the return: from its webhook to its confirmation.
    pub fresh: Times,
    pub queried: QueryCounts,
    /// Of the table, after the return.
    pub costs: Costs,
    pub minutes: Vec<Minute>,
}

/// Plays it. `tell` hears how far it is, each simulated ten minutes.
pub fn play(spec: &OutageSpec, mut tell: impl FnMut(&str)) -> OutageFigures {
    let began = start();
    let time = VirtualTime::starting_at(began);
    let returned = began + spec.outage;
    let store = ModelStore::new(&time, spec.store_latency, spec.index_lag);
    let api = ModelApi::new(&time, api_spec(&spec.api, began, returned), SEED);
    let system = System { time: time.clone(), store: store.clone(), api: api.clone(), rules: spec.rules.clone() };
    let watch = async {
        time.sleep(spec.outage).await;
        let open_at_return = store.open_before(returned);
        let (costs_before, asked_before) = (store.costs(), api.queried());
        tell(&format!("the Status API is back: {open_at_return} transactions are open"));
        let mut watched = Watched { open_at_return, left: open_at_return, ..Watched::default() };
        while watched.left > 0 && time.now() < returned + spec.give_up_after {
            time.sleep(MINUTE).await;
            watched.look(&store, returned);
            watched.minutes.push(Minute { left: watched.left, queried: api.queried() });
            if watched.minutes.len().is_multiple_of(10) {
                tell(&format!("{} min after the return: {} left", watched.minutes.len(), watched.left));
            }
        }
        (watched, store.costs().since(&costs_before), api.queried().since(&asked_before))
    };
    let processors = Processors::default();
    let traffic = traffic(&system, &processors, spec.per_second, 1);
    let sweeps = system.sweep_each_minute(spec.queries_concurrent);
    let background = async {
        select(std::pin::pin!(traffic), std::pin::pin!(sweeps)).await;
    };
    let done = time.run(async { first(select(std::pin::pin!(watch), std::pin::pin!(background)).await) });
    let (watched, costs, queried) = done;
    OutageFigures {
        per_second: spec.per_second,
        outage_seconds: spec.outage.as_secs(),
        latency_milliseconds: millis(spec.api.latency),
        limit_per_second: spec.api.limit_per_second,
        slow_per_mille: spec.api.slow_per_mille,
        queries_concurrent: spec.queries_concurrent,
        open_at_return: watched.open_at_return,
        left: watched.left,
        took_seconds: watched.confirmed_after.iter().max().map_or(0, Duration::as_secs),
        confirmed: Times::of(watched.confirmed_after),
        fresh: Times::of(watched.fresh),
        queried,
        costs,
        minutes: watched.minutes,
    }
}

/// What is seen after the return.
#[derive(Debug, Default)]
struct Watched {
    open_at_return: usize,
    left: usize,
    confirmed_after: Vec<Duration>,
    fresh: Vec<Duration>,
    minutes: Vec<Minute>,
}

impl Watched {
    fn look(&mut self, store: &ModelStore, returned: Timestamp) {
        for (seen, confirmed) in store.take_confirmed() {
            if seen < returned {
                self.confirmed_after.push(confirmed.since(returned));
            } else {
                self.fresh.push(confirmed.since(seen));
            }
        }
        self.left = store.open_before(returned);
    }
}

fn api_spec(traits: &ApiTraits, down_from: Timestamp, down_until: Timestamp) -> ApiSpec {
    let ApiTraits { latency, slow_per_mille, slow_latency, limit_per_second } = *traits;
    ApiSpec { latency, slow_per_mille, slow_latency, limit_per_second, down_from, down_until }
}

fn first<T>(ended: Either<(T, impl Sized), ((), impl Sized)>) -> T {
    match ended {
        Either::Left((done, _)) => done,
        Either::Right(_) => unreachable!("traffic and sweeps do not end"),
    }
}
