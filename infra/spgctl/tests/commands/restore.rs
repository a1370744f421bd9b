//! Whole items under their condition, in a table with real conditional semantics.

use spg_domain::{
    Decision, Evidence, Facts, Notification, NotificationId, PaymentStatus, Rules, Timestamp, Transaction,
    TransactionId, restore,
};
use spg_ledger::Ledger;
use spg_reconcile::{Store as _, Written};
use spgctl::Clients;
use tests::{Aws, Table};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_773_312_524_000 + seconds * 1000)
}

fn ledger(aws: &Aws) -> Ledger {
    Ledger::new(Clients::on_this_machine(&aws.endpoint(), tests::aws::REGION).dynamodb(), Table::NAME, Table::DUE_INDEX)
}

/// A transaction with that many notifications, each in a write of its own.
fn transaction(notifications: usize, prefix: &str) -> Transaction {
    let rules = Rules::default();
    let id = TransactionId::new("t").unwrap();
    let mut stored = None;
    for n in 0..notifications {
        let mut decision = Decision::new(id.clone(), stored.take(), &rules);
        let notification = Notification {
            notification_id: NotificationId::new(format!("{prefix}{n}")).unwrap(),
            payment_status: Some(PaymentStatus::PENDING),
            facts: Facts::default(),
            return_code: None,
        };
        decision.apply(&Evidence::Notification { notification, received_at: at(0) }, at(0));
        stored = decision.into_write().map(|write| write.transaction);
    }
    stored.unwrap()
}

#[tokio::test]
async fn an_absent_item_and_an_older_one_are_replaced_with_all_their_notifications() {
    let (aws, snapshot) = (Aws::start(), transaction(150, "n"));
    let ledger = ledger(&aws);
    let read = async || ledger.read(std::slice::from_ref(&snapshot.id)).await.unwrap().remove(&snapshot.id);
    let write = restore(snapshot.clone(), None, at(9)).unwrap();
    assert_eq!(ledger.replace(&write).await.unwrap(), Written::Done);
    assert_eq!(read().await.as_ref(), Some(&write.transaction));
    aws.table().remove("t");
    let opened_since = transaction(2, "later");
    let opening = restore(opened_since.clone(), None, at(9)).unwrap();
    assert_eq!(ledger.replace(&opening).await.unwrap(), Written::Done);
    let write = restore(snapshot.clone(), read().await.as_ref(), at(9)).unwrap();
    assert_eq!(ledger.replace(&write).await.unwrap(), Written::Done);
    let stored = read().await.unwrap();
    assert_eq!((stored.notifications.len(), stored.next_check_at), (152, Some(at(9))));
    assert_eq!(restore(snapshot.clone(), Some(&stored), at(9)), None, "a second run leaves it");
}

#[tokio::test]
async fn an_item_that_somebody_has_written_since_it_was_read_is_not_replaced() {
    let (aws, snapshot) = (Aws::start(), transaction(5, "n"));
    let ledger = ledger(&aws);
    let write = restore(snapshot.clone(), None, at(9)).unwrap();
    assert_eq!(ledger.replace(&write).await.unwrap(), Written::Done);
    // What a run that read nothing, or an older version, would write now.
    let stale = restore(transaction(9, "other"), Some(&transaction(2, "n")), at(9)).unwrap();
    for lost in [write.clone(), stale] {
        let stored = write.transaction.clone();
        assert_eq!(ledger.replace(&lost).await.unwrap(), Written::Lost(Some(Box::new(stored))));
    }
}
