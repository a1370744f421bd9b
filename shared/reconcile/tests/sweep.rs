//! What is due is queried; what is not costs nothing.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::time::Duration;

use spg_domain::{NoAnswerKind, TransactionId};
use spg_reconcile::{SweepLimits, SweepReport, Sweeper};
use spg_time::Clock;
use support::timed::store_due;
use support::{Said, TestReconciler, notify, reconciler, register, settle};

async fn sweep(reconciler: &TestReconciler) -> SweepReport {
    let now = reconciler.clock.now();
    let limits = SweepLimits {
        queries_concurrent: 16,
        deadline: now + Duration::from_secs(55),
        horizon: now + Duration::from_secs(47),
    };
    Sweeper::new(reconciler, limits).run().await
}

/// `n` open transactions, all due.
async fn open(reconciler: &TestReconciler, n: usize) {
    for id in ids(n) {
        settle(reconciler, &id, &[notify("first", "Pending")]).await.unwrap();
    }
    reconciler.clock.advance(Duration::from_secs(60));
}

fn ids(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("t{n:03}")).collect()
}

#[tokio::test]
async fn everything_due_is_queried_once_and_the_empty_index_costs_nothing() {
    let reconciler = reconciler();
    open(&reconciler, 250).await;
    for id in ids(250) {
        reconciler.status_api.script(&id, [Said::Status("Success")]);
    }
    let report = sweep(&reconciler).await;
    assert_eq!((report.settlements.len(), reconciler.status_api.queries()), (250, 250));
    assert!(!report.outage && !report.unfinished);
    assert!(report.lateness_max >= Duration::from_secs(15), "{:?}", report.lateness_max);

    let reads = reconciler.store.reads();
    assert_eq!(sweep(&reconciler).await.settlements.len(), 0);
    assert_eq!(reconciler.store.reads(), reads);
}

#[tokio::test]
async fn what_falls_due_within_the_minute_is_waited_for() {
    let reconciler = reconciler();
    open(&reconciler, 1).await;
    let late = [Said::Status("Pending"), Said::Status("Pending"), Said::Status("Success")];
    reconciler.status_api.script("t000", [Said::Status("Pending")]);
    settle(&reconciler, "t000", &[notify("claim", "Success")]).await.unwrap();
    reconciler.status_api.script("t000", late);
    let queried = reconciler.status_api.queries();
    let report = sweep(&reconciler).await;
    assert_eq!(reconciler.status_api.queries() - queried, 3);
    assert!(report.settlements.last().unwrap().write.as_ref().unwrap().transaction.change.is_published());
}

#[tokio::test]
async fn an_outage_costs_five_queries_and_leaves_all_due() {
    let reconciler = reconciler();
    open(&reconciler, 40).await;
    for id in ids(40) {
        reconciler.status_api.script(&id, [Said::Silent(NoAnswerKind::Unavailable)]);
    }
    let report = sweep(&reconciler).await;
    assert!(report.outage);
    assert_eq!(reconciler.status_api.queries(), 5);
    // It has looked at one shard at least, and reports of those that it queried how long they have been open.
    assert!((5..=40).contains(&report.due) && report.open_ages.len() == 5, "{} {:?}", report.due, report.open_ages);

    // It is back within the minute: everything is confirmed by the next run.
    for id in ids(40) {
        reconciler.status_api.script(&id, [Said::Status("Declined")]);
    }
    reconciler.clock.advance(Duration::from_secs(60));
    let report = sweep(&reconciler).await;
    assert_eq!((report.settlements.len(), report.due, report.open_ages.len()), (40, 40, 0), "none is open any more");
}

#[tokio::test]
async fn one_transaction_that_is_never_answered_holds_up_no_other() {
    let reconciler = reconciler();
    open(&reconciler, 20).await;
    for id in ids(20) {
        reconciler.status_api.script(&id, [Said::Status("Timeout")]);
    }
    reconciler.status_api.script("t000", [Said::Silent(NoAnswerKind::Unavailable)]);
    let report = sweep(&reconciler).await;
    assert!(!report.outage);
    let done = ids(20).into_iter().filter(|id| {
        let id = TransactionId::new(id.as_str()).unwrap();
        reconciler.store.published(&id) == 1
    });
    assert_eq!(done.count(), 19);
}

/// A query without an answer counts against a transaction only where others are answered.
#[tokio::test]
async fn where_the_only_query_is_not_answered_it_is_taken_for_an_outage() {
    for (others, unanswered_in_a_row) in [(0, 0), (2, 1)] {
        let reconciler = reconciler();
        open(&reconciler, 1 + others).await;
        for id in ids(1 + others) {
            reconciler.status_api.script(&id, [Said::Status("Success")]);
        }
        reconciler.status_api.script("t000", [Said::Silent(NoAnswerKind::Unavailable)]);
        let now = reconciler.clock.now();
        let deadline = now + Duration::from_secs(55);
        let limits = SweepLimits { queries_concurrent: 16, deadline, horizon: now };
        assert!(!Sweeper::new(&reconciler, limits).run().await.outage, "that takes five");
        let silent = reconciler.store.transaction(&TransactionId::new("t000").unwrap()).unwrap();
        assert_eq!(silent.unanswered_in_a_row, unanswered_in_a_row, "{others} others");
    }
}

#[tokio::test]
async fn two_sweeps_at_once_do_no_harm() {
    let reconciler = reconciler();
    open(&reconciler, 30).await;
    for id in ids(30) {
        reconciler.status_api.script(&id, [Said::Status("Success")]);
    }
    futures::join!(sweep(&reconciler), sweep(&reconciler));
    for id in ids(30) {
        let transaction = reconciler.store.transaction(&TransactionId::new(id).unwrap()).unwrap();
        assert_eq!((transaction.version, reconciler.store.published(&transaction.id)), (2, 1));
    }
}

#[tokio::test]
async fn a_store_that_does_not_take_the_answer_ends_the_run_and_all_stays_due() {
    let reconciler = reconciler();
    open(&reconciler, 3).await;
    for id in ids(3) {
        reconciler.status_api.script(&id, [Said::Status("Success")]);
    }
    // The index and the table are read; the write fails.
    reconciler.store.fail_after(2);
    let now = reconciler.clock.now();
    let limits = SweepLimits { queries_concurrent: 1, deadline: now + Duration::from_secs(55), horizon: now };
    assert_eq!(Sweeper::new(&reconciler, limits).run().await.store_failures, 1);
    assert_eq!(sweep(&reconciler).await.settlements.len(), 1);
}

/// A store that fails gets no more calls: what falls due later in the minute is the next run's.
#[tokio::test]
async fn after_a_failure_of_the_store_nothing_more_is_waited_for() {
    let reconciler = reconciler();
    store_due(&reconciler.store, "now", reconciler.clock.now()).await;
    store_due(&reconciler.store, "later", reconciler.clock.now() + Duration::from_secs(10)).await;
    for id in ["now", "later"] {
        reconciler.status_api.script(id, [Said::Status("Success")]);
    }
    // The index and the table are read; the write fails.
    reconciler.store.fail_after(2);
    let start = reconciler.clock.now();
    assert_eq!(sweep(&reconciler).await.store_failures, 1);
    assert_eq!((reconciler.status_api.queries(), reconciler.clock.now()), (1, start));
}

/// An entry that the table does not confirm: expired, unreadable, or an index that lags.
#[tokio::test]
async fn an_entry_that_cannot_be_settled_does_not_keep_the_sweep_busy() {
    let reconciler = reconciler();
    open(&reconciler, 2).await;
    reconciler.status_api.script("t001", [Said::Status("Success")]);
    reconciler.store.hide(&TransactionId::new("t000").unwrap());
    let start = reconciler.clock.now();
    assert_eq!(sweep(&reconciler).await.settlements.len(), 1);
    assert!(reconciler.clock.now().since(start) < Duration::from_secs(5));
}

#[tokio::test]
async fn an_outage_that_begins_in_the_middle_of_a_run_leaves_all_due_soon() {
    let reconciler = reconciler();
    open(&reconciler, 60).await;
    // So old that each alone would wait for hours.
    reconciler.clock.advance(Duration::from_secs(20 * 24 * 3600));
    let due_at = |id: &String| {
        let id = TransactionId::new(id.as_str()).unwrap();
        reconciler.store.transaction(&id).unwrap().next_check_at.unwrap()
    };
    // The soonest five are answered, and then no more.
    let mut ids = ids(60);
    ids.sort_by_key(|id| (due_at(id), id.clone()));
    for (n, id) in ids.iter().enumerate() {
        let said = if n < 5 { Said::Status("Success") } else { Said::Silent(NoAnswerKind::Unavailable) };
        reconciler.status_api.script(id, [said]);
    }
    let report = sweep(&reconciler).await;
    assert!(report.outage);
    let soon = reconciler.clock.now() + Duration::from_secs(30);
    assert!(ids[5..].iter().all(|id| due_at(id) <= soon));
}

/// One terminal's credentials are wrong: the others' transactions are confirmed all the same, however many wait in front of them.
#[tokio::test]
async fn refused_credentials_of_one_terminal_hold_up_no_other() {
    let reconciler = reconciler();
    for n in 0..300 {
        let id = format!("refused{n}");
        reconciler.status_api.script(&id, [Said::Silent(NoAnswerKind::Unauthorised)]);
        settle(&reconciler, &id, &[register("wrong")]).await.unwrap();
    }
    reconciler.clock.advance(Duration::from_secs(1));
    reconciler.status_api.script("ours", [Said::Status("Success")]);
    settle(&reconciler, "ours", &[register("right")]).await.unwrap();
    reconciler.clock.advance(Duration::from_secs(60));

    let report = sweep(&reconciler).await;
    assert!(!report.outage && !report.unfinished);
    let stored = |id: &str| reconciler.store.transaction(&TransactionId::new(id).unwrap()).unwrap();
    assert_eq!(reconciler.store.published(&TransactionId::new("ours").unwrap()), 1);
    let refused = reconciler.status_api.queries() - 1;
    assert!(refused < 40, "{refused} queries with credentials that are refused");
    // All of them are queried again, and none blocks the front of the index.
    let now = reconciler.clock.now();
    for n in 0..300 {
        let wait = stored(&format!("refused{n}")).next_check_at.unwrap().since(now);
        assert!((Duration::from_millis(1)..=Duration::from_secs(600)).contains(&wait), "{wait:?}");
    }
}

/// Any number of refusals is not an outage where the Status API says that it is up and wants to be asked less.
#[tokio::test]
async fn a_rate_limit_slows_the_sweep_and_does_not_end_it() {
    let reconciler = reconciler();
    open(&reconciler, 40).await;
    for (n, id) in ids(40).into_iter().enumerate() {
        let refused = if n % 4 == 0 { Some(Said::Limited(1)) } else { None };
        reconciler.status_api.script(&id, refused.into_iter().chain([Said::Status("Success")]));
    }
    let report = sweep(&reconciler).await;
    assert!(!report.outage && !report.unfinished);
    let published = |id: String| reconciler.store.published(&TransactionId::new(id).unwrap());
    assert!(ids(40).into_iter().all(|id| published(id) == 1));
    assert_eq!(reconciler.status_api.queries(), 50);
}

/// Five in a row that are not answered are an outage; refused for being one too many, they are not.
#[tokio::test]
async fn as_many_refusals_as_make_an_outage_only_slow_the_sweep() {
    let reconciler = reconciler();
    open(&reconciler, 6).await;
    for id in ids(6) {
        reconciler.status_api.script(&id, [Said::Limited(1), Said::Status("Success")]);
    }
    let report = sweep(&reconciler).await;
    assert!(!report.outage && !report.unfinished);
    let published = |id: String| reconciler.store.published(&TransactionId::new(id).unwrap());
    assert!(ids(6).into_iter().all(|id| published(id) == 1));
    assert_eq!(reconciler.status_api.queries(), 12);
}

#[tokio::test]
async fn a_short_retry_after_is_waited_out_and_a_long_one_ends_the_run() {
    let reconciler = reconciler();
    open(&reconciler, 20).await;
    for id in ids(20) {
        reconciler.status_api.script(&id, [Said::Status("Success")]);
    }
    reconciler.status_api.script("t000", [Said::Limited(5), Said::Status("Success")]);
    let report = sweep(&reconciler).await;
    assert!(!report.outage);
    let settled = ids(20).into_iter().filter(|id| {
        let id = TransactionId::new(id.as_str()).unwrap();
        reconciler.store.published(&id) == 1
    });
    assert_eq!(settled.count(), 20);

    settle(&reconciler, "long", &[notify("first", "Pending")]).await.unwrap();
    reconciler.clock.advance(Duration::from_secs(60));
    reconciler.status_api.script("long", [Said::Limited(50)]);
    let queried = reconciler.status_api.queries();
    sweep(&reconciler).await;
    assert_eq!(reconciler.status_api.queries() - queried, 1);
    reconciler.clock.advance(Duration::from_secs(1));
    assert!(sweep(&reconciler).await.settlements.is_empty(), "its Retry-After is honoured");
}

/// What it waits for ends at the horizon: a pause that ends then is waited out, one that ends later is the next run's.
#[tokio::test]
async fn a_pause_is_waited_out_up_to_the_horizon() {
    for (pause, waits) in [(47, true), (48, false)] {
        let reconciler = reconciler();
        let now = reconciler.clock.now();
        store_due(&reconciler.store, "t000", now).await;
        store_due(&reconciler.store, "t001", now).await;
        reconciler.status_api.script("t000", [Said::Limited(pause), Said::Status("Success")]);
        reconciler.status_api.script("t001", [Said::Status("Success")]);
        let (deadline, horizon) = (now + Duration::from_secs(55), now + Duration::from_secs(47));
        let limits = SweepLimits { queries_concurrent: 1, deadline, horizon };
        let report = Sweeper::new(&reconciler, limits).run().await;
        assert_eq!((report.outage, report.unfinished), (!waits, false), "{pause} s");
        let waited = if waits { Duration::from_secs(47) } else { Duration::ZERO };
        assert_eq!(reconciler.clock.now().since(now), waited, "{pause} s");
        assert_eq!(reconciler.status_api.queries() > 1, waits);
    }
}
