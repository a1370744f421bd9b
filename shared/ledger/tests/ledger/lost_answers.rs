//! The answer to a write is lost, and the client sends the write again: it loses to itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spg_domain::{
    ChangeKind, Disposition, Facts, FinalStatus, PaymentStatus, Reply, Rules, StatusAnswer, Timestamp, Transaction,
};
use spg_ledger::Ledger;
use spg_reconcile::{CircuitBreaker, QueryMode, Reconciler, StatusApi, StatusQuery, Written};
use spg_time::Clock;
use tests::{Aws, Fault};

use crate::stand::{Stand, at, embedded, id, notification, write_of};

fn lose_the_first_answer(aws: &Aws) -> Stand {
    aws.inject(Fault::on("dynamodb:UpdateItem").first(1).applied_but_dropped());
    embedded(aws)
}

#[tokio::test]
async fn it_comes_back_as_lost_with_its_own_write() {
    let aws = Aws::start();
    let stand = lose_the_first_answer(&aws);
    let write = write_of(&id("retried"), None, &[notification("n1", "Pending")], at(0));
    assert_eq!(stand.write(&write).await, Written::Lost(Some(Box::new(write.transaction.clone()))));
    assert_eq!(aws.count("dynamodb:UpdateItem"), 2, "the client sent it again");
    assert_eq!(stand.read(&write.transaction.id).await, Some(write.transaction));
}

#[tokio::test]
async fn reconciliation_counts_the_notification_and_its_effect_once() {
    for (claim, answer, kind) in
        [("Success", "Success", ChangeKind::Finalised), ("Declined", "Declined", ChangeKind::Finalised)]
    {
        let (aws, stored, queried) = settle(claim, answer).await;
        assert_eq!(stored.status(), PaymentStatus::parse(answer).unwrap());
        assert_eq!((stored.change, stored.version, stored.sequence), (kind, 1, at(0).millis()));
        assert_eq!(stored.notifications.len(), 1);
        assert_eq!((queried, aws.count("dynamodb:UpdateItem")), (1, 2));
    }
}

#[tokio::test]
async fn an_answer_that_lags_leaves_it_due_and_recorded_once() {
    let (_, stored, _) = settle("Success", "Pending").await;
    assert_eq!(stored.status(), PaymentStatus::PENDING);
    assert_eq!(stored.notifications.len(), 1);
    assert!(stored.lifecycle.claims().is_some_and(|claims| claims.contains_key(&FinalStatus::Success)));
    assert!(stored.next_check_at.is_some_and(|due| due > at(0)));
    assert_eq!(stored.published, None);
}

/// One notification through the reconciler, with the first answer of the table lost.
async fn settle(claim: &str, answer: &'static str) -> (Aws, Transaction, usize) {
    let aws = Aws::start();
    let stand = lose_the_first_answer(&aws);
    let reconciler: Reconciler<Ledger, Answers, Still> = Reconciler {
        store: stand.ledger.clone(),
        status_api: Answers { status: answer, queried: AtomicUsize::new(0) },
        clock: Still,
        rules: Rules::default(),
        query_timeout: Duration::from_secs(1),
        circuit_breaker: CircuitBreaker::default(),
    };
    let id = id("settled");
    let evidence = [notification("n1", claim)];
    let settlement = reconciler.settle(&id, None, &evidence, QueryMode::Claims, at(60)).await.unwrap();
    assert_eq!(settlement.dispositions, [Disposition::Claimed]);
    let stored = stand.read(&id).await.unwrap();
    let reported = settlement.write.expect("what was written is reported").transaction;
    assert_eq!(
        (reported.version, reported.change, reported.sequence),
        (stored.version, stored.change, stored.sequence)
    );
    (aws, stored, reconciler.status_api.queried.into_inner())
}

struct Answers {
    status: &'static str,
    queried: AtomicUsize,
}

impl StatusApi for Answers {
    async fn query(&self, _query: &StatusQuery) -> Reply {
        self.queried.fetch_add(1, Ordering::Relaxed);
        let payment_status = PaymentStatus::parse(self.status).unwrap();
        let facts = Facts { payment_type: spg_domain::ShortText::new("PURS").ok(), ..Facts::default() };
        let answer = StatusAnswer { payment_status, transaction_id: None, facts };
        Reply { result: Ok(answer), http_status: None, return_code: None, retry_after: None, problem: None }
    }
}

/// Time stands still: the waits between queries are skipped, and no deadline ever comes.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        at(0)
    }

    async fn sleep(&self, duration: Duration) {
        if duration > Duration::from_secs(10) {
            std::future::pending().await
        }
    }
}
