//! The bodies of orders, read as SPG's documentation describes them.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Refusal;
use crate::amount::Amount;
use crate::payment::{Kind, PaymentSpec};

const DECIMALS_MAX: u32 = 2;

/// Which bodies are accepted where public clients send less than the documentation asks for: the validity of a reference in the
/// checkout, and the merchant and transaction blocks of captures, refunds and cancellations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bodies {
    /// As the documentation has them; everything else is refused.
    #[default]
    Documented,
    /// Also without those blocks; a capture, refund or cancellation may have its `amount` at the top, and means everything
    /// that is left without one.
    Abbreviated,
}

/// How a checkout can be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    MbWay,
    Card,
    Reference,
}

impl Method {
    /// As in `paymentMethod`.
    pub fn name(self) -> &'static str {
        match self {
            Self::MbWay => "MBWAY",
            Self::Card => "CARD",
            Self::Reference => "REFERENCE",
        }
    }

    fn read(value: &Value) -> Result<Self, Refusal> {
        [Self::MbWay, Self::Card, Self::Reference]
            .into_iter()
            .find(|method| value.as_str() == Some(method.name()))
            .ok_or_else(|| Refusal::invalid(format!("transaction.paymentMethod: {value} is not simulated")))
    }

    /// The lifecycle of a payment of this method.
    pub fn kind(self, payment_type: &str) -> Kind {
        match self {
            Self::Card if payment_type == AUTHORISATION => Kind::Authorisation,
            Self::Card => Kind::Card,
            Self::MbWay => Kind::MbWay,
            Self::Reference => Kind::Reference,
        }
    }
}

/// The paymentType that only reserves the money.
pub const AUTHORISATION: &str = "AUTH";
const PURCHASE: &str = "PURS";

/// `POST /payments`
pub struct Checkout {
    pub spec: PaymentSpec,
    pub methods: Vec<Method>,
}

impl Checkout {
    /// Reads it, or says which field is wrong.
    pub fn read(body: &Value, bodies: Bodies) -> Result<Self, Refusal> {
        let (merchant, transaction) = (block(body, "merchant")?, block(body, "transaction")?);
        let terminal = terminal(merchant)?;
        text(merchant, "channel")?;
        let order_id = text(merchant, "merchantTransactionId")?;
        timestamp(transaction, "transactionTimestamp")?;
        text(transaction, "description")?;
        if !transaction["moto"].is_boolean() {
            return Err(missing("transaction.moto"));
        }
        let payment_type = text(transaction, "paymentType")?;
        if ![PURCHASE, AUTHORISATION].contains(&payment_type) {
            return Err(Refusal::invalid("transaction.paymentType: neither PURS nor AUTH"));
        }
        let (amount, currency) = amount(&transaction["amount"])?;
        let listed = transaction["paymentMethod"].as_array().filter(|list| !list.is_empty());
        let methods = listed.ok_or_else(|| missing("transaction.paymentMethod"))?;
        let methods: Vec<Method> = methods.iter().map(Method::read).collect::<Result<_, _>>()?;
        if methods.contains(&Method::Reference) && bodies == Bodies::Documented {
            let validity = block(transaction, "paymentReference")?;
            timestamp(validity, "initialDatetime")?;
            timestamp(validity, "finalDatetime")?;
        }
        let spec = PaymentSpec {
            currency,
            terminal,
            merchant_transaction_id: Some(order_id.to_owned()),
            payment_type: Some(payment_type.to_owned()),
            ..PaymentSpec::new(methods[0].kind(payment_type), 0)
        };
        Ok(Self { spec: PaymentSpec { amount, ..spec }, methods })
    }
}

/// The body of a capture, a refund or a cancellation.
pub struct Operated {
    /// Everything that is left, if absent.
    pub amount: Option<(Amount, String)>,
    pub merchant_transaction_id: Option<String>,
}

impl Operated {
    /// Reads it, or says which field is wrong. `id` is the transaction in the path.
    pub fn read(body: &Value, id: &str, bodies: Bodies) -> Result<Self, Refusal> {
        if bodies == Bodies::Abbreviated && body.get("transaction").is_none() {
            let given = body.get("amount").map(amount).transpose()?;
            let order_id = body["merchantTransactionId"].as_str().map(ToOwned::to_owned);
            return Ok(Self { amount: given, merchant_transaction_id: order_id });
        }
        let (merchant, transaction) = (block(body, "merchant")?, block(body, "transaction")?);
        terminal(merchant)?;
        text(merchant, "channel")?;
        let order_id = text(merchant, "merchantTransactionId")?;
        timestamp(transaction, "transactionTimestamp")?;
        text(transaction, "description")?;
        let original = block(transaction, "originalTransaction")?;
        if text(original, "id")? != id {
            return Err(Refusal::invalid("transaction.originalTransaction.id: another transaction than in the path"));
        }
        timestamp(original, "datetime")?;
        let given = amount(&transaction["amount"])?;
        Ok(Self { amount: Some(given), merchant_transaction_id: Some(order_id.to_owned()) })
    }
}

/// A body that is a JSON object.
pub fn object(body: &[u8]) -> Result<Value, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Refusal::invalid("the body is not JSON"))?;
    if value.is_object() { Ok(value) } else { Err(Refusal::invalid("the body is not a JSON object")) }
}

/// A text that is there and not blank.
pub fn text<'a>(within: &'a Value, field: &str) -> Result<&'a str, Refusal> {
    within[field].as_str().filter(|text| !text.trim().is_empty()).ok_or_else(|| missing(field))
}

/// A block that is there.
pub fn block<'a>(within: &'a Value, field: &str) -> Result<&'a Value, Refusal> {
    within.get(field).filter(|value| value.is_object()).ok_or_else(|| missing(field))
}

fn missing(field: &str) -> Refusal {
    Refusal::invalid(format!("{field}: missing or of the wrong type"))
}

fn terminal(merchant: &Value) -> Result<String, Refusal> {
    let terminal = &merchant["terminalId"];
    let digits =
        terminal.as_u64().map(|number| number.to_string()).or_else(|| terminal.as_str().map(ToOwned::to_owned));
    digits
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| missing("merchant.terminalId"))
}

fn timestamp(within: &Value, field: &str) -> Result<(), Refusal> {
    let readable = OffsetDateTime::parse(text(within, field)?, &Rfc3339).is_ok();
    if readable { Ok(()) } else { Err(Refusal::invalid(format!("{field}: not a date and time"))) }
}

fn amount(block: &Value) -> Result<(Amount, String), Refusal> {
    let wrong = || Refusal::invalid("amount.value: not a positive amount of at most two decimals");
    // A number, as the documentation says: SPG's own answers vary, its requests do not.
    let value = block.get("value").filter(|value| value.is_number()).ok_or_else(wrong)?;
    let amount: Amount = serde_json::from_value(value.clone()).map_err(|_| wrong())?;
    if amount.0 <= Decimal::ZERO || amount.0.normalize().scale() > DECIMALS_MAX {
        return Err(wrong());
    }
    let currency = text(block, "currency")?;
    let letters = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    if letters { Ok((amount, currency.to_owned())) } else { Err(Refusal::invalid("amount.currency: not ISO 4217")) }
}
