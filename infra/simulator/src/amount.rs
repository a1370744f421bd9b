//! Money: a decimal, never a float.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// An amount of money without its currency. In the simulator's own JSON it is a decimal string; numbers are read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub Decimal);

impl Amount {
    /// An amount of so many hundredths: `from_cents(1590)` is 15.90.
    pub fn from_cents(cents: i64) -> Self {
        Self(Decimal::new(cents, 2))
    }

    /// As SPG writes numbers: no superfluous zeros, but always one decimal (`15.9`, `2.0`).
    pub fn as_json_number(self) -> Value {
        let normal = self.0.normalize().to_string();
        let text = if normal.contains('.') { normal } else { format!("{normal}.0") };
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// As SPG writes strings: two decimals (`"16.20"`).
    pub fn as_json_string(self) -> Value {
        Value::String(self.to_string())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.2}", self.0))
    }
}

impl FromStr for Amount {
    type Err = rust_decimal::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Decimal::from_str_exact(text).map(Self)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
        };
        text.parse().map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &"an amount such as \"15.90\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_as_spg_does() {
        for (cents, number, text) in
            [(1590, "15.9", "15.90"), (200, "2.0", "2.00"), (0, "0.0", "0.00"), (1, "0.01", "0.01")]
        {
            let amount = Amount::from_cents(cents);
            assert_eq!(amount.as_json_number().to_string(), number);
            assert_eq!(amount.as_json_string(), Value::String(text.into()));
        }
    }

    #[test]
    fn reads_strings_and_numbers() {
        for text in ["15.9", "\"15.90\""] {
            assert_eq!(serde_json::from_str::<Amount>(text).unwrap(), Amount::from_cents(1590));
        }
        for text in ["\"\"", "null", "\"a\"", "[1]"] {
            assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
        }
    }
}
