//! The core of fields that webhooks (E.1.1) and status answers (E.2) share.

use spg_domain::{Amount, Facts, PaymentStatus, ReferenceStatus, ShortText, Timestamp};

use crate::json::{Block, Lenient, scalar};

/// What is known of the payment besides its status. Personal data is never looked at.
pub(crate) fn facts(payload: &Block<'_>, lenient: &mut Lenient) -> Facts {
    let merchant = lenient.block(payload, "merchant", "merchant");
    // Status answers name the order id differently from webhooks.
    let order_id =
        lenient.field(&merchant, "merchantTransactionId", "merchant.merchantTransactionId", short_text).or_else(|| {
            let path = "merchant.transactionId";
            lenient.field(&merchant, "transactionId", path, short_text)
        });
    Facts {
        merchant_transaction_id: order_id,
        terminal_id: lenient.field(&merchant, "terminalId", "merchant.terminalId", short_text),
        payment_method: lenient.field(payload, "paymentMethod", "paymentMethod", short_text),
        payment_type: lenient.field(payload, "paymentType", "paymentType", short_text),
        amount: amount(payload, lenient),
        reference_status: reference_status(payload, lenient),
        transaction_date_time: lenient.field(payload, "transactionDateTime", "transactionDateTime", Timestamp::parse),
    }
}

pub(crate) fn payment_status(payload: &Block<'_>, lenient: &mut Lenient) -> Option<PaymentStatus> {
    lenient.field(payload, "paymentStatus", "paymentStatus", |text| PaymentStatus::parse(text.trim()).ok())
}

/// `returnStatus.statusCode`, opaque.
pub(crate) fn return_code(payload: &Block<'_>, lenient: &mut Lenient) -> Option<ShortText> {
    let return_status = lenient.block(payload, "returnStatus", "returnStatus");
    lenient.field(&return_status, "statusCode", "returnStatus.statusCode", short_text)
}

/// The value is a number or a string (`15.9`, `"16.20"`). A block without a value states no amount (mandates).
fn amount(payload: &Block<'_>, lenient: &mut Lenient) -> Option<Amount> {
    let block = lenient.block(payload, "amount", "amount");
    let value = block.get("value")?;
    let parsed = scalar(value).and_then(|value| {
        let currency = scalar(block.get("currency")?)?;
        Amount::parse(&value, &currency).ok()
    });
    lenient.or_drop("amount", parsed)
}

/// Present and not `PAID` is unpaid, whatever else it says or fails to say: the other way round would ship goods for nothing.
fn reference_status(payload: &Block<'_>, lenient: &mut Lenient) -> Option<ReferenceStatus> {
    payload.get("paymentReference")?;
    let block = lenient.block(payload, "paymentReference", "paymentReference");
    let status = lenient.field(&block, "status", "paymentReference.status", |text| Some(text.trim() == "PAID"));
    Some(if status == Some(true) { ReferenceStatus::Paid } else { ReferenceStatus::Unpaid })
}

fn short_text(text: &str) -> Option<ShortText> {
    ShortText::new(text.trim()).ok()
}
