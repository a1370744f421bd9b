//! JSON as SPG writes it: types vary, fields come and go, names may come twice.
//!
//! Values stay raw text until they are asked for, so that an unknown block is skipped at any depth and a number never becomes a
//! float. Of a name that comes twice the last one counts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A JSON object, its values not looked into. `null` is the same as absent.
#[derive(Default)]
pub(crate) struct Block<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Block<'a> {
    /// None: not JSON, or not an object.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        Self::parse_text(std::str::from_utf8(bytes).ok()?)
    }

    /// None: not an object.
    pub(crate) fn of(raw: &'a RawValue) -> Option<Self> {
        Self::parse_text(raw.get())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied().filter(|raw| raw.get() != "null")
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, raw)| (name.as_ref(), *raw))
    }

    fn parse_text(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }
}

/// The text of a string, or a number as it was written. None: something else, or text that is no Unicode.
pub(crate) fn scalar(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    if json.starts_with('"') {
        return text(raw).map(Cow::Owned);
    }
    json.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then_some(Cow::Borrowed(json))
}

/// The text of a string and of nothing else.
pub(crate) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// The elements of a list. None: not a list.
pub(crate) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Reads optional fields: what cannot be read is dropped, and its name is kept.
#[derive(Default)]
pub(crate) struct Lenient {
    pub(crate) dropped: Vec<&'static str>,
}

impl Lenient {
    /// A string or number; empty is absent.
    pub(crate) fn field<T>(
        &mut self,
        block: &Block<'_>,
        name: &str,
        path: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = match scalar(block.get(name)?) {
            Some(text) if text.is_empty() => return None,
            Some(text) => parse(&text),
            None => None,
        };
        self.or_drop(path, value)
    }

    /// An object within; absent and unreadable are both empty.
    pub(crate) fn block<'a>(&mut self, block: &Block<'a>, name: &str, path: &'static str) -> Block<'a> {
        let Some(raw) = block.get(name) else { return Block::default() };
        self.or_drop(path, Block::of(raw)).unwrap_or_default()
    }

    pub(crate) fn or_drop<T>(&mut self, path: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.dropped.push(path);
        }
        value
    }
}
