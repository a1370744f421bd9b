//! One transaction against the store and the Status API.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use spg_domain::{
    ChangeKind, Disposition, Evidence, FinalStatus, NoAnswerKind, PaymentStatus, Transaction, TransactionId, Write,
};
use spg_reconcile::{QueryMode, Reconciler, SettleError, Store, StoreError, Written};
use spg_time::Clock;
use support::{Meanwhile, Said, notify, reconciler, settle};

#[tokio::test]
async fn ten_notifications_make_one_query_and_one_write() {
    let reconciler = reconciler();
    reconciler.status_api.script("t", [Said::Status("Success")]);
    let evidence: Vec<_> = (0..10).map(|n| notify(&format!("n{n}"), "Success")).collect();
    let settlement = settle(&reconciler, "t", &evidence).await.unwrap();
    assert_eq!((reconciler.status_api.queries(), reconciler.store.writes().len()), (1, 1));
    assert_eq!(settlement.write.unwrap().recorded.len(), 10);
    assert_eq!(settlement.queries[0].disposition, Disposition::Finalised);

    let again = settle(&reconciler, "t", &evidence).await.unwrap();
    assert!(again.dispositions.iter().all(|d| *d == Disposition::Duplicate));
    assert_eq!((reconciler.status_api.queries(), reconciler.store.writes().len()), (1, 1));
}

#[tokio::test]
async fn a_lagging_answer_is_asked_for_three_times_within_four_seconds() {
    let reconciler = reconciler();
    reconciler.status_api.script("t", [Said::Status("Pending")]);
    let start = reconciler.clock.now();
    let settlement = settle(&reconciler, "t", &[notify("n", "Success")]).await.unwrap();
    assert_eq!(settlement.queries.len(), 3);
    assert_eq!(reconciler.clock.now().since(start), Duration::from_secs(3), "a second and two are waited");
    let transaction = settlement.write.unwrap().transaction;
    assert_eq!(transaction.status(), PaymentStatus::PENDING);
    assert!(transaction.next_check_at.unwrap().since(reconciler.clock.now()) <= Duration::from_secs(15));

    reconciler.status_api.script("u", [Said::Status("Pending"), Said::Status("Success")]);
    let settlement = settle(&reconciler, "u", &[notify("n", "Success")]).await.unwrap();
    assert_eq!(settlement.write.unwrap().transaction.change, ChangeKind::Finalised);
}

#[tokio::test]
async fn a_failing_status_api_is_asked_once_and_the_notification_is_recorded() {
    let reconciler = reconciler();
    reconciler.status_api.script("t", [Said::Silent(NoAnswerKind::Unavailable)]);
    let settlement = settle(&reconciler, "t", &[notify("n", "Success")]).await.unwrap();
    assert_eq!(settlement.queries.len(), 1);
    let transaction = settlement.write.unwrap().transaction;
    assert_eq!(transaction.notifications.len(), 1);
    assert!(transaction.next_check_at.unwrap().since(reconciler.clock.now()) <= Duration::from_secs(30));
}

#[tokio::test]
async fn after_a_run_of_failures_it_only_records() {
    let reconciler = reconciler();
    for n in 0..8 {
        let id = format!("t{n}");
        reconciler.status_api.script(&id, [Said::Silent(NoAnswerKind::Unavailable)]);
        let settlement = settle(&reconciler, &id, &[notify("n", "Success")]).await.unwrap();
        assert!(settlement.write.unwrap().transaction.next_check_at.is_some());
    }
    assert_eq!(reconciler.status_api.queries(), 5);
}

#[tokio::test]
async fn without_time_left_it_records_and_leaves_the_query_due_at_once() {
    let reconciler = reconciler();
    let id = TransactionId::new("t").unwrap();
    let deadline = reconciler.clock.now() + Duration::from_secs(3);
    let settled = reconciler.settle(&id, None, &[notify("n", "Success")], QueryMode::Claims, deadline).await;
    let transaction = settled.unwrap().write.unwrap().transaction;
    assert_eq!(reconciler.status_api.queries(), 0);
    assert_eq!(transaction.next_check_at, Some(reconciler.clock.now()));
}

/// Another process answers the same query first, with another answer.
#[derive(Debug)]
struct LaterAnswer(Arc<support::TestReconciler>);

impl Meanwhile for LaterAnswer {
    fn happen(&self) {
        self.0.status_api.script("t", [Said::Status("Declined")]);
        futures::executor::block_on(settle(&self.0, "t", &[notify("fast", "Declined")])).unwrap();
    }
}

#[tokio::test]
async fn rule_7_a_slow_success_is_stale_after_a_fast_declined_and_is_queried_again() {
    let reconciler = Arc::new(reconciler());
    settle(&reconciler, "t", &[notify("first", "Pending")]).await.unwrap();
    let slow = Said::Meanwhile(Arc::new(LaterAnswer(Arc::clone(&reconciler))), "Success");
    reconciler.status_api.script("t", [slow]);
    let settlement = settle(&reconciler, "t", &[notify("slow", "Success")]).await.unwrap();
    let dispositions: Vec<_> = settlement.queries.iter().map(|q| q.disposition).collect();
    assert_eq!(dispositions, [Disposition::Stale, Disposition::Agreed]);
    let transaction = reconciler.store.transaction(&TransactionId::new("t").unwrap()).unwrap();
    assert_eq!(transaction.status(), PaymentStatus::Final(FinalStatus::Declined));
    assert_eq!((reconciler.store.published(&transaction.id), transaction.notifications.len()), (1, 3));
    assert!(transaction.is_disputed(), "the Success that was claimed stays to be settled");
}

/// A write whose answer was lost: the caller repeats it against its own result.
#[tokio::test]
async fn a_write_that_was_applied_but_not_answered_counts_once() {
    let reconciler = reconciler();
    reconciler.status_api.script("t", [Said::Status("Success")]);
    let id = TransactionId::new("t").unwrap();
    let first = settle(&reconciler, "t", &[notify("n", "Success")]).await.unwrap();
    let deadline = reconciler.clock.now() + Duration::from_secs(30);
    let again = reconciler.settle(&id, None, &[notify("n", "Success")], QueryMode::Claims, deadline).await.unwrap();
    assert_eq!(again.write, first.write, "it loses to its own write, and says what it wrote");
    assert_eq!(reconciler.store.writes().len(), 1);
}

#[tokio::test]
async fn a_failing_store_gives_the_evidence_back_and_nothing_is_half_done() {
    let reconciler = reconciler();
    reconciler.status_api.script("t", [Said::Status("Success")]);
    reconciler.store.fail_after(1);
    assert!(matches!(settle(&reconciler, "t", &[notify("n", "Success")]).await, Err(SettleError::Store(_))));
    let id = TransactionId::new("t").unwrap();
    assert!(reconciler.store.read(std::slice::from_ref(&id)).await.unwrap().is_empty());
    settle(&reconciler, "t", &[notify("n", "Success")]).await.unwrap();
    assert_eq!(reconciler.store.published(&id), 1);
}

/// Another process gets InProcessing meanwhile, and the Status API lags behind the claim for everybody.
#[derive(Debug)]
struct Lagging(Arc<support::TestReconciler>);

impl Meanwhile for Lagging {
    fn happen(&self) {
        self.0.status_api.script("t", [Said::Status("InProcessing")]);
        let told = Evidence::Answer { answer: support::status_answer("InProcessing"), queried_version: 1 };
        futures::executor::block_on(settle(&self.0, "t", &[told])).unwrap();
    }
}

#[tokio::test]
async fn a_stale_answer_and_a_lagging_one_make_three_queries_and_no_more() {
    let reconciler = Arc::new(reconciler());
    settle(&reconciler, "t", &[notify("first", "Pending")]).await.unwrap();
    reconciler.status_api.script("t", [Said::Meanwhile(Arc::new(Lagging(Arc::clone(&reconciler))), "Declined")]);
    let settlement = settle(&reconciler, "t", &[notify("slow", "Declined")]).await.unwrap();
    assert_eq!(settlement.queries[0].disposition, Disposition::Stale);
    assert_eq!(settlement.queries.len(), 3);
}

/// A query that takes long leaves no time for another that would begin later than four seconds after the first.
#[tokio::test]
async fn a_lagging_answer_that_is_slow_as_well_is_not_asked_for_again() {
    #[derive(Debug)]
    struct Slow(support::StoppedClock, Duration);
    impl Meanwhile for Slow {
        fn happen(&self) {
            self.0.advance(self.1);
        }
    }
    // With the second that is waited, the next would begin after exactly four seconds, or a little later.
    for (took, queries) in [(3000, 2), (3001, 1)] {
        let reconciler = reconciler();
        let slow = Slow(reconciler.clock.clone(), Duration::from_millis(took));
        reconciler.status_api.script("t", [Said::Meanwhile(Arc::new(slow), "Pending"), Said::Status("Success")]);
        let settlement = settle(&reconciler, "t", &[notify("n", "Success")]).await.unwrap();
        assert_eq!(settlement.queries.len(), queries, "{took} ms");
    }
}

#[tokio::test]
async fn a_query_leaves_time_to_write_and_needs_some_itself() {
    let reconciler = reconciler();
    let left = |milliseconds| reconciler.clock.now() + Duration::from_millis(milliseconds);
    assert!(reconciler.may_query(left(7000)) && !reconciler.may_query(left(6999)));
    for (id, left_seconds, timeout) in [("t", 9, 7), ("u", 30, 8)] {
        let id = TransactionId::new(id).unwrap();
        let deadline = left(left_seconds * 1000);
        reconciler.settle(&id, None, &[notify("n", "Success")], QueryMode::Claims, deadline).await.unwrap();
        assert_eq!(reconciler.status_api.timeouts.lock().unwrap().pop(), Some(Duration::from_secs(timeout)));
    }
}

/// A store that takes writes and never answers.
#[derive(Debug)]
struct Stuck;

impl Store for Stuck {
    async fn read(&self, _: &[TransactionId]) -> Result<BTreeMap<TransactionId, Transaction>, StoreError> {
        Ok(BTreeMap::new())
    }

    async fn write(&self, _: &Write) -> Result<Written, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_given_up_at_the_deadline() {
    let support::TestReconciler { status_api, clock, rules, query_timeout, circuit_breaker, .. } = reconciler();
    let reconciler = Reconciler { store: Stuck, status_api, clock, rules, query_timeout, circuit_breaker };
    let id = TransactionId::new("t").unwrap();
    let deadline = reconciler.clock.now() + Duration::from_secs(20);
    let settled = reconciler.settle(&id, None, &[notify("n", "Pending")], QueryMode::Claims, deadline).await;
    assert!(matches!(settled, Err(SettleError::Store(StoreError { operation: "write", .. }))), "{settled:?}");
    assert_eq!(reconciler.clock.now(), deadline);
}
