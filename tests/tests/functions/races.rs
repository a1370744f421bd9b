//! Two processes at one transaction: whoever loses decides again on what is stored (rule 7).

use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tests::{Fault, Gate, events};

use crate::support::{PATIENCE, Stand, cost, notification, process, record, returned, says};

const NOTHING: [String; 0] = [];

#[test]
fn a_lost_race_is_decided_again_and_written_once() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    process(&processor, &[record(&notification("t1", "n1", "Pending"))]);
    stand.reset();
    stand.status_api.always("t1", says("t1", "Success"));
    // Somebody else advances it between the read and the write.
    let mut other = stand.aws.table().raw_item("t1").unwrap();
    other["version"] = json!({"N": "2"});
    other["paymentStatus"] = json!({"S": "InProcessing"});
    other["notifications"]["M"]["n-other"] = other["notifications"]["M"]["n1"].clone();
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").nth(1).before(move |table| table.put_raw(&other)));

    assert_eq!(process(&processor, &[record(&notification("t1", "n2", "Success"))]), NOTHING);
    let expected = cost([("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 2)], 1);
    assert_eq!(stand.cost(), expected, "the refused write brings the item: it is not read, and not queried, again");
    let item = stand.item("t1");
    assert_eq!(
        (&item["paymentStatus"], &item["version"], &item["published"]["v"]),
        (&json!("Success"), &json!(3), &json!(3))
    );
    let known: Vec<_> = item["notifications"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(known, ["n-other", "n1", "n2"], "nothing of the other's is lost");
}

#[test]
fn the_same_notification_in_two_processes_counts_once() {
    let stand = Stand::new();
    let (one, two) = (stand.start("processor"), stand.start("processor"));
    let gate = Gate::new();
    stand.status_api.always("t1", says("t1", "Success"));
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").first(2).held(&gate));
    let records = [record(&notification("t1", "n1", "Success"))];
    let (first, second) = (one.begin(events::sqs(&records)), two.begin(events::sqs(&records)));
    assert!(gate.wait_for_arrivals(2, PATIENCE), "both have decided on an empty table");
    gate.open();
    for invocation in [first, second] {
        assert_eq!(returned(&invocation.wait().unwrap(), &records), NOTHING);
    }
    let expected = cost([("dynamodb:BatchGetItem", 2), ("dynamodb:UpdateItem", 2)], 2);
    assert_eq!(stand.cost(), expected, "the loser finds its notification recorded and has nothing left to write");
    let item = stand.item("t1");
    assert_eq!((&item["version"], &item["published"]["v"]), (&json!(1), &json!(1)));
}

/// A slow Success that is stale after a confirmed Declined must not come back over it.
#[test]
fn a_stale_answer_is_dropped_and_the_query_queried_again() {
    let stand = Stand::new();
    let (slow, fast) = (stand.start("processor"), stand.start("processor"));
    let gate = Gate::new();
    stand.status_api.script("t1", [says("t1", "Success")]);
    stand.status_api.always("t1", says("t1", "Declined"));
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").first(1).held(&gate));
    let late = [record(&notification("t1", "n1", "Success"))];
    let invocation = slow.begin(events::sqs(&late));
    assert!(gate.wait_for_arrivals(1, PATIENCE), "it holds its answer, Success, and is about to write");
    assert_eq!(process(&fast, &[record(&notification("t1", "n2", "Declined"))]), NOTHING);
    assert_eq!(stand.item("t1")["paymentStatus"], "Declined");
    gate.open();
    assert_eq!(returned(&invocation.wait().unwrap(), &late), NOTHING);

    let expected = cost([("dynamodb:BatchGetItem", 2), ("dynamodb:UpdateItem", 3)], 3);
    assert_eq!(stand.cost(), expected, "one query more, and one write in the end");
    let item = stand.item("t1");
    assert_eq!(
        (&item["paymentStatus"], &item["version"], &item["published"]["v"]),
        (&json!("Declined"), &json!(2), &json!(1))
    );
    assert_eq!(item["notifications"].as_object().unwrap().len(), 2);
    assert!(item["nextCheckAt"].is_u64(), "its claim of Success keeps it disputed (rule 5)");
}

#[test]
fn who_loses_every_race_gives_the_record_back() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    process(&processor, &[record(&notification("t1", "n1", "Pending"))]);
    stand.reset();
    stand.status_api.always("t1", says("t1", "Success"));
    let versions = AtomicU64::new(2);
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").before(move |table| {
        let mut item = table.raw_item("t1").unwrap();
        item["version"] = json!({"N": versions.fetch_add(1, Ordering::SeqCst).to_string()});
        table.put_raw(&item);
    }));
    let claim = record(&notification("t1", "n2", "Success"));
    assert_eq!(process(&processor, slice::from_ref(&claim)), slice::from_ref(&claim.message_id));
    let attempts = stand.aws.count("dynamodb:UpdateItem");
    assert!((2..=10).contains(&attempts), "{attempts}: bounded");
    assert_eq!(stand.status_api.queried("t1"), 1, "a lost race asks nothing anew");
    stand.aws.clear_faults();
    assert_eq!(process(&processor, &[claim.received(2)]), NOTHING);
    assert_eq!(stand.item("t1")["paymentStatus"], "Success");
}

/// Every step can be the last one before a crash.
#[test]
fn a_killed_processor_leaves_nothing_half_done() {
    let (before, after) = (Fault::on("dynamodb:UpdateItem"), Fault::on("dynamodb:UpdateItem").applied_but_dropped());
    for (fault, written) in [(before, false), (after, true)] {
        let stand = Stand::new();
        let doomed = stand.start("processor");
        stand.status_api.always("t1", says("t1", "Success"));
        let claim = record(&notification("t1", "n1", "Success"));
        if written {
            // The write takes place; the process dies before it learns of it.
            let gate = Gate::new();
            stand.aws.inject(fault.first(1));
            stand.aws.inject(Fault::on("dynamodb:UpdateItem").held(&gate));
            let invocation = doomed.begin(events::sqs(slice::from_ref(&claim)));
            assert!(gate.wait_for_arrivals(1, PATIENCE), "it tries again");
            doomed.kill();
            invocation.wait().unwrap_err();
            gate.open();
        } else {
            let gate = Gate::new();
            stand.aws.inject(fault.held(&gate));
            let invocation = doomed.begin(events::sqs(slice::from_ref(&claim)));
            assert!(gate.wait_for_arrivals(1, PATIENCE));
            doomed.kill();
            invocation.wait().unwrap_err();
        }
        assert_eq!(stand.aws.table().item("t1").is_some(), written);
        stand.aws.clear_faults();
        let processor = stand.start("processor");
        assert_eq!(process(&processor, &[claim.received(2)]), NOTHING);
        let item = stand.item("t1");
        assert_eq!(
            (&item["paymentStatus"], &item["version"], &item["published"]["v"]),
            (&json!("Success"), &json!(1), &json!(1))
        );
    }
}
