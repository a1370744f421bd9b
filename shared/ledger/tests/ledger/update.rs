//! What an update touches, and what it does not touch.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use spg_domain::{
    AttentionReason, ChangeKind, Claims, Disposition, Evidence, Facts, Lifecycle, Open, OpenStatus, PaymentStatus,
    ReferenceStatus, Source, StatusAnswer, Timestamp, Transaction, TransactionId,
};
use spg_ledger::{SHARDS, shard_of};
use spg_reconcile::{Due, DueIndex, Store};
use tests::{Aws, Fault};

use crate::stand::{Stand, at, embedded, id, notification, on_a_table, settled, text, write_of};

#[tokio::test]
async fn the_index_has_what_is_due_and_follows_it() {
    on_a_table(async |stand| {
        let id = id("due");
        let opened = stand.store(write_of(&id, None, &[notification("n1", "Declined")], at(0))).await;
        assert_eq!(opened.next_check_at, Some(at(0)), "a claim is due at once");
        settled(async || due(stand, &id, at(0)).await == Some(at(0))).await;
        assert_eq!(due(stand, &id, Timestamp::from_millis(at(0).millis() - 1)).await, None, "not before its time");

        let queried = stand.store(write_of(&id, Some(opened), &[answer("Pending", 1)], at(1))).await;
        let later = queried.next_check_at.unwrap();
        assert!(later > at(1));
        settled(async || due(stand, &id, later).await == Some(later)).await;
        assert_eq!(due(stand, &id, at(1)).await, None, "it moved");

        let done = stand.store(write_of(&id, Some(queried), &[answer("Declined", 2)], at(100))).await;
        assert_eq!(done.next_check_at, None);
        settled(async || due(stand, &id, Timestamp::from_millis(u64::MAX)).await.is_none()).await;
        let item = stand.item(&id).await;
        assert!(!item.contains_key("dueShard") && !item.contains_key("nextCheckAt"));
    })
    .await;
}

#[tokio::test]
async fn due_is_in_order_and_limited() {
    on_a_table(async |stand| {
        const ENTRIES: u64 = 60;
        let in_shard = |id: &TransactionId| shard_of(id) == 3;
        let ids: Vec<_> = (0..).map(|n| id(&format!("t{n}"))).filter(in_shard).take(60).collect();
        for (n, id) in (0..ENTRIES).zip(&ids) {
            // Written in an order that is not the one of the times.
            let mut write = write_of(id, None, &[notification("n", "Success")], at(0));
            write.transaction.next_check_at = Some(at(n * 7 % ENTRIES));
            stand.store(write).await;
        }
        settled(async || stand.ledger.due(3, at(ENTRIES), 1000).await.unwrap().len() == ids.len()).await;
        for limit in [0, 1, 59, 60, 1000] {
            let found = stand.ledger.due(3, at(ENTRIES), limit).await.unwrap();
            let times: Vec<_> = found.iter().map(|due| due.at).collect();
            assert_eq!(times, (0..ENTRIES).map(at).take(limit).collect::<Vec<_>>(), "limit {limit}");
        }
        assert_eq!(stand.ledger.due(3, at(9), 1000).await.unwrap().len(), 10, "up to and including");
        assert_eq!(stand.ledger.due(4, at(ENTRIES), 1000).await.unwrap(), []);
        assert_eq!(stand.ledger.shards(), SHARDS);
    })
    .await;
}

#[tokio::test]
async fn due_goes_on_where_a_page_ended_before_the_limit() {
    let aws = Aws::start();
    let stand = embedded(&aws);
    let in_shard = (0..).map(|n| id(&format!("t{n}"))).filter(|id| shard_of(id) == 0).take(4);
    let ids: Vec<_> = in_shard.collect();
    for (n, id) in (0..).zip(&ids) {
        let mut write = write_of(id, None, &[notification("n", "Success")], at(0));
        write.transaction.next_check_at = Some(at(n));
        stand.store(write).await;
    }
    // A page may end anywhere, for one with a whole megabyte: here after the first entry.
    let at_millis = |n: u64| json!({"N": at(n).millis().to_string()});
    let entry = json!({"transactionID": {"S": ids[0]}, "dueShard": {"N": "0"}, "nextCheckAt": at_millis(0)});
    let page = json!({"Items": [entry], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": entry});
    aws.inject(Fault::on("dynamodb:Query").nth(1).answer(200, &page.to_string()));
    let found = stand.ledger.due(0, at(100), 3).await.unwrap();
    assert_eq!(found.iter().map(|due| &due.id).collect::<Vec<_>>(), ids.iter().take(3).collect::<Vec<_>>());
    let queries: Vec<_> = aws.calls().into_iter().filter(|call| call.operation == "dynamodb:Query").collect();
    assert_eq!((queries.len(), &queries[1].body["ExclusiveStartKey"]), (2, &entry));
    assert_eq!((&queries[0].body["Limit"], &queries[1].body["Limit"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn only_what_is_final_and_undoubted_expires() {
    on_a_table(async |stand| {
        let id = id("expires");
        let retention_seconds = 400 * 24 * 3600;
        let opened = stand.store(write_of(&id, None, &[notification("n1", "Success")], at(0))).await;
        assert_eq!(stand.item(&id).await.get("expiresAt"), None);

        let finalised = stand.store(write_of(&id, Some(opened), &[answer("Success", 1)], at(10))).await;
        let expected = AttributeValue::N((at(10).seconds() + retention_seconds).to_string());
        assert_eq!(stand.item(&id).await.get("expiresAt"), Some(&expected), "in seconds, as TTL wants it");
        assert_eq!(stand.read(&id).await.unwrap(), finalised);

        let disputed = write_of(&id, Some(finalised), &[notification("n2", "Declined")], at(20));
        stand.store(disputed).await;
        assert_eq!(stand.item(&id).await.get("expiresAt"), None);
    })
    .await;
}

/// So that a write knows itself again where its answer was lost.
#[tokio::test]
async fn what_is_read_is_what_was_written_at_any_millisecond() {
    on_a_table(async |stand| {
        let id = id("odd-millisecond");
        let now = Timestamp::from_millis(at(0).millis() + 567);
        let evidence = [notification("n1", "Declined"), answer("Declined", 0)];
        let written = stand.store(write_of(&id, None, &evidence, now)).await;
        assert!(written.expires_at.is_some());
        assert_eq!(stand.read(&id).await, Some(written));
    })
    .await;
}

#[tokio::test]
async fn what_a_newer_version_wrote_can_be_read_and_survives() {
    on_a_table(async |stand| {
        let id = id("from-the-future");
        let opened = stand.store(write_of(&id, None, &[notification("n1", "Success")], at(0))).await;
        stand.store(write_of(&id, Some(opened), &[answer("Success", 1)], at(1))).await;
        let newer = [
            (&["riskScore"][..], text("low")),
            (&["notifications", "n1", "as"], text("Quarantined")),
            (&["notifications", "n1", "channel"], text("webhook")),
            (&["attention", "Sanctioned"], AttributeValue::N("7".into())),
            (&["claims", "Reversed"], AttributeValue::N("8".into())),
            (&["published", "change"], text("Reversed")),
        ];
        for (path, value) in &newer {
            stand.set(&id, path, value.clone()).await;
        }
        stand.set(&id, &["change"], text("Reversed")).await;
        stand.set(&id, &["referenceStatus"], text("EXPIRED")).await;
        stand.set(&id, &["schemaVersion"], AttributeValue::N("2".into())).await;

        let read = stand.read(&id).await.unwrap();
        assert_eq!(read.change, ChangeKind::Noted);
        assert_eq!(read.notifications.values().map(|n| n.disposition).collect::<Vec<_>>(), [Disposition::Noted]);
        assert_eq!((read.attention.len(), read.is_disputed()), (1, false), "the type is unknown; the rest is not seen");
        assert_eq!(read.published, None);
        assert_eq!(read.facts.reference_status, Some(ReferenceStatus::Unpaid));

        let next = write_of(&id, Some(read), &[notification("n2", "Pending")], at(2));
        assert_eq!(next.transaction.change, ChangeKind::Noted);
        stand.store(next).await;
        let item = AttributeValue::M(stand.item(&id).await);
        for (path, value) in &newer {
            assert_eq!(at_path(&item, path), Some(value), "{path:?}");
        }
        assert_eq!(at_path(&item, &["notifications", "n2", "as"]), Some(&text("Noted")));
        assert_eq!(at_path(&item, &["schemaVersion"]), Some(&AttributeValue::N("1".into())), "who wrote last");
    })
    .await;
}

#[tokio::test]
async fn a_source_of_a_newer_version_is_the_weakest_one() {
    on_a_table(async |stand| {
        let id = id("history-from-the-future");
        let opened: Transaction = stand.store(write_of(&id, None, &[notification("n1", "Pending")], at(0))).await;
        assert_eq!(opened.history[0].source, Source::Notification);
        let list = stand.item(&id).await.remove("history").unwrap();
        let AttributeValue::L(mut entries) = list else { panic!("history is a list") };
        let AttributeValue::M(entry) = &mut entries[0] else { panic!("of maps") };
        entry.insert("by".into(), text("Ledger"));
        stand.set(&id, &["history"], AttributeValue::L(entries)).await;
        assert_eq!(stand.read(&id).await, Some(opened));
    })
    .await;
}

#[tokio::test]
async fn an_unreadable_item_names_itself_and_cannot_be_overwritten() {
    on_a_table(async |stand| {
        let (good, bad) = (id("good"), id("bad"));
        stand.store(write_of(&good, None, &[notification("n1", "Pending")], at(0))).await;
        stand.store(write_of(&bad, None, &[notification("n1", "Pending")], at(0))).await;
        stand.set(&bad, &["notifications", "n1", "at"], text("yesterday")).await;

        let read = stand.ledger.read(&[good.clone(), bad.clone()]).await.unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), [&good], "the rest of the batch goes on");
        let error = stand.ledger.write(&write_of(&bad, None, &[notification("n2", "Pending")], at(1))).await;
        let error = error.unwrap_err();
        assert_eq!(error.operation, "UpdateItem");
        let said = error.source.to_string();
        assert!(said.contains("\"bad\"") && said.contains("notifications.at") && !said.contains("yesterday"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn attention_and_claims_come_and_go_one_by_one() {
    on_a_table(async |stand| {
        let id = id("resolved");
        let mut write = write_of(&id, None, &[notification("n1", "Success")], at(0));
        write.transaction.attention.insert(AttentionReason::Lapsed, at(0));
        let mut stored = stand.store(write).await;
        stored.lifecycle = Lifecycle::Open(Open { status: OpenStatus::Pending, claims: Claims::new() });
        stored.attention.clear();
        stored.version += 1;
        let resolved =
            spg_domain::Write { expected_version: Some(1), recorded: vec![], raised: vec![], transaction: stored };
        let resolved = stand.store(resolved).await;
        assert_eq!(stand.read(&id).await, Some(resolved));
    })
    .await;
}

fn answer(status: &str, queried_version: u64) -> Evidence {
    let payment_status = PaymentStatus::parse(status).unwrap();
    let answer = StatusAnswer { payment_status, transaction_id: None, facts: Facts::default() };
    Evidence::Answer { answer, queried_version }
}

async fn due(stand: &Stand, id: &TransactionId, until: Timestamp) -> Option<Timestamp> {
    let found: Vec<Due> = stand.ledger.due(shard_of(id), until, 100).await.unwrap();
    found.into_iter().find(|due| due.id == *id).map(|due| due.at)
}

fn at_path<'a>(value: &'a AttributeValue, path: &[&str]) -> Option<&'a AttributeValue> {
    path.iter().try_fold(value, |value, name| value.as_m().ok()?.get(*name))
}
