//! An item of the transactions table, read attribute by attribute with eyes of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

/// What the demo looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    pub status: String,
    pub version: u64,
    pub sequence: u64,
    /// By notificationID, what became of each.
    pub notifications: BTreeMap<String, String>,
    pub history: Vec<Step>,
    /// Final states that were claimed and not confirmed.
    pub claims: BTreeSet<String>,
    /// Reasons for people to look at it.
    pub attention: BTreeSet<String>,
    /// Epoch milliseconds of the next query; absent: it is not due.
    pub next_check_at: Option<u64>,
    pub recheck_at: Option<u64>,
    pub other_merchants: bool,
}

/// A change of status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub to: String,
    pub source: String,
    /// Epoch milliseconds.
    pub at: u64,
}

type Attributes = HashMap<String, AttributeValue>;

impl Item {
    pub fn of(attributes: &Attributes) -> Self {
        Self {
            status: text(attributes, "paymentStatus"),
            version: number(attributes, "version").unwrap_or_default(),
            sequence: number(attributes, "sequence").unwrap_or_default(),
            notifications: map(attributes, "notifications").map(|(id, of)| (id.clone(), text(of, "as"))).collect(),
            history: list(attributes, "history").map(Step::of).collect(),
            claims: keys(attributes, "claims"),
            attention: keys(attributes, "attention"),
            next_check_at: number(attributes, "nextCheckAt"),
            recheck_at: number(attributes, "recheckAt"),
            other_merchants: matches!(attributes.get("otherMerchants"), Some(AttributeValue::Bool(true))),
        }
    }

    /// The status and by which evidence it came to it.
    pub fn evidence(&self) -> String {
        let steps = self.history.iter().map(|step| format!("{} ({})", step.to, step.source));
        steps.collect::<Vec<_>>().join(" > ")
    }

    /// When it came to its present status, in epoch milliseconds.
    pub fn since(&self) -> Option<u64> {
        self.history.last().map(|step| step.at)
    }

    /// How many final states it has had.
    pub fn decisions(&self) -> usize {
        self.history.iter().filter(|step| is_final(&step.to)).count()
    }

    pub fn is_final(&self) -> bool {
        is_final(&self.status)
    }
}

fn is_final(status: &str) -> bool {
    matches!(status, "Success" | "Declined" | "Error" | "Timeout")
}

impl Step {
    fn of(attributes: &Attributes) -> Self {
        Self {
            to: text(attributes, "to"),
            source: text(attributes, "by"),
            at: number(attributes, "at").unwrap_or_default(),
        }
    }
}

/// An item in words, for a table's cell.
pub fn in_words(item: Option<&Item>) -> String {
    let Some(item) = item else { return "nothing".to_owned() };
    let mut words = format!("{} v{}\n{}", item.status, item.version, item.evidence());
    let more = [
        (!item.attention.is_empty()).then(|| format!("attention: {}", joined(&item.attention))),
        (!item.claims.is_empty()).then(|| format!("claimed, not confirmed: {}", joined(&item.claims))),
        item.other_merchants.then(|| "other merchant's".to_owned()),
    ];
    for part in more.into_iter().flatten() {
        words.push('\n');
        words.push_str(&part);
    }
    words
}

fn joined(set: &BTreeSet<String>) -> String {
    set.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn text(attributes: &Attributes, name: &str) -> String {
    attributes.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

fn number(attributes: &Attributes, name: &str) -> Option<u64> {
    attributes.get(name)?.as_n().ok()?.parse().ok()
}

fn map<'a>(attributes: &'a Attributes, name: &str) -> impl Iterator<Item = (&'a String, &'a Attributes)> {
    let entries = attributes.get(name).and_then(|value| value.as_m().ok());
    entries.into_iter().flatten().filter_map(|(key, value)| Some((key, value.as_m().ok()?)))
}

fn keys(attributes: &Attributes, name: &str) -> BTreeSet<String> {
    attributes.get(name).and_then(|value| value.as_m().ok()).into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn list<'a>(attributes: &'a Attributes, name: &str) -> impl Iterator<Item = &'a Attributes> {
    let entries = attributes.get(name).and_then(|value| value.as_l().ok());
    entries.into_iter().flatten().filter_map(|value| value.as_m().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(value: u64) -> AttributeValue {
        AttributeValue::N(value.to_string())
    }

    fn s(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    fn m(entries: &[(&str, AttributeValue)]) -> AttributeValue {
        AttributeValue::M(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn reads_an_item_and_says_it() {
        let history = vec![
            m(&[("v", n(1)), ("to", s("Pending")), ("by", s("Registration")), ("at", n(5))]),
            m(&[("v", n(2)), ("from", s("Pending")), ("to", s("Success")), ("by", s("StatusApi")), ("at", n(9))]),
        ];
        let attributes: Attributes = [
            ("paymentStatus", s("Success")),
            ("version", n(2)),
            ("sequence", n(1)),
            ("notifications", m(&[("n-1", m(&[("as", s("Claimed"))]))])),
            ("history", AttributeValue::L(history)),
            ("claims", m(&[("Declined", n(7))])),
            ("attention", m(&[("PaidAgain", n(7))])),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let item = Item::of(&attributes);
        assert!(item.is_final());
        assert_eq!((item.version, item.sequence, item.since(), item.next_check_at), (2, 1, Some(9), None));
        assert_eq!(item.notifications["n-1"], "Claimed");
        assert_eq!(
            in_words(Some(&item)),
            "Success v2\nPending (Registration) > Success (StatusApi)\nattention: PaidAgain\n\
             claimed, not confirmed: Declined"
        );
        assert_eq!(in_words(None), "nothing");
    }
}
