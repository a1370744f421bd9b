//! A batch of the table's stream: whatever is in it, what is sent is a proper event.

use serde_json::Value;
use serde_json::value::to_raw_value;
use spg_domain::{DetailType, FinalStatus, OutcomeDetail, OutcomeEvent, PaymentStatus, Timestamp};
use spg_ledger::{StreamEvent, UnreadableRecord, read_record};

use crate::{amounts, decision};

/// Longest name of an attribute with its path.
const PLACE_BYTES_MAX: usize = 64;
const NO_ITEM: &str = "it is no item";
const NOT_SAID: &str = "it says that something was published, but not what";
const MALFORMED: &str = " is not as it should be";

pub fn stream_record(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<StreamEvent>(data) else { return };
    for record in &event.records {
        match read_record(record) {
            Ok(Some(event)) => sent(record, &event),
            Ok(None) => {}
            Err(error) => says_nothing(&error),
        }
        image(record);
    }
}

fn sent(record: &Value, event: &OutcomeEvent) {
    let detail = &event.detail;
    assert_eq!(detail.event_id, format!("{}#{}", detail.transaction_id, detail.sequence));
    assert_eq!(detail.retry_eligible, detail.payment_status == PaymentStatus::Final(FinalStatus::Timeout));
    detail.amount.iter().for_each(amounts::is_canonical);
    assert!(decision::is_a_moment(event.at));
    let times = [Some(&detail.occurred_at), detail.confirmed_at.as_ref()];
    assert!(times.into_iter().flatten().all(|text| Timestamp::parse(text).is_some_and(decision::is_a_moment)));
    assert_eq!(
        record.pointer("/dynamodb/NewImage/transactionID/S").and_then(Value::as_str),
        Some(detail.transaction_id.as_str())
    );
    let types = [DetailType::Finalised, DetailType::Corrected, DetailType::NeedsAttention];
    assert!(types.contains(&event.detail_type));
    // What the merchant reads is what was meant, and reading it again sends the same.
    let json = to_raw_value(detail).expect("every field is text or a number");
    let told: OutcomeDetail = serde_json::from_str(json.get()).expect("what is written can be read");
    assert_eq!(&told, detail);
    assert_eq!(read_record(record).as_ref().ok().and_then(Option::as_ref), Some(event));
}

/// It names a place, and repeats nothing of what stood there.
fn says_nothing(error: &UnreadableRecord) {
    let place = error.problem.strip_suffix(MALFORMED);
    let named = place.is_some_and(|place| {
        place.len() <= PLACE_BYTES_MAX && place.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.')
    });
    assert!(named || [NO_ITEM, NOT_SAID].contains(&error.problem.as_str()), "{error}");
    assert_eq!(error.to_string(), format!("the image cannot be read: {}", error.problem));
}

/// A transaction that was read is written as it was.
fn image(record: &Value) {
    let Some(image) = record.pointer("/dynamodb/NewImage") else { return };
    let Ok(item) = serde_json::from_value(image.clone()) else { return };
    if let Ok(transaction) = spg_ledger::from_stream_image(&item) {
        decision::survives_the_table(&transaction);
    }
}
