//! The merchant's bus: outcomes of transactions, ten events a call, and none may be lost.
//!
//! The publisher sends each outcome once per change; `spgctl republish` sends the same again. Knows nothing of streams or tables.

use std::collections::BTreeMap;
use std::future::Future;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use spg_domain::{EVENT_SOURCE, OutcomeEvent};

/// EventBridge's own limit.
pub const ENTRIES_MAX: usize = 10;

/// Not every event is on the bus: the whole batch must come again.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("{failed} of {sent} events were not put on the bus: {codes}")]
    Entries { failed: usize, sent: usize, codes: String },
    #[error("{sent} events were not put on the bus")]
    Call { sent: usize, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("an event cannot be written")]
    Unwritable(#[from] serde_json::Error),
}

/// The bus as its sender sees it.
pub trait Bus {
    /// Sends at most [`ENTRIES_MAX`] events, in their order; an error if any of them is not on the bus.
    fn put(
        &self,
        events: &[OutcomeEvent],
        trace: Option<&str>,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// The bus on EventBridge, by name or ARN.
#[derive(Debug, Clone)]
pub struct EventBus {
    pub client: Client,
    pub name: String,
}

impl PublishError {
    /// How many events are not on the bus, as far as is known.
    pub fn failed(&self) -> usize {
        match self {
            Self::Entries { failed, .. } => *failed,
            Self::Call { sent, .. } => *sent,
            Self::Unwritable(_) => 1,
        }
    }

    /// How many of the same call are on it.
    pub fn published(&self) -> usize {
        match self {
            Self::Entries { failed, sent, .. } => sent.saturating_sub(*failed),
            Self::Call { .. } | Self::Unwritable(_) => 0,
        }
    }
}

impl Bus for EventBus {
    async fn put(&self, events: &[OutcomeEvent], trace: Option<&str>) -> Result<(), PublishError> {
        let entries = events.iter().map(|event| entry(event, &self.name, trace));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let sent = entries.len();
        let answer = self.client.put_events().set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| PublishError::Call { sent, source: error.into() })?;
        check(sent, answer.failed_entry_count(), answer.entries())
    }
}

fn entry(event: &OutcomeEvent, bus: &str, trace: Option<&str>) -> Result<PutEventsRequestEntry, serde_json::Error> {
    let at = i64::try_from(event.at.millis()).unwrap_or(i64::MAX);
    Ok(PutEventsRequestEntry::builder()
        .source(EVENT_SOURCE)
        .detail_type(event.detail_type.as_str())
        .detail(serde_json::to_string(&event.detail)?)
        .event_bus_name(bus)
        .time(DateTime::from_millis(at))
        .set_trace_header(spg_host::trace_header(trace))
        .build())
}

/// The count and the entries must both say that all went well.
fn check(sent: usize, failed_count: i32, entries: &[PutEventsResultEntry]) -> Result<(), PublishError> {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for code in entries.iter().filter_map(|entry| entry.error_code()) {
        *codes.entry(code).or_default() += 1;
    }
    let failed = usize::try_from(failed_count).unwrap_or_default().max(codes.values().sum());
    if failed == 0 {
        return Ok(());
    }
    let codes: Vec<_> = codes.iter().map(|(code, count)| format!("{code} ({count})")).collect();
    Err(PublishError::Entries { failed, sent, codes: codes.join(", ") })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use spg_domain::{
        Decision, Evidence, Facts, FinalStatus, PaymentStatus, Registration, Rules, ShortText, StatusAnswer, Timestamp,
        Transaction, TransactionId,
    };

    use super::*;

    /// A transaction that was registered and then answered about.
    fn transaction(id: &str, status: PaymentStatus) -> Transaction {
        let rules = Rules::default();
        let mut decision = Decision::new(TransactionId::new(id).unwrap(), None, &rules);
        let now = Timestamp::from_millis(1_773_312_524_000);
        let registration = Registration::default();
        decision.apply(&Evidence::Registration { registration, received_at: now }, now);
        let facts = Facts { payment_type: ShortText::new("PURS").ok(), ..Facts::default() };
        let answer = StatusAnswer { payment_status: status, transaction_id: None, facts };
        decision.apply(&Evidence::Answer { answer, queried_version: 0 }, now);
        decision.into_write().unwrap().transaction
    }

    #[test]
    fn what_was_not_published_is_not_sent() {
        assert_eq!(OutcomeEvent::latest(&transaction("t1", PaymentStatus::IN_PROCESSING)), None);
    }

    #[test]
    fn an_entry_is_the_contracts_event() {
        let declined = transaction("t1", PaymentStatus::Final(FinalStatus::Declined));
        let event = OutcomeEvent::latest(&declined).unwrap();
        let entry = entry(&event, "bus", Some("Root=1-0-1;Lineage=x")).unwrap();
        assert_eq!(entry.source(), Some("spg.transactions"));
        assert_eq!(entry.detail_type(), Some("Transaction Finalised"));
        assert_eq!(entry.event_bus_name(), Some("bus"));
        assert_eq!(entry.trace_header(), Some("Root=1-0-1"));
        assert_eq!(entry.time().and_then(|time| time.to_millis().ok()), Some(1_773_312_524_000));
        let detail: Value = serde_json::from_str(entry.detail().unwrap()).unwrap();
        assert_eq!(detail["eventId"], "t1#1773312524000");
        assert_eq!(detail["paymentStatus"], "Declined");
        assert_eq!(detail["paid"], json!(false));
    }

    #[test]
    fn one_failed_entry_fails_the_batch_with_its_code() {
        let good = PutEventsResultEntry::builder().event_id("e").build();
        let bad = |code| PutEventsResultEntry::builder().error_code(code).build();
        assert!(check(2, 0, &[good.clone(), good.clone()]).is_ok());
        let entries = [bad("ThrottlingException"), good, bad("InternalFailure"), bad("ThrottlingException")];
        let error = check(4, 3, &entries).unwrap_err();
        assert_eq!((error.failed(), error.published()), (3, 1));
        assert_eq!(
            error.to_string(),
            "3 of 4 events were not put on the bus: InternalFailure (1), ThrottlingException (2)"
        );
        // Either of the two is believed.
        assert!(check(1, 1, &[]).is_err());
        assert!(check(1, 0, &[bad("InternalFailure")]).is_err());
    }
}
