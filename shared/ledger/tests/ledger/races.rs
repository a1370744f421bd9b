//! Who comes second loses, and learns what is stored.

use spg_domain::{NotificationId, Write};
use spg_reconcile::Written;

use crate::stand::{Stand, at, id, notification, on_a_table, write_of};

#[tokio::test]
async fn of_two_that_open_one_loses_and_gets_the_winners_item() {
    on_a_table(async |stand| {
        let id = id("opened-twice");
        let mine = write_of(&id, None, &[notification("n1", "Pending")], at(1));
        let theirs = write_of(&id, None, &[notification("n2", "InProcessing")], at(2));
        let (mine_became, theirs_became) = tokio::join!(stand.write(&mine), stand.write(&theirs));
        let winner = match (mine_became, theirs_became) {
            (Written::Done, Written::Lost(Some(stored))) => {
                assert_eq!(*stored, mine.transaction);
                mine
            }
            (Written::Lost(Some(stored)), Written::Done) => {
                assert_eq!(*stored, theirs.transaction);
                theirs
            }
            other => panic!("one wins, the other learns of it: {other:?}"),
        };
        assert_eq!(stand.read(&id).await, Some(winner.transaction));
    })
    .await;
}

#[tokio::test]
async fn an_older_version_writes_nothing() {
    on_a_table(async |stand| {
        let id = id("older-version");
        let opened = stand.store(write_of(&id, None, &[notification("n1", "Pending")], at(1))).await;
        let late = write_of(&id, Some(opened.clone()), &[notification("n2", "Success")], at(3));
        let winner = stand.store(write_of(&id, Some(opened), &[notification("n3", "InProcessing")], at(2))).await;
        assert_eq!(stand.write(&late).await, Written::Lost(Some(Box::new(winner.clone()))));
        assert_eq!(stand.read(&id).await, Some(winner));
    })
    .await;
}

#[tokio::test]
async fn a_notification_id_that_is_there_stops_the_write_by_itself() {
    on_a_table(async |stand| {
        for odd in ["n1", "a.b", "#n0", ":n0", "\"quoted\"", "ação 🏦", "version"] {
            let id = id(&format!("counted-{odd}"));
            let opened = stand.store(write_of(&id, None, &[notification(odd, "Pending")], at(1))).await;
            // Of the right version, but made without knowing what it holds.
            let mut forgetful = opened.clone();
            forgetful.notifications.clear();
            let again = write_of(&id, Some(forgetful), &[notification(odd, "Success")], at(2));
            assert_eq!(again.expected_version, Some(opened.version));
            assert_eq!(again.recorded, [NotificationId::new(odd).unwrap()]);
            assert_eq!(stand.write(&again).await, Written::Lost(Some(Box::new(opened))), "{odd}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_gone_is_lost_to_nobody() {
    on_a_table(async |stand| {
        let id = id("expired");
        let opened = write_of(&id, None, &[notification("n1", "Pending")], at(1)).transaction;
        let update = write_of(&id, Some(opened), &[notification("n2", "Success")], at(2));
        assert_eq!(stand.write(&update).await, Written::Lost(None));
        assert_eq!(stand.read(&id).await, None, "an update does not create half an item");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_writers_leave_twenty_versions_without_a_gap() {
    on_a_table(async |stand| {
        let id = id("contended");
        let writers = (0..WRITERS).map(|n| record_until_done(stand, &id, n));
        let mut versions = futures::future::join_all(writers).await;
        versions.sort_unstable();
        assert_eq!(versions, (1..=WRITERS).collect::<Vec<_>>());
        let stored = stand.read(&id).await.unwrap();
        assert_eq!(stored.version, WRITERS);
        assert_eq!(stored.notifications.len() as u64, WRITERS);
    })
    .await;
}

const WRITERS: u64 = 20;

/// Decides again on what it lost to; returns the version that it wrote. Each time that it loses, another has won.
async fn record_until_done(stand: &Stand, id: &spg_domain::TransactionId, n: u64) -> u64 {
    let mut stored = stand.read(id).await;
    for _ in 0..WRITERS {
        let write: Write = write_of(id, stored, &[notification(&format!("n{n}"), "Pending")], at(n));
        match stand.write(&write).await {
            Written::Done => return write.transaction.version,
            Written::Lost(now_stored) => stored = now_stored.map(|stored| *stored),
        }
    }
    panic!("writer {n} lost more often than others can have won");
}
