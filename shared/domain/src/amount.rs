//! Money: a decimal and a currency, never a float.

use std::fmt;

use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};

use crate::ShortText;

/// An amount of money. Two amounts are equal when they are equal as numbers: 15.9 EUR is 15.90 EUR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Amount {
    #[serde(serialize_with = "as_text")]
    value: Decimal,
    currency: ShortText,
}

/// An amount in JSON: what comes in there keeps to the same rules as everywhere.
#[derive(Deserialize)]
struct Written {
    value: String,
    currency: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("the value is not a decimal number of at most 28 digits")]
    Value,
    #[error("the currency is not a code of three letters")]
    Currency,
}

impl Amount {
    /// Reads a decimal as SPG writes it, as a JSON number or in a string: `15.9`, `2.0`, `16.20`, `1.59e1`.
    ///
    /// # Errors
    /// [`AmountError`] when the value is not a decimal that fits 28 digits, or the currency is not three ASCII letters.
    pub fn parse(value: &str, currency: &str) -> Result<Self, AmountError> {
        let currency = currency.trim();
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(AmountError::Currency);
        }
        let currency = ShortText::new(currency.to_ascii_uppercase()).map_err(|_| AmountError::Currency)?;
        let value = with_minor_digits(parse_decimal(value.trim())?, currency.as_str());
        Ok(Self { value, currency })
    }

    /// The value with the minor digits of its currency by ISO 4217 (`15.90` of EUR, `1500` of JPY), or more where it has more. That of a
    /// currency which the standard does not have is as it was given.
    pub fn value(&self) -> String {
        self.value.to_string()
    }

    /// The same for all ways to write the same amount: `15.9 EUR`.
    pub(crate) fn canonical(&self) -> String {
        format!("{} {}", self.value.normalize(), self.currency)
    }

    pub fn currency(&self) -> &str {
        self.currency.as_str()
    }

    pub(crate) fn same_value(&self, other: &Self) -> bool {
        self.value == other.value
    }

    pub(crate) fn same_currency(&self, other: &Self) -> bool {
        self.currency == other.currency
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value, self.currency)
    }
}

/// Exactly, or not at all: a value that would have to be rounded is refused.
fn parse_decimal(text: &str) -> Result<Decimal, AmountError> {
    // The library also takes 1_000, which is no number of SPG's.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return Err(AmountError::Value);
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let exact = Decimal::from_str_exact(mantissa).map_err(|_| AmountError::Value)?;
    // By itself this would round a mantissa that is too long.
    let decimal = if mantissa == text { Ok(exact) } else { Decimal::from_scientific(text) };
    let mut decimal = decimal.map_err(|_| AmountError::Value)?;
    if decimal.is_zero() {
        decimal.set_sign_positive(true);
    }
    Ok(decimal)
}

fn with_minor_digits(value: Decimal, currency: &str) -> Decimal {
    let Some(digits) = Currency::from_code(currency).and_then(Currency::exponent) else { return value };
    let mut value = value.normalize();
    value.rescale(value.scale().max(digits.into()));
    value
}

fn as_text<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl TryFrom<Written> for Amount {
    type Error = AmountError;
    fn try_from(written: Written) -> Result<Self, AmountError> {
        Self::parse(&written.value, &written.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Result<&str, AmountError>) {
        assert_eq!(Amount::parse(value, "EUR").map(|a| a.value()), expected.map(str::to_owned), "{value}");
    }

    #[test]
    fn values_as_spg_writes_them() {
        check("15.9", Ok("15.90"));
        check("15.90", Ok("15.90"));
        check("2.0", Ok("2.00"));
        check("0", Ok("0.00"));
        check("-0.00", Ok("0.00"));
        check("1.59e1", Ok("15.90"));
        check("1E2", Ok("100.00"));
        check("18.4501", Ok("18.4501"));
        check("18.4500", Ok("18.45"));
        check("0.30000000000000004", Ok("0.30000000000000004"));
        check("79228162514264337593543950335", Ok("79228162514264337593543950335"));
    }

    #[test]
    fn each_currency_has_its_minor_digits() {
        for (value, currency, expected) in [
            ("1500.0", "JPY", "1500"),
            ("1.5", "KWD", "1.500"),
            ("1.5", "CLF", "1.5000"),
            ("1.50", "ZZZ", "1.50"),
            ("-0.0", "ZZZ", "0.0"),
            ("1", "XAU", "1"),
        ] {
            assert_eq!(Amount::parse(value, currency).unwrap().value(), expected, "{value} {currency}");
        }
    }

    /// A notification is known again by this, whatever digits it is written with.
    #[test]
    fn one_amount_has_one_canonical_form() {
        for (value, currency, expected) in
            [("15.90", "EUR", "15.9 EUR"), ("1.50", "ZZZ", "1.5 ZZZ"), ("-0.0", "ZZZ", "0 ZZZ")]
        {
            assert_eq!(Amount::parse(value, currency).unwrap().canonical(), expected);
        }
    }

    #[test]
    fn what_is_not_an_exact_decimal_is_refused() {
        for bad in ["", "abc", "1,5", "NaN", "1e99", "1_5.9", "1_0e1", "1e", "e1", "1e1e1"] {
            check(bad, Err(AmountError::Value));
        }
        for inexact in [
            "0.12345678901234567890123456789012",
            "0.12345678901234567890123456789012e1",
            "79228162514264337593543950336",
            "1e-29",
        ] {
            check(inexact, Err(AmountError::Value));
        }
        assert_eq!(Amount::parse("1", "EURO"), Err(AmountError::Currency));
        assert_eq!(Amount::parse("1", ""), Err(AmountError::Currency));
    }

    #[test]
    fn equal_as_numbers_and_in_any_case_of_currency() {
        assert_eq!(Amount::parse("15.90", "eur"), Amount::parse("15.9", "EUR"));
        assert_eq!(Amount::parse("1", " eur ").unwrap().to_string(), "1.00 EUR");
    }

    #[test]
    fn in_json_the_same_rules_hold() {
        let read = |json: &str| serde_json::from_str::<Amount>(json).ok();
        let amount = Amount::parse("15.90", "eur").unwrap();
        assert_eq!(serde_json::to_string(&amount).unwrap(), r#"{"value":"15.90","currency":"EUR"}"#);
        assert_eq!(read(r#"{"value":"15.90","currency":"eur"}"#), Some(amount));
        for bad in [
            r#"{"value":"15.9","currency":"EURO"}"#,
            r#"{"value":"1_5","currency":"EUR"}"#,
            r#"{"value":15.9,"currency":"EUR"}"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
