//! SPG's JSON: the webhook's payload (SPG documentation E.1.1), the Status API's answer (E.2), and the merchant's initial
//! response as a registration. With the variations of types and the surprises that SPG is known for.

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::amount::Amount;
use crate::payment::{Kind, Payment, Truth};
use crate::seed::chance;

/// A number may come as a JSON number or as a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NumberStyle {
    #[default]
    Number,
    String,
}

/// How a date comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DateStyle {
    /// `2026-03-12T10:48:44Z`
    #[default]
    Seconds,
    /// `2026-03-12T10:48:44.127Z `, with a space at the end.
    MillisecondsAndSpace,
    /// No `transactionDateTime` at all.
    Absent,
}

/// The JSON types and extras of one payment's payloads. The default is that of the documentation's v2 sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct WireStyle {
    pub amount: NumberStyle,
    pub terminal: NumberStyle,
    pub date: DateStyle,
    /// Blocks and fields that no document names, and null where a value is expected.
    pub unknown_blocks: bool,
    /// A `customer` block with personal data, beside the token.
    pub customer: bool,
    /// While Pending, the Status API answers with the two status fields alone.
    pub minimal_answers: bool,
}

impl WireStyle {
    /// A style drawn at random.
    pub fn drawn(rng: &mut impl Rng) -> Self {
        let number = |string| if string { NumberStyle::String } else { NumberStyle::Number };
        Self {
            amount: number(chance(rng, 50)),
            terminal: number(chance(rng, 50)),
            date: match rng.random_range(0..10) {
                0..6 => DateStyle::Seconds,
                6..9 => DateStyle::MillisecondsAndSpace,
                _rest => DateStyle::Absent,
            },
            unknown_blocks: chance(rng, 30),
            customer: chance(rng, 30),
            minimal_answers: chance(rng, 20),
        }
    }
}

/// The decrypted payload of a webhook.
pub fn notification(payment: &Payment, truth: &Truth, notification_id: &str, at: OffsetDateTime) -> Value {
    let mut payload = core(payment, truth);
    let style = payment.style;
    payload.insert("notificationID".into(), notification_id.into());
    if let Some(date) = date(style.date, at) {
        payload.insert("transactionDateTime".into(), date.into());
    }
    payload.insert("internalTransactionId".into(), payment.internal_transaction_id.clone().into());
    payload.insert("token".into(), token(payment));
    merchant(&mut payload, "transactionId", payment);
    if style.customer {
        let customer = json!({"customerInfo": {"customerName": "Maria Exemplo", "customerEmail": "maria@example.com"}});
        payload.insert("customer".into(), customer);
    }
    if style.unknown_blocks {
        payload.insert("installmentPlan".into(), Value::Null);
        payload.insert("threeDSecure".into(), json!({"liabilityShift": "true"}));
        payload.insert("blockOfTheFuture".into(), json!({"depth": [[{"isNew": true}]], "paymentStatus": "Declined"}));
    }
    Value::Object(payload)
}

/// The Status API's answer: the payload without notificationID and often without a date; the order id goes by another name.
pub fn status_answer(payment: &Payment, truth: &Truth) -> Value {
    let return_status = json!({
        "statusCode": truth.return_code,
        "statusMsg": truth.return_message,
        "statusDescription": format!("The payment is {}", truth.status),
    });
    let pending = !truth.status.is_final();
    if payment.style.minimal_answers && pending {
        return json!({"returnStatus": return_status, "paymentStatus": truth.status});
    }
    let mut answer = core(payment, truth);
    answer.insert("returnStatus".into(), return_status);
    answer.insert("execution".into(), execution());
    answer.insert("token".into(), token(payment));
    merchant(&mut answer, "merchantTransactionId", payment);
    Value::Object(answer)
}

/// What the checkout is answered with: identifiers and methods, and no paymentStatus, for nothing is paid yet (C.3).
pub fn checkout_answer(payment: &Payment, signature: &str, methods: &[&str]) -> Value {
    let mut answer = envelope(payment);
    answer.insert("transactionSignature".into(), signature.into());
    answer.insert("amount".into(), amount(payment, payment.truth()));
    answer.insert("formContext".into(), payment.internal_transaction_id.clone().into());
    answer.insert("paymentMethodList".into(), methods.into());
    Value::Object(answer)
}

/// What a purchase, a generated reference, a capture, a refund or a cancellation is answered with: the state at once.
pub fn initial_answer(payment: &Payment) -> Value {
    let mut answer = core(payment, payment.truth());
    answer.extend(envelope(payment));
    Value::Object(answer)
}

/// What every answer to an order has.
fn envelope(payment: &Payment) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("returnStatus".into(), json!({"statusCode": "000", "statusMsg": "Success"}));
    fields.insert("transactionID".into(), payment.transaction_id.clone().into());
    fields.insert("execution".into(), execution());
    merchant(&mut fields, "merchantTransactionId", payment);
    fields
}

fn execution() -> Value {
    json!({"startTime": "2026-03-12T10:00:00.000Z", "endTime": "2026-03-12T10:00:00.050Z"})
}

/// The merchant's own initial response (always Pending) as a registration of the transaction.
pub fn registration(payment: &Payment) -> Value {
    let truth = &payment.truths[0].truth;
    json!({
        "transactionID": payment.transaction_id,
        "paymentStatus": truth.status,
        "merchantTransactionId": payment.merchant_transaction_id,
        "terminalId": payment.spec.terminal,
        "paymentMethod": payment.method(),
        "paymentType": truth.payment_type,
        "amount": {"value": truth.amount.as_json_string(), "currency": payment.spec.currency},
    })
}

fn core(payment: &Payment, truth: &Truth) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("returnStatus".into(), json!({"statusMsg": truth.return_message, "statusCode": truth.return_code}));
    fields.insert("paymentStatus".into(), truth.status.as_str().into());
    fields.insert("paymentMethod".into(), payment.method().into());
    fields.insert("transactionID".into(), payment.transaction_id.clone().into());
    fields.insert("amount".into(), amount(payment, truth));
    fields.insert("paymentType".into(), truth.payment_type.clone().into());
    if let Some(paid) = truth.reference_paid {
        fields.insert("paymentReference".into(), reference(payment, truth, paid));
    }
    fields
}

fn amount(payment: &Payment, truth: &Truth) -> Value {
    json!({"currency": payment.spec.currency, "value": money(payment.style.amount, truth.amount)})
}

fn merchant(fields: &mut Map<String, Value>, order_field: &str, payment: &Payment) {
    let terminal = match payment.style.terminal {
        NumberStyle::Number => {
            payment.spec.terminal.parse::<u64>().map_or_else(|_| payment.spec.terminal.clone().into(), Value::from)
        }
        NumberStyle::String => payment.spec.terminal.clone().into(),
    };
    let mut merchant = json!({"terminalId": terminal, "merchantName": "MERCHANT DOT COM", "inApp": "false"});
    merchant[order_field] = payment.merchant_transaction_id.clone().into();
    fields.insert("merchant".into(), merchant);
}

fn reference(payment: &Payment, truth: &Truth, paid: bool) -> Value {
    json!({
        "reference": payment.reference,
        "entity": "24000",
        "paymentEntity": "24000",
        "amount": {"value": money(payment.style.amount, truth.amount), "currency": payment.spec.currency},
        "status": if paid { "PAID" } else { "UNPAID" },
        "expireDate": "2026-12-31T23:59:59.000Z",
    })
}

fn token(payment: &Payment) -> Value {
    let method = match payment.spec.kind {
        // Of the method of what they refer to.
        Kind::Cancellation | Kind::Capture | Kind::Refund => payment.method(),
        kind @ (Kind::MbWay | Kind::Card | Kind::Reference | Kind::Authorisation) => kind.method(),
    };
    match method {
        "MBWAY" => json!({"tokenType": "MobilePhone", "value": payment.phone}),
        "REFERENCE" => Value::Null,
        _card => {
            json!({"tokenType": "Card", "value": "4111********1111", "maskedPAN": "4111********1111", "expireDate": "2031-12"})
        }
    }
}

fn money(style: NumberStyle, amount: Amount) -> Value {
    match style {
        NumberStyle::Number => amount.as_json_number(),
        NumberStyle::String => amount.as_json_string(),
    }
}

fn date(style: DateStyle, at: OffsetDateTime) -> Option<String> {
    let (date, time) = (at.date(), at.time());
    let seconds = format!("{date}T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    match style {
        DateStyle::Seconds => Some(format!("{seconds}Z")),
        DateStyle::MillisecondsAndSpace => Some(format!("{seconds}.127Z ")),
        DateStyle::Absent => None,
    }
}

/// Lays `patch` over `target`: objects field by field (null removes a field), everything else replaced.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
