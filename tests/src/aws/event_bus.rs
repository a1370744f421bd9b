//! EventBridge: PutEvents. The bus accepts every name; what was asked for is in the recorded event.

use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

use super::fault::Partial;
use super::{Failure, unknown_operation};

const ENTRIES_MAX: usize = 10;
/// Of all entries together, as the user guide counts them.
const REQUEST_BYTES_MAX: usize = 256 * 1024;
const DETAIL_TYPE_CHARS_MAX: usize = 128;
/// A time counts so much towards the size of an entry.
const TIME_BYTES: usize = 14;

/// An event that the bus accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct BusEvent {
    /// As sent, a name or an ARN; empty for the default bus.
    pub bus: String,
    pub source: String,
    pub detail_type: String,
    pub detail: Value,
    /// As sent: epoch seconds, or null.
    pub time: Value,
    pub resources: Value,
}

#[derive(Default)]
pub(super) struct EventBus(Mutex<Vec<BusEvent>>);

impl EventBus {
    pub fn events(&self) -> Vec<BusEvent> {
        self.lock().clone()
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    pub fn answer(&self, operation: &str, body: &Value, partial: &Partial) -> Result<Value, Failure> {
        if operation != "PutEvents" {
            return Err(unknown_operation(operation));
        }
        let entries = body.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        check_request(entries)?;
        let mut events = self.lock();
        let mut failed = 0;
        let answers: Vec<Value> = entries
            .iter()
            .enumerate()
            .map(|(position, entry)| {
                let injected = partial.code_of(position).map(|code| (code, "injected by the test"));
                match injected.map_or_else(|| parse(entry), Err) {
                    Ok(event) => {
                        events.push(event);
                        json!({"EventId": format!("00000000-0000-4000-a000-{:012}", events.len())})
                    }
                    Err((code, message)) => {
                        failed += 1;
                        json!({"ErrorCode": code, "ErrorMessage": message})
                    }
                }
            })
            .collect();
        Ok(json!({"FailedEntryCount": failed, "Entries": answers}))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<BusEvent>> {
        self.0.lock().expect("no panic while locked")
    }
}

fn check_request(entries: &[Value]) -> Result<(), Failure> {
    if entries.is_empty() || entries.len() > ENTRIES_MAX {
        let message = format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length \
             from 1 to {ENTRIES_MAX}"
        );
        return Err(Failure::new(400, "ValidationException", message));
    }
    if entries.iter().map(entry_bytes).sum::<usize>() > REQUEST_BYTES_MAX {
        let message = "Total size of the entries in the request is over the limit.";
        return Err(Failure::new(400, "ValidationException", message));
    }
    Ok(())
}

fn parse<'a>(entry: &Value) -> Result<BusEvent, (&'a str, &'a str)> {
    let required = [
        ("Source", "Parameter Source is not valid. Reason: Source is a required argument."),
        ("DetailType", "Parameter DetailType is not valid. Reason: DetailType is a required argument."),
        ("Detail", "Parameter Detail is not valid. Reason: Detail is a required argument."),
    ];
    for (name, message) in required {
        if text(entry, name).is_empty() {
            return Err(("InvalidArgument", message));
        }
    }
    if text(entry, "DetailType").chars().count() > DETAIL_TYPE_CHARS_MAX {
        return Err(("InvalidArgument", "DetailType must be at most 128 characters."));
    }
    if text(entry, "Source").starts_with("aws.") {
        return Err(("NotAuthorizedForSource", "Not authorized for the source."));
    }
    let detail = serde_json::from_str(text(entry, "Detail")).ok().filter(Value::is_object);
    let Some(detail) = detail else { return Err(("MalformedDetail", "Detail is malformed.")) };
    Ok(BusEvent {
        bus: text(entry, "EventBusName").to_owned(),
        source: text(entry, "Source").to_owned(),
        detail_type: text(entry, "DetailType").to_owned(),
        detail,
        time: entry.get("Time").cloned().unwrap_or_default(),
        resources: entry.get("Resources").cloned().unwrap_or_default(),
    })
}

fn entry_bytes(entry: &Value) -> usize {
    let time = if entry.get("Time").is_some() { TIME_BYTES } else { 0 };
    let resources = entry.get("Resources").and_then(Value::as_array).into_iter().flatten();
    let resources: usize = resources.filter_map(Value::as_str).map(str::len).sum();
    time + resources + ["Source", "DetailType", "Detail"].iter().map(|name| text(entry, name).len()).sum::<usize>()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(detail: &str) -> Value {
        json!({"Source": "spg.transactions", "DetailType": "Transaction Finalised", "Detail": detail, "EventBusName": "b"})
    }

    #[test]
    fn entries_fail_one_by_one() {
        let bus = EventBus::default();
        let body = json!({"Entries": [entry("{\"n\":1}"), entry("[]"), entry("{\"n\":3}"), entry("{\"n\":4}")]});
        let partial = Partial::Entries { positions: vec![2], code: "ThrottlingException".into() };
        let answer = bus.answer("PutEvents", &body, &partial).unwrap();
        assert_eq!(answer["FailedEntryCount"], 2);
        assert_eq!(answer["Entries"][1]["ErrorCode"], "MalformedDetail");
        assert_eq!(answer["Entries"][2]["ErrorCode"], "ThrottlingException");
        let accepted: Vec<Value> = bus.events().into_iter().map(|event| event.detail["n"].clone()).collect();
        assert_eq!(accepted, [1, 4]);
    }

    #[test]
    fn limits_of_requests_are_refused_as_by_aws() {
        let bus = EventBus::default();
        for entries in
            [vec![], vec![entry("{}"); 11], vec![entry(&format!("{{\"x\":\"{}\"}}", "x".repeat(REQUEST_BYTES_MAX)))]]
        {
            let failure = bus.answer("PutEvents", &json!({"Entries": entries}), &Partial::None).unwrap_err();
            assert_eq!(failure.code(), "ValidationException");
        }
    }
}
