//! A second reading of decimals, digit by digit.

use serde_json::value::RawValue;
use spg_domain::Amount;

use crate::input::raw_object;

/// Longest text that surely fits: 28 digits with everything around them.
const SURE_DIGITS: usize = 20;
const EXPONENT_DIGITS_MAX: usize = 6;

/// A number as sign, digits without zeros at either end, and power of ten. Two of them are equal exactly when the numbers are.
#[derive(Debug, PartialEq, Eq)]
struct Number {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// None: not a decimal number, or its exponent is absurd.
fn number(text: &str) -> Option<Number> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, signed(exponent)?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let end = digits.trim_end_matches('0');
    let exponent = exponent - i64::try_from(fraction.len()).ok()? + i64::try_from(digits.len() - end.len()).ok()?;
    let digits = end.trim_start_matches('0').to_owned();
    if digits.is_empty() {
        return Some(Number { negative: false, digits, exponent: 0 });
    }
    Some(Number { negative, digits, exponent })
}

fn signed(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let digits = digits.trim_start_matches('0');
    let value: i64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    (plain && digits.len() <= EXPONENT_DIGITS_MAX).then_some(if text.starts_with('-') { -value } else { value })
}

/// An amount is a plain decimal and a currency of three capital letters, with the currency's minor digits, or more where it needs them.
pub fn is_canonical(amount: &Amount) {
    let value = amount.value();
    let unsigned = value.strip_prefix('-').unwrap_or(&value);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    assert!(!whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()), "{value}");
    assert!(!fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()), "{value}");
    assert!(whole == "0" || !whole.starts_with('0'), "{value}");
    let zero = unsigned.bytes().all(|byte| b"0.".contains(&byte));
    assert!(!(zero && value.starts_with('-')) && value.len() <= 31, "{value}");
    let currency = amount.currency();
    let digits = unsigned.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let minor = [("JPY", 0), ("EUR", 2), ("USD", 2), ("KWD", 3), ("CLF", 4)].into_iter().find(|it| it.0 == currency);
    if let Some((_, minor)) = minor {
        // As many digits as fit: 28 in all.
        assert!(digits >= minor || whole.len() + minor > 28, "{value} {currency}");
        assert!(digits <= minor || !value.ends_with('0'), "{value} {currency}");
    }
    assert!(currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase()), "{currency}");
    assert_eq!(Amount::parse(&value, currency).as_ref(), Ok(amount));
}

/// The amount that was read is the one that is written, exactly; and what is surely an amount was read.
pub fn is_as_written(body: &[u8], read: Option<&Amount>) {
    if let Some(amount) = read {
        is_canonical(amount);
    }
    let written = written(body);
    let Some((value, currency)) = written else {
        assert!(read.is_none(), "an amount was read that is not there: {read:?}");
        return;
    };
    let number = number(value.trim());
    match read {
        Some(amount) => {
            let number = number.unwrap_or_else(|| panic!("{value:?} is no number, read as {amount}"));
            assert_eq!(Some(number), self::number(&amount.value()), "{value:?} was read as {amount}");
            assert_eq!(amount.currency(), currency.trim().to_ascii_uppercase());
        }
        None => assert!(!surely(&value, &currency), "{value:?} {currency:?} was not read"),
    }
}

/// Digits with at most one point among them, and not too many: every reader must take that.
fn surely(value: &str, currency: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_alphabetic());
    code && digits(whole) && digits(fraction) && value.len() <= SURE_DIGITS
}

/// Value and currency as text, as they are written. None where either is missing or neither text nor number.
fn written(body: &[u8]) -> Option<(String, String)> {
    let payload = raw_object(body)?;
    let amount = raw_object(payload.get("amount")?.get().as_bytes())?;
    Some((scalar(amount.get("value")?)?, scalar(amount.get("currency")?)?))
}

fn scalar(raw: &RawValue) -> Option<String> {
    let json = raw.get();
    if json.starts_with('"') {
        return serde_json::from_str(json).ok();
    }
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_exactly_when_the_numbers_are() {
        for same in [["15.9", "15.90"], ["1.59e1", "15.9"], ["-0.0", "0"], ["1E+2", "100"], ["0100", "1e2"]] {
            assert_eq!(number(same[0]), number(same[1]), "{same:?}");
        }
        for other in [["15.9", "1.59"], ["-1", "1"], ["0.1", "0.10000000000000000000000000000000001"]] {
            assert_ne!(number(other[0]), number(other[1]), "{other:?}");
        }
        for nothing in ["", ".", "-", "1_000", "e1", "1e", "1.2.3", "0x1", "NaN"] {
            assert_eq!(number(nothing), None, "{nothing}");
        }
    }
}
