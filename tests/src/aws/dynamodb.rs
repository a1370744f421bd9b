//! The transactions table in an embedded DynamoDB. Reads are always strongly consistent there, whatever is asked for.

use std::sync::Arc;

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value, json};

use super::call::Capacity;
use super::fault::Partial;
use super::{Failure, unknown_operation};

type Result<T> = std::result::Result<T, Failure>;

/// A DynamoDB that holds the transactions table; clones are handles of the same one.
#[derive(Clone)]
pub struct Table {
    database: Arc<Database>,
}

impl Table {
    /// For TABLE_NAME.
    pub const NAME: &str = "spg-transactions";
    /// For DUE_INDEX_NAME.
    pub const DUE_INDEX: &str = "due";

    /// A new DynamoDB in memory, with the table as template.yaml describes it (without its stream).
    pub(crate) fn create() -> Self {
        let table = Self { database: Arc::new(Database::memory().expect("SQLite in memory")) };
        table.run("CreateTable", schema()).expect("a valid schema");
        table
    }

    /// An item in plain JSON, as [`plain_json`] makes it.
    pub fn item(&self, transaction_id: &str) -> Option<Value> {
        self.raw_item(transaction_id).as_ref().map(plain_json)
    }

    /// An item in DynamoDB's JSON, the shape of a stream image: `{"transactionID": {"S": "..."}, ...}`.
    pub fn raw_item(&self, transaction_id: &str) -> Option<Value> {
        let request = json!({"TableName": Self::NAME, "Key": {"transactionID": {"S": transaction_id}}});
        self.run("GetItem", request).expect("a valid request").get("Item").cloned()
    }

    /// All items in DynamoDB's JSON, in no order.
    pub fn raw_items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut request = json!({"TableName": Self::NAME});
        loop {
            let page = self.run("Scan", request.clone()).expect("a valid request");
            items.extend(page.get("Items").and_then(Value::as_array).into_iter().flatten().cloned());
            match page.get("LastEvaluatedKey") {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => return items,
            }
        }
    }

    /// Writes an item in DynamoDB's JSON, unconditionally.
    pub fn put_raw(&self, item: &Value) {
        self.run("PutItem", json!({"TableName": Self::NAME, "Item": item})).expect("a valid item");
    }

    /// Writes an item in plain JSON, unconditionally; see [`dynamodb_json`] for the types.
    pub fn put(&self, item: &Value) {
        let item = item.as_object().expect("an item is an object");
        self.put_raw(&item.iter().map(|(name, value)| (name.clone(), dynamodb_json(value))).collect());
    }

    /// Creates another table beside it, as CreateTable describes it.
    pub fn create_beside(&self, description: Value) {
        self.run("CreateTable", description).expect("a valid schema");
    }

    /// Removes an item, if it is there.
    pub fn remove(&self, transaction_id: &str) {
        let request = json!({"TableName": Self::NAME, "Key": {"transactionID": {"S": transaction_id}}});
        self.run("DeleteItem", request).expect("a valid request");
    }

    /// Answers a request and says what it cost in capacity units.
    pub(super) fn answer(&self, operation: &str, mut body: Value, partial: &Partial) -> Result<(Value, Capacity)> {
        let queried = body.get("ReturnConsumedCapacity").is_some();
        if let (Some(body), true) = (body.as_object_mut(), !queried && measurable(operation)) {
            body.insert("ReturnConsumedCapacity".into(), "INDEXES".into());
        }
        let withheld = match partial {
            Partial::Unprocessed(keys) => withhold(&mut body, *keys),
            Partial::None | Partial::Entries { .. } => Map::new(),
        };
        let mut answer = self.run(operation, body)?;
        if !withheld.is_empty() {
            answer["UnprocessedKeys"] = Value::Object(withheld);
        }
        let capacity = capacity(answer.get("ConsumedCapacity"));
        if let (Some(answer), false) = (answer.as_object_mut(), queried) {
            answer.remove("ConsumedCapacity");
        }
        Ok((answer, capacity))
    }

    fn run(&self, operation: &str, body: Value) -> Result<Value> {
        let database = &*self.database;
        match operation {
            "CreateTable" => serve(body, |request| database.create_table(request)),
            "DescribeTable" => serve(body, |request| database.describe_table(request)),
            "GetItem" => serve(body, |request| database.get_item(request)),
            "PutItem" => serve(body, |request| database.put_item(request)),
            "UpdateItem" => serve(body, |request| database.update_item(request)),
            "DeleteItem" => serve(body, |request| database.delete_item(request)),
            "Query" => serve(body, |request| database.query(request)),
            "Scan" => serve(body, |request| database.scan(request)),
            "BatchGetItem" => serve(body, |request| database.batch_get_item(request)),
            "BatchWriteItem" => serve(body, |request| database.batch_write_item(request)),
            "TransactGetItems" => serve(body, |request| database.transact_get_items(request)),
            "TransactWriteItems" => serve(body, |request| database.transact_write_items(request)),
            other => Err(unknown_operation(other)),
        }
    }
}

/// Plain JSON from DynamoDB's: of an item, or of one attribute value. Sets become sorted arrays, binary stays Base64.
pub fn plain_json(value: &Value) -> Value {
    let Some(object) = value.as_object() else { return value.clone() };
    if let Some((kind, inner)) = object.iter().next()
        && object.len() == 1
        && let Some(plain) = plain_value(kind, inner)
    {
        return plain;
    }
    object.iter().map(|(name, value)| (name.clone(), plain_json(value))).collect()
}

fn plain_value(kind: &str, inner: &Value) -> Option<Value> {
    match (kind, inner) {
        ("S" | "B", Value::String(_)) | ("BOOL", Value::Bool(_)) => Some(inner.clone()),
        ("N", Value::String(digits)) => number(digits),
        ("NULL", Value::Bool(_)) => Some(Value::Null),
        ("L", Value::Array(values)) => Some(values.iter().map(plain_json).collect()),
        ("M", Value::Object(members)) => {
            Some(members.iter().map(|(name, value)| (name.clone(), plain_json(value))).collect())
        }
        ("SS" | "BS", Value::Array(members)) => Some(sorted(members.clone())),
        ("NS", Value::Array(members)) => {
            Some(sorted(members.iter().filter_map(|digits| number(digits.as_str()?)).collect()))
        }
        _ => None,
    }
}

fn number(digits: &str) -> Option<Value> {
    serde_json::from_str::<Number>(digits).ok().map(Value::Number)
}

fn sorted(mut members: Vec<Value>) -> Value {
    members.sort_by_key(ToString::to_string);
    Value::Array(members)
}

/// DynamoDB's JSON of one plain value: strings S, numbers N, booleans BOOL, null NULL, arrays L, objects M.
pub fn dynamodb_json(value: &Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(flag) => json!({"BOOL": flag}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        Value::Array(values) => json!({"L": values.iter().map(dynamodb_json).collect::<Vec<_>>()}),
        Value::Object(members) => {
            let members: Map<_, _> = members.iter().map(|(name, value)| (name.clone(), dynamodb_json(value))).collect();
            json!({ "M": members })
        }
    }
}

fn schema() -> Value {
    json!({
        "TableName": Table::NAME,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "transactionID", "AttributeType": "S"},
            {"AttributeName": "dueShard", "AttributeType": "N"},
            {"AttributeName": "nextCheckAt", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": "transactionID", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": Table::DUE_INDEX,
            "KeySchema": [
                {"AttributeName": "dueShard", "KeyType": "HASH"},
                {"AttributeName": "nextCheckAt", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
    })
}

fn serve<Q, A>(body: Value, act: impl FnOnce(Q) -> dynoxide::Result<A>) -> Result<Value>
where
    Q: DeserializeOwned,
    A: Serialize,
{
    let request = serde_json::from_value(body).map_err(|error| invalid(&error.to_string()))?;
    let answer = act(request).map_err(|error| failure(&error))?;
    Ok(serde_json::to_value(answer).expect("answers are JSON"))
}

fn failure(error: &DynoxideError) -> Failure {
    let body = serde_json::from_str(&error.to_json()).expect("errors are JSON");
    Failure { status: error.status_code(), body, query_code: None }
}

/// dynoxide marks what its own server would call a validation error; the mark is not for the wire.
fn invalid(message: &str) -> Failure {
    let message = ["VALIDATION:", "VALIDATION_REQUEST:", "SERIALIZATION:"]
        .iter()
        .find_map(|mark| message.strip_prefix(mark))
        .unwrap_or(message);
    Failure::new(400, "com.amazon.coral.validate#ValidationException", message)
}

fn measurable(operation: &str) -> bool {
    !matches!(operation, "CreateTable" | "DescribeTable")
}

/// Takes the last keys out of a BatchGetItem and returns them in the shape of `UnprocessedKeys`.
fn withhold(body: &mut Value, keys_max: usize) -> Map<String, Value> {
    let mut withheld = Map::new();
    let tables = body.get_mut("RequestItems").and_then(Value::as_object_mut);
    for (table, wanted) in tables.into_iter().flatten() {
        let Some(keys) = wanted.get_mut("Keys").and_then(Value::as_array_mut) else { continue };
        let kept = keys.len().saturating_sub(keys_max);
        let rest = keys.split_off(kept);
        let mut left = wanted.clone();
        left["Keys"] = Value::Array(rest);
        withheld.insert(table.clone(), left);
    }
    // An empty request is invalid: what is wholly withheld is not asked for.
    if let Some(tables) = body.get_mut("RequestItems").and_then(Value::as_object_mut) {
        tables.retain(|_, wanted| wanted.pointer("/Keys/0").is_some());
    }
    withheld
}

/// Batches answer with one entry per table, the rest with one.
#[expect(clippy::float_arithmetic, reason = "DynamoDB counts in halves of a unit; this is not money")]
fn capacity(consumed: Option<&Value>) -> Capacity {
    let units = |entry: &Value| entry.get("CapacityUnits").and_then(Value::as_f64).unwrap_or_default();
    let entries = match consumed {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(entry) => std::slice::from_ref(entry),
        None => &[],
    };
    let mut sum = Capacity::default();
    for entry in entries {
        sum.units += units(entry);
        let indexes = entry.get("GlobalSecondaryIndexes").and_then(Value::as_object).into_iter().flatten();
        sum.of_indexes += indexes.map(|(_, index)| units(index)).fold(0.0, |sum, units| sum + units);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_dynamodb_json_are_inverse() {
        let plain = json!({"id": "a", "n": 15.9, "flags": [true, null], "map": {"S": {"x": 1}, "empty": {}}});
        assert_eq!(plain_json(&dynamodb_json(&plain)), plain);
    }

    #[test]
    fn a_read_of_everything_withheld_comes_back_unprocessed() {
        let table = Table::create();
        let keys = json!([{"transactionID": {"S": "a"}}, {"transactionID": {"S": "b"}}]);
        let body = json!({"RequestItems": {Table::NAME: {"Keys": keys, "ConsistentRead": true}}});
        let (answer, _) = table.answer("BatchGetItem", body, &Partial::Unprocessed(1)).unwrap();
        let left = json!({"Keys": [{"transactionID": {"S": "b"}}], "ConsistentRead": true});
        assert_eq!(answer["UnprocessedKeys"], json!({Table::NAME: left}));
    }

    #[test]
    fn limits_of_requests_are_refused_as_by_aws() {
        let table = Table::create();
        let keys: Vec<Value> = (0..101).map(|n| json!({"transactionID": {"S": n.to_string()}})).collect();
        let same = json!([{"transactionID": {"S": "a"}}, {"transactionID": {"S": "a"}}]);
        let update = |extra: Value| {
            let mut body = json!({
                "TableName": Table::NAME,
                "Key": {"transactionID": {"S": "a"}},
                "UpdateExpression": "SET #a = :a",
                "ExpressionAttributeNames": {"#a": "a"},
                "ExpressionAttributeValues": {":a": {"S": "x"}},
            });
            for (pointer, value) in extra.as_object().unwrap() {
                body[pointer] = value.clone();
            }
            body
        };
        let refused = [
            ("BatchGetItem", json!({"RequestItems": {Table::NAME: {"Keys": keys}}})),
            ("BatchGetItem", json!({"RequestItems": {Table::NAME: {"Keys": same}}})),
            ("UpdateItem", update(json!({"ExpressionAttributeNames": {"#a": "a", "#unused": "b"}}))),
            ("UpdateItem", update(json!({"ExpressionAttributeValues": {":other": {"S": "x"}}}))),
            ("UpdateItem", update(json!({"UpdateExpression": "SET status = :a"}))),
            ("UpdateItem", update(json!({"Key": {"transactionID": {"S": ""}}}))),
            ("UpdateItem", update(json!({"TableName": 7}))),
        ];
        for (operation, body) in refused {
            let failure = table.answer(operation, body.clone(), &Partial::None).expect_err(&body.to_string());
            assert_eq!(failure.code(), "ValidationException", "{body}");
        }
        table.answer("UpdateItem", update(json!({})), &Partial::None).unwrap();
    }

    #[test]
    fn writes_to_the_index_cost_more() {
        let table = Table::create();
        let cost = |item: Value| {
            let item: Value =
                item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), dynamodb_json(value))).collect();
            let body = json!({"TableName": Table::NAME, "Item": item});
            table.answer("PutItem", body, &Partial::None).unwrap()
        };
        let (answer, base) = cost(json!({"transactionID": "a"}));
        assert_eq!(answer.get("ConsumedCapacity"), None, "it was not asked for");
        let (_, indexed) = cost(json!({"transactionID": "b", "dueShard": 1, "nextCheckAt": 5}));
        assert_eq!((base.units, base.of_indexes), (1.0, 0.0));
        assert_eq!((indexed.units, indexed.of_indexes), (2.0, 1.0));
    }
}
