//! Reads in batches.

use serde_json::json;
use spg_domain::TransactionId;
use spg_ledger::ReadIncomplete;
use spg_reconcile::Store;
use tests::{Aws, Fault};

use crate::stand::{at, embedded, id, notification, on_a_table, write_of};

#[tokio::test]
async fn any_number_of_ids_in_any_order_and_repeated() {
    on_a_table(async |stand| {
        let ids: Vec<TransactionId> = (0..230).map(|n| id(&format!("t{n}"))).collect();
        for id in ids.iter().step_by(2) {
            stand.store(write_of(id, None, &[notification("n", "Pending")], at(0))).await;
        }
        let queried: Vec<_> = ids.iter().rev().chain(&ids).cloned().collect();
        let found = stand.ledger.read(&queried).await.unwrap();
        assert_eq!(found.len(), 115);
        assert!(ids.iter().step_by(2).all(|id| found.get(id).is_some_and(|t| t.id == *id)));
        assert!(stand.ledger.read(&[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_one_call_strongly_consistent_unless_told_otherwise() {
    let aws = Aws::start();
    let stand = embedded(&aws);
    let ids: Vec<_> = (0..100).map(|n| id(&format!("t{n}"))).collect();
    stand.ledger.read(&ids).await.unwrap();
    let calls = aws.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].body["RequestItems"][&stand.table]["ConsistentRead"], true);
    stand.ledger.read(&[&ids[..], &[id("one-more")]].concat()).await.unwrap();
    assert_eq!(aws.count("dynamodb:BatchGetItem"), 3);
    stand.ledger.read(&[]).await.unwrap();
    assert_eq!(aws.count("dynamodb:BatchGetItem"), 3, "nothing is not asked for");
    stand.ledger.eventually_consistent().read(&ids).await.unwrap();
    assert_eq!(aws.calls()[3].body["RequestItems"][&stand.table]["ConsistentRead"], false);
}

#[tokio::test]
async fn unprocessed_keys_are_asked_for_again() {
    let aws = Aws::start();
    let stand = embedded(&aws);
    let ids: Vec<_> = (0..10).map(|n| id(&format!("t{n}"))).collect();
    for id in &ids {
        stand.store(write_of(id, None, &[notification("n", "Pending")], at(0))).await;
    }
    aws.inject(Fault::on("dynamodb:BatchGetItem").nth(1).unprocessed(4));
    aws.inject(Fault::on("dynamodb:BatchGetItem").nth(2).unprocessed(3));
    assert_eq!(stand.ledger.read(&ids).await.unwrap().len(), 10);
    let queried: Vec<_> = aws.calls().into_iter().filter(|call| call.operation == "dynamodb:BatchGetItem").collect();
    let keys = |n: usize| queried[n].body["RequestItems"][&stand.table]["Keys"].as_array().unwrap().len();
    assert_eq!((queried.len(), keys(0), keys(1), keys(2)), (3, 10, 4, 3));
}

#[tokio::test]
async fn keys_that_stay_unprocessed_fail_the_read_after_a_bounded_time() {
    let aws = Aws::start();
    let stand = embedded(&aws);
    let left = json!({&stand.table: {"Keys": [{"transactionID": {"S": "b"}}], "ConsistentRead": true}});
    let answer = json!({"Responses": {}, "UnprocessedKeys": left});
    aws.inject(Fault::on("dynamodb:BatchGetItem").answer(200, &answer.to_string()));
    let error = stand.ledger.read(&[id("a"), id("b")]).await.unwrap_err();
    assert_eq!(error.operation, "BatchGetItem");
    assert_eq!(error.source.downcast_ref::<ReadIncomplete>().unwrap().keys, 1);
    assert_eq!(aws.count("dynamodb:BatchGetItem"), 6);
}

#[tokio::test]
async fn what_dynamodb_refuses_is_a_store_error_with_its_operation() {
    use spg_reconcile::DueIndex;

    let aws = Aws::start();
    let stand = embedded(&aws);
    for operation in ["BatchGetItem", "UpdateItem", "Query"] {
        let refused = aws.inject(Fault::on(&format!("dynamodb:{operation}")).error(400, "ResourceNotFoundException"));
        let error = match operation {
            "BatchGetItem" => stand.ledger.read(&[id("a")]).await.unwrap_err(),
            "UpdateItem" => {
                stand.ledger.write(&write_of(&id("a"), None, &[notification("n", "Pending")], at(0))).await.unwrap_err()
            }
            _ => stand.ledger.due(0, at(0), 1).await.unwrap_err(),
        };
        assert_eq!((error.operation, refused.hits()), (operation, 1));
        assert!(std::error::Error::source(&error).is_some());
    }
}
