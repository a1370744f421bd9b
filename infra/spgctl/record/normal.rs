//! What differs from run to run gets the same words each time.

use std::collections::BTreeMap;

use regex_lite::{Captures, Regex};

/// Replaces moments, spans, addresses, random ids and sequences; the same one of the last two stays the same throughout.
#[derive(Default)]
pub struct Normaliser {
    uuids: BTreeMap<String, usize>,
    sequences: BTreeMap<String, usize>,
}

impl Normaliser {
    pub fn normal(&mut self, text: &str) -> String {
        let replace = |text: &str, pattern: &str, by: &str| match Regex::new(pattern) {
            Ok(pattern) => pattern.replace_all(text, by).into_owned(),
            Err(_) => text.to_owned(),
        };
        let text = replace(text, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "2026-03-12T10:48:44.120Z");
        let text = replace(&text, r"\b\d+ (s|min)( ago\b|  )", "3 s$2");
        let text = replace(&text, r"\b(in|within|due for) \d+ (s|min|h)\b", "$1 40 s");
        let text = replace(&text, r"\bin \d+ d\b", "in 400 d");
        let text = replace(&text, r#"("ageSeconds": )\d+"#, "${1}3");
        let text = replace(&text, r"spgctl-test-[0-9a-f]{16}", "spgctl-test-4f0c2a9be1d87365");
        let text = replace(
            &text,
            r"http://localhost:\d+/_aws/execute-api/[0-9a-z]+",
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com",
        );
        let text =
            numbered(&text, r"\b\d{13}\b", &mut self.sequences, |number| format!("{}", 1_773_312_524_120 + number));
        let uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        numbered(&text, uuid, &mut self.uuids, |number| format!("6c1f1c0e-3f5b-4d0a-9c55-{number:012}"))
    }
}

/// Replaces what matches by what is made of its number, which counts from 1 in the order of appearance.
fn numbered(text: &str, pattern: &str, seen: &mut BTreeMap<String, usize>, made: fn(usize) -> String) -> String {
    let Ok(pattern) = Regex::new(pattern) else { return text.to_owned() };
    let by = |found: &Captures<'_>| {
        let next = seen.len() + 1;
        made(*seen.entry(found[0].to_owned()).or_insert(next))
    };
    pattern.replace_all(text, by).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_read_the_same() {
        let a = "x 2026-11-21T12:25:57.812Z (17 s ago) at http://localhost:46177/_aws/execute-api/3cf85523/webhook s#1763727957812\n\
                 id 11111111-2222-3333-4444-555555555555 and 99999999-2222-3333-4444-555555555555, in 41 s";
        let b = "x 2027-01-02T02:05:07Z (2 min ago) at http://localhost:1/_aws/execute-api/abc/webhook s#1798855507000\n\
                 id aaaaaaaa-2222-3333-4444-555555555555 and bbbbbbbb-2222-3333-4444-555555555555, in 9 s";
        let seen = Normaliser::default().normal(a);
        assert_eq!(seen, Normaliser::default().normal(b));
        assert!(seen.contains("000000000001 and 6c1f1c0e-3f5b-4d0a-9c55-000000000002"), "{seen}");
        let mut normaliser = Normaliser::default();
        assert_eq!(normaliser.normal(a), normaliser.normal(a), "an id keeps its name");
    }
}
