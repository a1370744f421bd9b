//! As much of JSON Schema 2020-12 as the schemas of the published events use. A keyword that it does not know is an
//! error, so that no schema says more than is checked.

use std::fs;

use regex_lite::Regex;
use serde_json::Value;

use crate::binaries::workspace;

/// What a schema may say besides constraints.
const ANNOTATIONS: [&str; 4] = ["$schema", "$id", "title", "description"];

/// The schema of an event, by its detail-type: `infra/events/<detail-type in kebab case>.schema.json`.
///
/// # Panics
/// If there is none.
pub fn of_event(detail_type: &str) -> Value {
    let name = detail_type.to_lowercase().replace(' ', "-");
    let path = workspace().join(format!("infra/events/{name}.schema.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// What does not fit, each with its place in the value; empty if all fits.
///
/// # Panics
/// On a keyword that is not checked here.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let schema = schema.as_object().expect("a schema is an object");
    for (keyword, expected) in schema {
        let fits = match keyword.as_str() {
            name if ANNOTATIONS.contains(&name) => true,
            "type" => list(expected).iter().any(|name| is_of_type(value, name)),
            "const" => value == expected,
            "enum" => list(expected).contains(value),
            "minimum" => value.as_i64().is_none_or(|number| number >= integer(expected)),
            "maximum" => value.as_i64().is_none_or(|number| number <= integer(expected)),
            "minLength" => value.as_str().is_none_or(|text| characters(text) >= integer(expected)),
            "maxLength" => value.as_str().is_none_or(|text| characters(text) <= integer(expected)),
            "required" => value.as_object().is_none_or(|members| {
                list(expected).iter().all(|name| name.as_str().is_some_and(|name| members.contains_key(name)))
            }),
            "properties" => {
                for (name, schema) in expected.as_object().expect("properties are an object") {
                    if let Some(member) = value.get(name) {
                        check(schema, member, &format!("{place}/{name}"), found);
                    }
                }
                true
            }
            "pattern" => value.as_str().is_none_or(|text| pattern(expected).is_match(text)),
            other => panic!("the keyword {other} is not checked"),
        };
        if !fits {
            found.push(format!("{place}: {value} against {keyword} {expected}"));
        }
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn integer(value: &Value) -> i64 {
    value.as_i64().expect("a limit is a whole number")
}

fn characters(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

fn pattern(value: &Value) -> Regex {
    Regex::new(value.as_str().expect("a pattern is a text")).expect("a pattern is a regular expression")
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str() {
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        other => panic!("the type {other:?} is not checked"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Value, fits: &[Value], differs: &[Value]) {
        for value in fits {
            assert!(violations(&schema, value).is_empty(), "{schema}: {value}");
        }
        for value in differs {
            assert_eq!(violations(&schema, value).len(), 1, "{schema}: {value}");
        }
    }

    #[test]
    fn each_keyword_tells_right_from_wrong() {
        check(json!({"type": ["string", "null"]}), &[json!("a"), json!(null)], &[json!(1), json!({}), json!(true)]);
        check(json!({"type": "integer", "minimum": 1}), &[json!(1)], &[json!(0), json!("1"), json!(1.5)]);
        check(json!({"const": 1}), &[json!(1)], &[json!("1")]);
        check(json!({"enum": ["a", "b"]}), &[json!("b")], &[json!("c"), json!(null)]);
        check(json!({"minLength": 1, "maxLength": 2}), &[json!("é"), json!(null)], &[json!(""), json!("abc")]);
        check(json!({"pattern": "^[A-Z]{3}$"}), &[json!("EUR"), json!(null)], &[json!("eur"), json!("EURO")]);
        let nested = json!({"required": ["a"], "properties": {"a": {"type": "boolean"}}, "description": "x"});
        check(nested, &[json!({"a": true, "b": 1})], &[json!({}), json!({"a": 1})]);
    }

    #[test]
    #[should_panic(expected = "the keyword oneOf is not checked")]
    fn a_keyword_that_is_not_checked_is_an_error() {
        violations(&json!({"oneOf": []}), &json!(1));
    }

    #[test]
    fn a_violation_says_where() {
        let schema = json!({"properties": {"detail": {"properties": {"paid": {"type": "boolean"}}}}});
        let found = violations(&schema, &json!({"detail": {"paid": "yes"}}));
        assert_eq!(found, ["/detail/paid: \"yes\" against type \"boolean\""]);
    }
}
