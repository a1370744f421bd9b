//! The merchant's own initial response, sent to `POST /transactions`. Strict where webhooks are lenient: the merchant can correct it.

use spg_domain::{Amount, Facts, PaymentStatus, Registration, ShortText, TransactionId};

use crate::json::{Block, scalar};

/// Largest registration that is accepted, in bytes.
pub const REGISTRATION_BYTES_MAX: usize = 64 * 1024;

const ID: &str = "a text of 1 to 256 bytes";
const WORD: &str = "a text of 1 to 128 bytes";
const AMOUNT: &str = "an object with value and currency";
const VALUE: &str = "a decimal number of at most 28 digits, as text or number";
const CURRENCY: &str = "a currency code of three letters";

/// What to tell the merchant (400). Names the field, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    #[error("the registration has more than {REGISTRATION_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the registration is not a JSON object")]
    NotJson,
    #[error("{field} is missing; expected {expected}")]
    Missing { field: &'static str, expected: &'static str },
    #[error("{field} cannot be read; expected {expected}")]
    Malformed { field: &'static str, expected: &'static str },
}

/// Reads a registration. Unknown fields are ignored, `null` is absent, and numbers are accepted where SPG itself writes them.
///
/// # Errors
/// [`RegistrationError`] naming the first field that is missing or wrong, and what is expected.
pub fn parse_registration(body: &[u8]) -> Result<(TransactionId, Registration), RegistrationError> {
    if body.len() > REGISTRATION_BYTES_MAX {
        return Err(RegistrationError::TooLarge);
    }
    let block = Block::parse(body).ok_or(RegistrationError::NotJson)?;
    let id = field(&block, "transactionID", "transactionID", ID, |text| TransactionId::new(text).ok())?
        .ok_or(RegistrationError::Missing { field: "transactionID", expected: ID })?;
    let registration = Registration {
        payment_status: field(&block, "paymentStatus", "paymentStatus", WORD, |text| {
            PaymentStatus::parse(text.trim()).ok()
        })?,
        facts: Facts {
            merchant_transaction_id: short_text(&block, "merchantTransactionId")?,
            terminal_id: short_text(&block, "terminalId")?,
            payment_method: short_text(&block, "paymentMethod")?,
            payment_type: short_text(&block, "paymentType")?,
            amount: amount(&block)?,
            ..Facts::default()
        },
    };
    Ok((id, registration))
}

fn amount(block: &Block<'_>) -> Result<Option<Amount>, RegistrationError> {
    let Some(raw) = block.get("amount") else { return Ok(None) };
    let amount = Block::of(raw).ok_or(RegistrationError::Malformed { field: "amount", expected: AMOUNT })?;
    let value = field(&amount, "value", "amount.value", VALUE, |text| {
        // Checked by itself, so that the error names the right one of the two.
        Amount::parse(text, "EUR").is_ok().then(|| text.to_owned())
    })?
    .ok_or(RegistrationError::Missing { field: "amount.value", expected: VALUE })?;
    field(&amount, "currency", "amount.currency", CURRENCY, |text| Amount::parse(&value, text).ok())?
        .map(Some)
        .ok_or(RegistrationError::Missing { field: "amount.currency", expected: CURRENCY })
}

fn short_text(block: &Block<'_>, name: &'static str) -> Result<Option<ShortText>, RegistrationError> {
    field(block, name, name, WORD, |text| ShortText::new(text.trim()).ok())
}

fn field<T>(
    block: &Block<'_>,
    name: &str,
    path: &'static str,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, RegistrationError> {
    let Some(raw) = block.get(name) else { return Ok(None) };
    scalar(raw).and_then(|text| parse(&text)).map(Some).ok_or(RegistrationError::Malformed { field: path, expected })
}
