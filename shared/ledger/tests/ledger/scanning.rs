//! Reading the whole table, for operators.

use std::collections::BTreeSet;

use spg_domain::TransactionId;
use spg_ledger::Segment;
use tests::{Aws, Fault};

use crate::stand::{Stand, at, embedded, id, notification, on_a_table, text, write_of};

async fn fill(stand: &Stand, count: usize) -> BTreeSet<TransactionId> {
    let ids: BTreeSet<_> = (0..count).map(|n| id(&format!("t{n}"))).collect();
    for id in &ids {
        stand.store(write_of(id, None, &[notification("n", "Pending")], at(0))).await;
    }
    ids
}

/// All ids of a segment, and how many calls it took.
async fn read(stand: &Stand, segment: Segment, items_max: u16) -> (Vec<TransactionId>, usize) {
    let (mut ids, mut calls, mut after) = (Vec::new(), 0, None);
    loop {
        let page = stand.ledger.scan(segment, after.as_ref(), items_max).await.unwrap();
        assert!(page.items() <= usize::from(items_max));
        calls += 1;
        ids.extend(page.transactions.into_iter().map(|t| t.id));
        match page.next {
            Some(next) => after = Some(next),
            None => return (ids, calls),
        }
    }
}

#[tokio::test]
async fn every_item_is_read_once_page_by_page() {
    on_a_table(async |stand| {
        assert_eq!(read(stand, Segment::ALL, 100).await.0, []);
        let stored = fill(stand, 25).await;
        let (ids, calls) = read(stand, Segment::ALL, 10).await;
        assert_eq!(calls, 3);
        assert_eq!(ids.len(), 25);
        assert_eq!(BTreeSet::from_iter(ids), stored);
    })
    .await;
}

#[tokio::test]
async fn segments_share_the_table_without_overlap() {
    on_a_table(async |stand| {
        let stored = fill(stand, 40).await;
        let mut found = Vec::new();
        for index in 0..4 {
            let (ids, _) = read(stand, Segment { index, count: 4 }, 7).await;
            assert!(ids.len() < 40, "segment {index} is not the whole table");
            found.extend(ids);
        }
        assert_eq!(found.len(), 40);
        assert_eq!(BTreeSet::from_iter(found), stored);
    })
    .await;
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_named_and_holds_up_nobody() {
    on_a_table(async |stand| {
        fill(stand, 3).await;
        stand.set(&id("t1"), &["version"], text("geheim")).await;
        let page = stand.ledger.scan(Segment::ALL, None, 10).await.unwrap();
        assert_eq!((page.transactions.len(), page.items(), page.next), (2, 3, None));
        assert_eq!(
            (page.unreadable[0].transaction_id.as_str(), page.unreadable[0].attribute.as_str()),
            ("t1", "version")
        );
    })
    .await;
}

#[tokio::test]
async fn what_dynamodb_refuses_is_an_error_and_not_the_end_of_the_table() {
    let aws = Aws::start();
    let stand = embedded(&aws);
    aws.inject(Fault::on("dynamodb:Scan").error(400, "ResourceNotFoundException"));
    assert_eq!(stand.ledger.scan(Segment::ALL, None, 10).await.unwrap_err().operation, "Scan");
}
