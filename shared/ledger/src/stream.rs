//! The table's stream: what a record says was published, if anything.

use serde::Deserialize;
use serde_dynamo::Item;
use serde_json::Value;
use spg_domain::OutcomeEvent;

use crate::read::from_stream_image;

/// A batch of the stream. Records are read one by one, so that one that cannot be read stays alone.
#[derive(Debug, Default, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records", default)]
    pub records: Vec<Value>,
}

/// A record whose image is no transaction. It says where, never what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the image cannot be read: {problem}")]
pub struct UnreadableRecord {
    /// Its place in the stream, to find it again.
    pub sequence_number: Option<String>,
    /// Empty where that is what cannot be read.
    pub transaction_id: String,
    pub problem: String,
}

impl UnreadableRecord {
    /// What is wrong with a record.
    pub fn of(record: &Value, problem: impl Into<String>) -> Self {
        let text = |pointer| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Self {
            sequence_number: text("/dynamodb/SequenceNumber"),
            transaction_id: text("/dynamodb/NewImage/transactionID/S").unwrap_or_default(),
            problem: problem.into(),
        }
    }
}

/// The event of a record; none where nothing was published: the filter of the event source lets few of these through.
///
/// # Errors
/// [`UnreadableRecord`] when the new image is no transaction, or says that something was published and not what.
pub fn read_record(record: &Value) -> Result<Option<OutcomeEvent>, UnreadableRecord> {
    // A deletion, by time-to-live or by hand, has no new image.
    let Some(image) = record.pointer("/dynamodb/NewImage") else { return Ok(None) };
    // The deserialiser's own words may repeat what it read.
    let item = Item::deserialize(image).map_err(|_| UnreadableRecord::of(record, "it is no item"))?;
    let transaction = from_stream_image(&item)
        .map_err(|error| UnreadableRecord::of(record, format!("{} is not as it should be", error.attribute)))?;
    if !transaction.change.is_published() {
        return Ok(None);
    }
    let unsaid = || UnreadableRecord::of(record, "it says that something was published, but not what");
    OutcomeEvent::latest(&transaction).map(Some).ok_or_else(unsaid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spg_domain::{
        Decision, DetailType, Evidence, Facts, FinalStatus, PaymentStatus, Registration, Rules, ShortText,
        StatusAnswer, Timestamp, Transaction, TransactionId,
    };

    use super::*;
    use crate::to_item;

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

    fn record(transaction: &Transaction) -> Value {
        let image = serde_json::to_value(to_item(transaction)).unwrap();
        json!({"eventName": "MODIFY", "dynamodb": {"NewImage": image, "SequenceNumber": "111"}})
    }

    #[test]
    fn what_was_published_becomes_its_event() {
        let finalised = transaction("t1", PaymentStatus::Final(FinalStatus::Success));
        let event = read_record(&record(&finalised)).unwrap().unwrap();
        assert_eq!(event.detail_type, DetailType::Finalised);
        assert_eq!(event.detail.event_id, "t1#1773312524000");
        assert!(event.detail.paid);
        assert_eq!(event.at.millis(), 1_773_312_524_000);
    }

    #[test]
    fn what_was_not_published_becomes_nothing() {
        assert_eq!(read_record(&record(&transaction("t1", PaymentStatus::IN_PROCESSING))), Ok(None));
        let deleted = json!({"eventName": "REMOVE", "dynamodb": {"Keys": {"transactionID": {"S": "t1"}}}});
        assert_eq!(read_record(&deleted), Ok(None));
    }

    #[test]
    fn a_later_write_that_publishes_nothing_does_not_repeat_the_event() {
        let mut noted = transaction("t1", PaymentStatus::Final(FinalStatus::Success));
        noted.change = spg_domain::ChangeKind::Noted;
        assert_eq!(read_record(&record(&noted)), Ok(None));
    }

    #[test]
    fn an_unreadable_image_is_named_by_its_place_and_never_by_its_content() {
        let finalised = transaction("t1", PaymentStatus::Final(FinalStatus::Success));
        let check = |name: &str, value: Value, id: &str| {
            let mut record = record(&finalised);
            record["dynamodb"]["NewImage"][name] = value;
            let error = read_record(&record).unwrap_err();
            assert_eq!(error.sequence_number.as_deref(), Some("111"));
            assert_eq!(error.transaction_id, id);
            assert!(!format!("{error:?}{error}").contains("geheim"), "{error:?}");
        };
        check("version", json!({"S": "geheim"}), "t1");
        check("version", json!({"geheim": "1"}), "t1");
        check("paymentStatus", json!("geheim"), "t1");
        check("transactionID", json!({"S": ""}), "");
        let mut unsaid = finalised.clone();
        unsaid.published = None;
        assert!(read_record(&record(&unsaid)).unwrap_err().to_string().contains("but not what"));
    }

    #[test]
    fn records_of_any_shape_make_a_batch() {
        let batch: StreamEvent = serde_json::from_value(json!({"Records": [1, null, {"dynamodb": {}}]})).unwrap();
        assert!(batch.records.iter().all(|record| read_record(record) == Ok(None)));
        assert!(serde_json::from_value::<StreamEvent>(json!({})).unwrap().records.is_empty());
    }
}
