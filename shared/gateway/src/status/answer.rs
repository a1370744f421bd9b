//! The Status API's answer (E.2): the webhook's core without a notificationID.

use spg_domain::{ShortText, StatusAnswer, TransactionId};

use crate::facts::{facts, payment_status, return_code};
use crate::json::{Block, Lenient};

/// A field of a usable answer could not be read and was left out.
const FIELD_DROPPED: &str = "a field cannot be read";

/// What a body says, whatever the HTTP status.
pub(super) struct Body {
    pub(super) answer: Result<StatusAnswer, &'static str>,
    pub(super) return_code: Option<ShortText>,
    /// A note on a usable answer.
    pub(super) note: Option<&'static str>,
}

pub(super) fn parse(body: &[u8]) -> Body {
    let Some(block) = Block::parse(body) else {
        return Body { answer: Err("not JSON"), return_code: None, note: None };
    };
    let mut lenient = Lenient::default();
    let return_code = return_code(&block, &mut lenient);
    let answer = answer(&block, &mut lenient);
    let note = (answer.is_ok() && !lenient.dropped.is_empty()).then_some(FIELD_DROPPED);
    Body { answer, return_code, note }
}

fn answer(block: &Block<'_>, lenient: &mut Lenient) -> Result<StatusAnswer, &'static str> {
    let payment_status = payment_status(block, lenient).ok_or("no paymentStatus")?;
    let transaction_id = lenient.field(block, "transactionID", "transactionID", |text| TransactionId::new(text).ok());
    if lenient.dropped.contains(&"transactionID") {
        // It is about something, and that cannot be compared (rule 8).
        return Err("the transactionID cannot be read");
    }
    let facts = facts(block, lenient);
    if lenient.dropped.contains(&"amount") {
        // The same: a Success over an amount that nobody could compare must not be called paid.
        return Err("the amount cannot be read");
    }
    Ok(StatusAnswer { payment_status, transaction_id, facts })
}
