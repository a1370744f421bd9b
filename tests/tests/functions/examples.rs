//! The examples in `infra/events/examples`: what the publisher really says, in the envelope that EventBridge puts around it.
//!
//! Consumers are tested with them. After an intended change, write them anew with `SPG_WRITE_EXAMPLES=1` and read the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Map, Value, json};
use tests::aws::BusEvent;
use tests::{Reply, binaries, schema};

use crate::support::{answer, payload};
use crate::whole_way::Deployment;

const WRITE_VARIABLE: &str = "SPG_WRITE_EXAMPLES";
const DETAIL_TYPES: [&str; 3] = ["Transaction Finalised", "Transaction Corrected", "Transaction Needs Attention"];
/// 2026-03-12T10:48:46.120Z.
const FIRST_SEQUENCE: u64 = 1_773_312_526_120;
/// The one whose life is told in several events.
const STORY: &str = "s2bfw1g1P1siCSUjVPP8";

fn folder() -> PathBuf {
    binaries::workspace().join("infra/events/examples")
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All examples by the name of their file, without its ending.
fn stored() -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

fn kebab(detail_type: &str) -> String {
    detail_type.to_lowercase().replace(' ', "-")
}

/// A payment: what its webhook and its status answer say, each changed from the usual one.
struct Payment<'a> {
    id: &'a str,
    status: &'a str,
    webhook: Value,
    answer: Value,
}

impl Payment<'_> {
    /// Delivers the webhook and returns what is published.
    fn publish(&self, way: &Deployment, notification_id: &str) -> BusEvent {
        let webhook = merged(payload(self.id, notification_id, self.status), &self.webhook);
        let answer = merged(answer(self.id, self.status), &self.answer);
        way.stand.status_api.always(self.id, Reply::json(200, &answer));
        way.webhook(&webhook).unwrap_or_else(|| panic!("{notification_id} of {} publishes nothing", self.id))
    }
}

fn merged(mut base: Value, changes: &Value) -> Value {
    let members: &mut Map<String, Value> = base.as_object_mut().unwrap();
    members.extend(changes.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    base
}

fn single(id: &str, status: &str, changes: Value) -> BusEvent {
    let payment = Payment { id, status, webhook: changes.clone(), answer: changes };
    payment.publish(&Deployment::new(), "n1")
}

/// Paid, declined after the authorisation, paid after all, and then told with another amount.
fn story() -> [BusEvent; 4] {
    let way = Deployment::new();
    let plain = |status| Payment { id: STORY, status, webhook: json!({}), answer: json!({}) };
    let dearer = json!({"amount": {"currency": "EUR", "value": 159}});
    let mismatch = Payment { webhook: dearer, ..plain("Success") };
    [("n1", plain("Success")), ("n2", plain("Declined")), ("n3", plain("Success")), ("n4", mismatch)]
        .map(|(notification_id, payment)| payment.publish(&way, notification_id))
}

fn made() -> BTreeMap<&'static str, BusEvent> {
    let [paid, declined_after, paid_after_all, amount_after] = story();
    let reference = json!({
        "paymentMethod": "REFERENCE",
        "paymentType": "PREF",
        "paymentReference": {"entity": "11249", "reference": "123456789", "status": "PAID"},
    });
    let pending_mismatch = Payment {
        id: "s2bhy5t3R5uoEUWlXRRa",
        status: "Success",
        webhook: json!({}),
        answer: json!({"amount": {"currency": "EUR", "value": "1.59"}}),
    };
    let other_terminal = json!({"merchant": {"transactionId": "order-1002", "terminalId": 1_562_569}});
    BTreeMap::from([
        ("transaction-finalised", paid),
        ("transaction-corrected", declined_after),
        ("transaction-corrected-unexpectedly", paid_after_all),
        ("transaction-needs-attention-after-finality", amount_after),
        ("transaction-needs-attention", pending_mismatch.publish(&Deployment::new(), "n1")),
        ("transaction-finalised-declined", single("s2bgx2h2Q2tjDTVkWQQ9", "Declined", other_terminal)),
        ("transaction-finalised-timeout", single("s2bjz6u4S6vpFVXmYSSb", "Timeout", json!({}))),
        (
            "transaction-finalised-cancellation",
            single("s2bka7v5T7wqGWYnZTTc", "Success", json!({"paymentType": "CANC"})),
        ),
        ("transaction-finalised-reference", single("s2blb8w6U8xrHXZoAUUd", "Success", reference)),
    ])
}

/// As EventBridge delivers it; what differs from run to run is fixed. Each event of a transaction comes a minute after the one before.
fn delivered(number: usize, event: &BusEvent, all: &BTreeMap<&str, BusEvent>) -> Value {
    let mut detail = event.detail.clone();
    let earlier = |it: &&BusEvent| {
        let sequence = |event: &BusEvent| event.detail["sequence"].as_u64().unwrap();
        it.detail["transactionID"] == detail["transactionID"] && sequence(it) < sequence(event)
    };
    let sequence = FIRST_SEQUENCE + 60_000 * all.values().filter(earlier).count() as u64;
    detail["sequence"] = json!(sequence);
    detail["eventId"] = json!(format!("{}#{sequence}", detail["transactionID"].as_str().unwrap()));
    if detail["confirmedAt"].is_string() {
        detail["confirmedAt"] = json!("2026-03-12T10:48:46.120Z");
    }
    json!({
        "version": "0",
        "id": format!("17793124-05d4-b198-2fde-7ededc63b1{number:02}"),
        "detail-type": event.detail_type,
        "source": event.source,
        "account": "123456789012",
        "time": "2026-03-12T10:48:46Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    })
}

#[test]
fn the_examples_are_what_the_publisher_says() {
    let events = made();
    let made: BTreeMap<String, Value> = events
        .iter()
        .enumerate()
        .map(|(number, (name, event))| ((*name).to_owned(), delivered(number + 1, event, &events)))
        .collect();
    if env::var_os(WRITE_VARIABLE).is_some() {
        for (name, event) in &made {
            let text = serde_json::to_string_pretty(event).unwrap();
            fs::write(folder().join(format!("{name}.json")), text + "\n").unwrap();
        }
    }
    let stored = stored();
    assert_eq!(stored.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    for (name, event) in &made {
        assert_eq!(stored[name], *event, "{name}: is the change intended? See the head of this file");
    }
}

#[test]
fn the_examples_fit_their_schema_and_no_other() {
    let mut seen = BTreeSet::new();
    for (name, example) in stored() {
        let detail_type = example["detail-type"].as_str().unwrap();
        assert!(name.starts_with(&kebab(detail_type)), "{name} is a {detail_type}");
        seen.insert(detail_type.to_owned());
        for other in DETAIL_TYPES {
            let fits = schema::violations(&schema::of_event(other), &example).is_empty();
            assert_eq!(fits, other == detail_type, "{name} against {other}");
        }
        for field in example["detail"].as_object().unwrap().keys() {
            let mut lacking = example.clone();
            lacking["detail"].as_object_mut().unwrap().remove(field);
            assert!(!schema::violations(&schema::of_event(detail_type), &lacking).is_empty(), "{field} is required");
        }
    }
    assert_eq!(seen, DETAIL_TYPES.map(str::to_owned).into(), "each has an example");
}
