//! What is written is what is read: from the table and from its stream.

use aws_lambda_events::event::dynamodb::EventRecord;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use spg_domain::{Transaction, Write};
use spg_ledger::{from_stream_image, to_item};
use spg_reconcile::Written;

use crate::arbitrary::transactions;
use crate::stand::on_a_table;

const CASES: u32 = 96;

#[test]
fn a_stream_image_is_the_transaction() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(transaction in transactions())| {
        // As Lambda delivers it, through the event's own type.
        let record = json!({
            "awsRegion": "eu-west-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_773_312_524.0,
                "Keys": {"transactionID": {"S": transaction.id}},
                "NewImage": to_item(&transaction),
                "SequenceNumber": "100",
                "SizeBytes": 1,
                "StreamViewType": "NEW_IMAGE",
            },
            "eventID": "1",
            "eventName": "MODIFY",
            "eventSource": "aws:dynamodb",
            "eventVersion": "1.1",
        });
        let record: EventRecord = serde_json::from_value(record).unwrap();
        prop_assert_eq!(from_stream_image(&record.change.new_image), Ok(transaction));
    });
}

#[tokio::test]
async fn every_field_goes_through_the_table() {
    on_a_table(async |stand| {
        // Cases are drawn here rather than by `proptest!`, which knows no async; the seed is fixed, the value is printed.
        let mut runner = TestRunner::deterministic();
        let strategy = (transactions(), transactions());
        for case in 0..CASES {
            let (first, second) = strategy.new_tree(&mut runner).unwrap().current();
            let first = Transaction { id: crate::stand::id(&format!("{case}-{}", short(&first))), ..first };
            let recorded = first.notifications.keys().cloned().collect();
            let opening = Write { expected_version: None, recorded, raised: vec![], transaction: first };
            let first = stand.store(opening).await;
            assert_eq!(stand.read(&first.id).await.as_ref(), Some(&first));

            // Then every field becomes another one, or goes; notifications only come.
            let mut second = Transaction { id: first.id.clone(), version: first.version + 1, ..second };
            second.published = second.published.or(first.published.clone());
            let recorded: Vec<_> =
                second.notifications.keys().filter(|id| !first.notifications.contains_key(id)).cloned().collect();
            second.notifications.extend(first.notifications.clone());
            let change = Write { expected_version: Some(first.version), recorded, raised: vec![], transaction: second };
            let second = stand.store(change.clone()).await;
            assert_eq!(stand.read(&first.id).await.as_ref(), Some(&second));

            let lost = stand.write(&change).await;
            assert_eq!(lost, Written::Lost(Some(Box::new(second))), "the item that won comes back as it is read");
        }
    })
    .await;
}

/// Odd, but short enough to leave room for a prefix that makes it unique.
fn short(transaction: &Transaction) -> String {
    transaction.id.as_str().chars().take(32).collect()
}
