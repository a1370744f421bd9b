//! What the merchant hears: the events of the bus, and the view of a consumer that keeps the highest sequence of each
//! transaction and ignores everything else.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;
use spg_simulator::{Payment, Status};

use crate::inbox::Inbox;
use crate::{Clients, Failure};

/// The rule and the queue that the demo adds to the stack.
const NAME: &str = "demo-outcomes";
const SOURCE: &str = "spg.transactions";
const DETAIL_TYPES: [&str; 3] = ["Transaction Finalised", "Transaction Corrected", "Transaction Needs Attention"];
/// Fields that every event has, absent facts as null.
const FIELDS: [&str; 17] = [
    "schemaVersion",
    "eventId",
    "transactionID",
    "sequence",
    "version",
    "paymentStatus",
    "previousStatus",
    "paid",
    "retryEligible",
    "merchantTransactionId",
    "terminalId",
    "paymentMethod",
    "paymentType",
    "amount",
    "occurredAt",
    "confirmedAt",
    "reason",
];

/// An event of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub detail_type: String,
    pub source: String,
    pub detail: Value,
}

/// All events so far.
#[derive(Clone)]
pub struct Outcomes(Inbox);

impl Outcomes {
    /// Sends everything on the bus to a queue, and reads that queue from now on.
    ///
    /// # Errors
    /// One of the calls fails.
    pub async fn subscribe(clients: &Clients, bus: &str) -> Result<Self, Failure> {
        let queue_url = Self::route(clients, bus, NAME).await?;
        Ok(Self::of_inbox(Inbox::open(clients.sqs.clone(), queue_url)))
    }

    /// The events that an inbox receives.
    pub fn of_inbox(inbox: Inbox) -> Self {
        Self(inbox)
    }

    /// Sends everything on the bus to a new queue; returns the queue's URL.
    ///
    /// # Errors
    /// One of the calls fails.
    pub async fn route(clients: &Clients, bus: &str, name: &str) -> Result<String, Failure> {
        let queue_url = clients.sqs.create_queue().queue_name(name).send().await?.queue_url.unwrap_or_default();
        let arn = QueueAttributeName::QueueArn;
        let queried =
            clients.sqs.get_queue_attributes().queue_url(&queue_url).attribute_names(arn.clone()).send().await?;
        let queue_arn = queried.attributes.and_then(|mut found| found.remove(&arn)).unwrap_or_default();
        let pattern = serde_json::json!({ "source": [SOURCE] }).to_string();
        clients.events.put_rule().name(name).event_bus_name(bus).event_pattern(pattern).send().await?;
        let target = Target::builder().id(name).arn(queue_arn).build()?;
        let put = clients.events.put_targets().rule(name).event_bus_name(bus).targets(target).send().await?;
        if put.failed_entry_count > 0 {
            return Err("the event bus did not take the target".into());
        }
        Ok(queue_url)
    }

    /// Every event as it came, repeated ones too.
    pub fn all(&self) -> Vec<Event> {
        self.0.bodies().iter().map(Event::of).collect()
    }

    /// When the event that a merchant keeps was first received, in epoch milliseconds, by transaction.
    pub fn told_at(&self) -> BTreeMap<String, u64> {
        let mut told: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for message in self.0.messages() {
            let event = Event::of(&message.body);
            let known = told.get(event.transaction_id()).map_or(0, |(sequence, _)| *sequence);
            if event.sequence() > known {
                told.insert(event.transaction_id().to_owned(), (event.sequence(), message.at_epoch_millis));
            }
        }
        told.into_iter().map(|(id, (_, at))| (id, at)).collect()
    }

    /// How many events have come so far, repeated ones too.
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// The events of one transaction by sequence; one that came again counts once.
    pub fn of(&self, transaction_id: &str) -> Vec<Event> {
        by_transaction(self.all()).remove(transaction_id).unwrap_or_default()
    }

    /// The events of each transaction by sequence; one that came again counts once.
    pub fn by_transaction(&self) -> BTreeMap<String, Vec<Event>> {
        by_transaction(self.all())
    }

    /// What a merchant believes who keeps the highest sequence per transaction.
    pub fn merchant_view(&self) -> BTreeMap<String, Event> {
        let mut view = BTreeMap::new();
        for event in self.all() {
            let known: u64 = view.get(event.transaction_id()).map_or(0, Event::sequence);
            if event.sequence() > known {
                view.insert(event.transaction_id().to_owned(), event);
            }
        }
        view
    }
}

fn by_transaction(events: Vec<Event>) -> BTreeMap<String, Vec<Event>> {
    let mut found: BTreeMap<String, BTreeMap<u64, Event>> = BTreeMap::new();
    for event in events {
        found.entry(event.transaction_id().to_owned()).or_default().entry(event.sequence()).or_insert(event);
    }
    found.into_iter().map(|(id, events)| (id, events.into_values().collect())).collect()
}

impl Event {
    fn of(body: &Value) -> Self {
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        Self { detail_type: text("detail-type"), source: text("source"), detail: body["detail"].clone() }
    }

    pub fn transaction_id(&self) -> &str {
        self.text("transactionID")
    }

    pub fn sequence(&self) -> u64 {
        self.detail["sequence"].as_u64().unwrap_or_default()
    }

    pub fn status(&self) -> &str {
        self.text("paymentStatus")
    }

    pub fn paid(&self) -> bool {
        self.detail["paid"] == true
    }

    pub fn is_finalised(&self) -> bool {
        self.detail_type == DETAIL_TYPES[0]
    }

    pub fn is_corrected(&self) -> bool {
        self.detail_type == DETAIL_TYPES[1]
    }

    /// In which fields the same event of the same transaction was told differently.
    pub fn contradictions(&self, other: &Self) -> Vec<&'static str> {
        if self.transaction_id() != other.transaction_id() || self.sequence() != other.sequence() {
            return Vec::new();
        }
        let differs = |field: &&&str| self.detail[**field] != other.detail[**field];
        let mut found: Vec<&'static str> = FIELDS.iter().filter(differs).copied().collect();
        found.extend((self.detail_type != other.detail_type).then_some("detail-type"));
        found
    }

    /// The version of the stored transaction that it tells of.
    pub fn version(&self) -> u64 {
        self.detail["version"].as_u64().unwrap_or_default()
    }

    /// What is wrong with it by the contract, in words.
    pub fn complaints(&self) -> Vec<String> {
        let expected_id = format!("{}#{}", self.transaction_id(), self.sequence());
        let missing = FIELDS.iter().filter(|field| self.detail.get(**field).is_none());
        let mut complaints: Vec<String> = missing.map(|field| format!("{expected_id}: no {field}")).collect();
        let amount = &self.detail["amount"];
        let facts = [
            (self.source == SOURCE, "source"),
            (DETAIL_TYPES.contains(&self.detail_type.as_str()), "detail-type"),
            (self.text("eventId") == expected_id, "eventId"),
            (self.detail["retryEligible"] == (self.status() == "Timeout"), "retryEligible"),
            (amount.is_null() || amount["value"].is_string() && amount["currency"].is_string(), "amount"),
        ];
        complaints
            .extend(facts.iter().filter(|(good, _)| !good).map(|(_, what)| format!("{expected_id}: wrong {what}")));
        complaints
    }

    fn text(&self, field: &str) -> &str {
        self.detail[field].as_str().unwrap_or_default()
    }
}

/// Kind and status, whether it is paid, and why: `Finalised Success, paid`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.detail_type.strip_prefix("Transaction ").unwrap_or(&self.detail_type);
        write!(f, "{kind} {}", self.status())?;
        if self.paid() {
            f.write_str(", paid")?;
        }
        match self.detail["reason"].as_str() {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// Whether the merchant is to believe that it is paid, as SPG's documentation says it.
pub fn is_paid(payment: &Payment) -> bool {
    let truth = payment.truth();
    let pays = matches!(truth.payment_type.as_str(), "PURS" | "PREF");
    truth.status == Status::Success && pays && truth.reference_paid != Some(false)
}

/// Events in one cell.
pub fn in_words(events: &[Event]) -> String {
    if events.is_empty() {
        return "none".to_owned();
    }
    events.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(sequence: u64, kind: &str, status: &str) -> Value {
        json!({"source": SOURCE, "detail-type": format!("Transaction {kind}"), "detail": {
            "schemaVersion": 1, "eventId": format!("t#{sequence}"), "transactionID": "t", "sequence": sequence,
            "version": sequence + 1, "paymentStatus": status, "previousStatus": null, "paid": status == "Success",
            "retryEligible": false, "merchantTransactionId": null, "terminalId": null, "paymentMethod": null,
            "paymentType": null, "amount": {"value": "15.90", "currency": "EUR"}, "occurredAt": "", "confirmedAt": null,
            "reason": null,
        }})
    }

    #[test]
    fn a_merchant_keeps_the_highest_sequence() {
        let late =
            [body(2, "Corrected", "Declined"), body(1, "Finalised", "Success"), body(2, "Corrected", "Declined")];
        let outcomes = Outcomes(Inbox::with(late.to_vec()));
        assert_eq!(outcomes.merchant_view()["t"].status(), "Declined");
        assert_eq!(in_words(&outcomes.of("t")), "Finalised Success, paid; Corrected Declined");
        assert_eq!(outcomes.all().len(), 3);
        assert_eq!(in_words(&outcomes.of("unknown")), "none");
    }

    #[test]
    fn the_event_that_is_kept_counts_when_it_first_came() {
        let told_at = |bodies: &[Value]| Outcomes(Inbox::with(bodies.to_vec())).told_at().get("t").copied();
        let (finalised, corrected) = (body(1, "Finalised", "Success"), body(2, "Corrected", "Declined"));
        assert_eq!(told_at(&[finalised.clone(), finalised.clone()]), Some(1), "not when it came again");
        assert_eq!(told_at(&[corrected.clone(), finalised.clone(), corrected.clone()]), Some(1), "not what is ignored");
        assert_eq!(told_at(&[finalised.clone(), corrected, finalised]), Some(2));
        assert_eq!(told_at(&[]), None);
    }

    #[test]
    fn an_outcome_that_is_told_in_another_way_contradicts() {
        let first = Event::of(&body(1, "Finalised", "Success"));
        assert!(first.contradictions(&first.clone()).is_empty());
        assert!(first.contradictions(&Event::of(&body(2, "Corrected", "Declined"))).is_empty());
        let mut later = first.clone();
        later.detail["merchantTransactionId"] = json!("order-1");
        later.detail["occurredAt"] = json!("later");
        assert_eq!(first.contradictions(&later), ["merchantTransactionId", "occurredAt"]);
        let declined = Event::of(&body(1, "Corrected", "Declined"));
        assert_eq!(first.contradictions(&declined), ["paymentStatus", "paid", "detail-type"]);
    }

    #[test]
    fn an_event_must_keep_to_the_contract() {
        assert!(Event::of(&body(1, "Finalised", "Success")).complaints().is_empty());
        let mut broken = body(1, "Finalised", "Timeout");
        broken["detail"]["eventId"] = json!("t#7");
        broken["detail"].as_object_mut().unwrap().remove("reason");
        broken["detail"]["amount"]["value"] = json!(15.9);
        assert_eq!(
            Event::of(&broken).complaints(),
            ["t#1: no reason", "t#1: wrong eventId", "t#1: wrong retryEligible", "t#1: wrong amount"]
        );
    }
}
