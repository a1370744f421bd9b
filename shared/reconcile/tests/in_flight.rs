//! A sweep over time that passes: what may be in flight at once, and what it wakes for.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use spg_domain::{NoAnswerKind, Reply, TransactionId};
use spg_reconcile::{Due, SweepReport};
use spg_time::Clock;
use support::timed::{open, sweep, timed_reconciler};
use support::{Said, at};

const SUCCESS: [Said; 1] = [Said::Status("Success")];

#[tokio::test(start_paused = true)]
async fn as_many_queries_are_in_flight_as_are_allowed_and_few_until_one_is_answered() {
    let reconciler = timed_reconciler();
    for n in 0..30 {
        open(&reconciler, &format!("t{n:02}"), 0, 1000, SUCCESS).await;
    }
    let report = sweep(&reconciler, 8).await;
    let api = &reconciler.status_api;
    assert_eq!((report.due, report.settlements.len()), (30, 30));
    assert_eq!((api.queried.count_at(0), api.in_flight_max.load(Relaxed)), (5, 8));
}

/// What a store that is slow has not taken yet is bounded, too: it is lost work if the function ends.
#[tokio::test(start_paused = true)]
async fn queries_and_writes_together_are_at_most_twice_as_many() {
    let mut reconciler = timed_reconciler();
    reconciler.store.write_takes = Duration::from_secs(20);
    for n in 0..10 {
        open(&reconciler, &format!("t{n}"), 0, 0, SUCCESS).await;
    }
    assert_eq!(sweep(&reconciler, 4).await.settlements.len(), 10);
    let queried = &reconciler.status_api.queried;
    assert_eq!((queried.count_at(0), queried.count_at(20_000)), (8, 2));
}

#[tokio::test(start_paused = true)]
async fn what_falls_due_waits_for_no_slow_answer_and_does_not_wake_it_all_the_time() {
    let reconciler = timed_reconciler();
    open(&reconciler, "slow", 0, 7000, SUCCESS).await;
    open(&reconciler, "later", 2000, 0, SUCCESS).await;
    open(&reconciler, "a-little-later", 2020, 0, SUCCESS).await;
    sweep(&reconciler, 16).await;
    let queried = &reconciler.status_api.queried;
    assert_eq!((queried.of("later"), queried.of("a-little-later")), (vec![2000], vec![2050]));
    assert_eq!(reconciler.store.written.of("slow"), [7000]);
}

#[tokio::test(start_paused = true)]
async fn without_room_for_another_query_it_wakes_for_an_answer_alone() {
    let reconciler = timed_reconciler();
    open(&reconciler, "slow", 0, 7000, SUCCESS).await;
    open(&reconciler, "later", 2000, 0, SUCCESS).await;
    sweep(&reconciler, 1).await;
    assert_eq!(reconciler.status_api.queried.of("later"), [7000]);
    assert_eq!(reconciler.clock.sleeps(), 0);
}

/// A Retry-After is no reason not to settle what has been answered meanwhile.
#[tokio::test(start_paused = true)]
async fn a_pause_holds_up_queries_and_no_answer() {
    let reconciler = timed_reconciler();
    open(&reconciler, "limited", 0, 500, [Said::Limited(5), Said::Status("Success")]).await;
    open(&reconciler, "slow", 0, 3000, SUCCESS).await;
    open(&reconciler, "later", 1000, 0, SUCCESS).await;
    let report = sweep(&reconciler, 16).await;
    assert!(!report.outage && !report.unfinished);
    assert_eq!(reconciler.store.written.of("slow"), [3000]);
    assert_eq!(reconciler.status_api.queried.of("later"), [5500]);
    assert_eq!(report.settlements.len(), 4, "the refused one twice");
}

#[tokio::test(start_paused = true)]
async fn when_a_pause_has_ended_nothing_waits_for_a_slow_answer() {
    let reconciler = timed_reconciler();
    open(&reconciler, "limited", 0, 500, [Said::Limited(2), Said::Status("Success")]).await;
    open(&reconciler, "slow", 0, 7000, SUCCESS).await;
    open(&reconciler, "later", 1000, 0, SUCCESS).await;
    sweep(&reconciler, 16).await;
    assert_eq!(
        (reconciler.status_api.queried.of("later"), reconciler.store.written.of("slow")),
        (vec![2500], vec![7000])
    );
    assert!(reconciler.clock.sleeps() < 20, "{}", reconciler.clock.sleeps());
}

/// What was refused is not stored yet: nothing else says that the pause is over.
#[tokio::test(start_paused = true)]
async fn when_a_pause_has_ended_nothing_waits_for_a_slow_write() {
    let mut reconciler = timed_reconciler();
    reconciler.store.write_takes = Duration::from_secs(5);
    open(&reconciler, "limited", 0, 500, [Said::Limited(2), Said::Status("Success")]).await;
    open(&reconciler, "slow", 0, 7000, SUCCESS).await;
    open(&reconciler, "later", 1000, 0, SUCCESS).await;
    sweep(&reconciler, 16).await;
    assert_eq!(reconciler.status_api.queried.of("later"), [2500]);
}

/// Of the sweep before, in the same process.
#[tokio::test(start_paused = true)]
async fn where_nothing_is_due_no_pause_is_waited_out() {
    let reconciler = timed_reconciler();
    let retry_after = Some(Duration::from_secs(20));
    let limited = Reply { retry_after, ..Reply::none(NoAnswerKind::RateLimited, "rate limited") };
    reconciler.circuit_breaker.learn(&limited, None, at(0));
    assert_eq!(sweep(&reconciler, 16).await, SweepReport::default());
    assert_eq!((reconciler.clock.now(), reconciler.clock.sleeps()), (at(0), 0));
}

/// Time that is waited is paid for.
#[tokio::test(start_paused = true)]
async fn a_pause_beyond_the_horizon_ends_the_sweep_at_once() {
    let reconciler = timed_reconciler();
    open(&reconciler, "limited", 0, 500, [Said::Limited(50)]).await;
    open(&reconciler, "later", 30_000, 0, SUCCESS).await;
    let report = sweep(&reconciler, 16).await;
    assert_eq!((report.settlements.len(), reconciler.status_api.queried.len()), (1, 1));
    assert!(reconciler.clock.now() <= at(1), "{:?}", reconciler.clock.now());
}

/// More than is read in one call, and no shard shows them again soon.
#[tokio::test(start_paused = true)]
async fn what_many_shards_show_at_once_is_queried_all() {
    let mut reconciler = timed_reconciler();
    reconciler.store.shards = 3;
    for n in 0..240 {
        open(&reconciler, &format!("t{n:03}"), 0, 0, SUCCESS).await;
    }
    let report = sweep(&reconciler, 16).await;
    assert_eq!((report.due, report.settlements.len(), reconciler.status_api.queried.len()), (240, 240, 240));
}

#[tokio::test(start_paused = true)]
async fn what_the_table_has_as_due_later_than_the_index_is_queried_later() {
    let mut reconciler = timed_reconciler();
    open(&reconciler, "t", 20_000, 0, SUCCESS).await;
    reconciler.store.stale = vec![Due { id: TransactionId::new("t").unwrap(), at: at(0) }];
    let report = sweep(&reconciler, 16).await;
    assert_eq!((reconciler.status_api.queried.of("t"), report.due), (vec![20_000], 1));
}
