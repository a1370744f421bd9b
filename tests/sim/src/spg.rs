//! SPG's webhooks: sealed, sent, and sent again until the acknowledgement is the right one.

use serde_json::{Value, json};
use spg_simulator::WebhookKey;
use spg_simulator::crypto::{Envelope, IV_HEADER, KEY_BYTES, TAG_HEADER, encrypt};
use spg_simulator::retry::{RETRIES_END_AFTER, interval_before};

use crate::functions::HttpAnswer;
use crate::spec::{ForgeryWay, Moment, Payment, Spec};
use crate::world::{Event, State};

/// Personal data that is in every webhook and must be nowhere else.
pub(crate) const PHONE: &str = "351#912345678";
pub(crate) const CUSTOMER: &str = "Maria Exemplo";

const FORGERS_KEY: [u8; KEY_BYTES] = [66; KEY_BYTES];

pub(crate) struct Spg {
    keys: [WebhookKey; 2],
    ivs: u64,
    /// Notifications that SPG holds for delivered.
    pub delivered: u64,
}

/// Where a notification comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub payment: usize,
    pub moment: usize,
    pub copy: usize,
}

impl Spg {
    pub fn new(spec: &Spec) -> Self {
        let _ = spec;
        let keys = [WebhookKey::from_bytes([1; KEY_BYTES]), WebhookKey::from_bytes([2; KEY_BYTES])];
        Self { keys, ivs: 0, delivered: 0 }
    }

    fn iv(&mut self) -> [u8; 12] {
        self.ivs += 1;
        let mut iv = [0; 12];
        iv[4..].copy_from_slice(&self.ivs.to_be_bytes());
        iv
    }
}

pub(crate) fn notification_id(payment: &Payment, moment: usize) -> String {
    format!("{}/n{moment}", payment.id)
}

impl State {
    /// The secret in Secrets Manager: the new key is in it some time before SPG uses it, the old one some time after.
    pub fn secret(&self) -> String {
        let keys = &self.spg.keys;
        let hour = crate::moment::HOUR;
        let texts: Vec<String> = match self.spec.rotation_at {
            // The merchant forgot to put the new key in before SPG used it, and does so ten minutes later.
            Some(at) if self.now < at + 10 * crate::moment::MINUTE => vec![keys[0].to_base64()],
            Some(at) if self.now < at + 200 * hour => vec![keys[1].to_base64(), keys[0].to_base64()],
            Some(_) => vec![keys[1].to_base64()],
            None => vec![keys[0].to_base64()],
        };
        json!({"keys": texts}).to_string()
    }

    pub fn webhook(&mut self, place: Place) -> Value {
        let spec = self.spec.clone();
        let payment = &spec.payments[place.payment];
        let moment = &payment.life[place.moment];
        let conflicting = moment.conflicting && place.copy + 1 == moment.sent_at.len();
        let order = if conflicting { "another-order" } else { "order" };
        let payload = payload(payment, moment, place.moment, order);
        let key = usize::from(spec.rotation_at.is_some_and(|at| self.now >= at));
        let iv = self.spg.iv();
        let sealed = encrypt(&self.spg.keys[key], iv, payload.as_bytes());
        sealed.map(|envelope| request(&envelope)).unwrap_or_default()
    }

    pub fn forgery(&mut self, payment: usize, way: ForgeryWay) -> Value {
        let spec = self.spec.clone();
        let payment = &spec.payments[payment];
        let mut moment = payment.life[payment.life.len() - 1].clone();
        moment.status = "Success";
        let payload = payload(payment, &moment, 0, "order").replace("/n0\"", "/forged\"");
        let iv = self.spg.iv();
        let key =
            if way == ForgeryWay::OtherKey { WebhookKey::from_bytes(FORGERS_KEY) } else { self.spg.keys[0].clone() };
        let Ok(mut envelope) = encrypt(&key, iv, payload.as_bytes()) else { return Value::Null };
        match way {
            ForgeryWay::Plaintext => envelope.body = payload,
            ForgeryWay::OtherKey => {}
            ForgeryWay::Tampered => {
                let swapped = if envelope.body.starts_with('A') { "B" } else { "A" };
                envelope.body.replace_range(0..1, swapped);
            }
        }
        request(&envelope)
    }

    /// What SPG makes of an answer, or of none.
    pub fn answered(&mut self, place: Place, attempt: u32, answer: Option<&HttpAnswer>) {
        let spec = self.spec.clone();
        let payment = &spec.payments[place.payment];
        let id = notification_id(payment, place.moment);
        let lost = self.fault(|f| f.acknowledgement_lost);
        if answer.is_some_and(|answer| is_acknowledged(answer, &id)) && !lost {
            self.spg.delivered += 1;
            return;
        }
        let status = answer.map_or(0, |a| a.status);
        self.say("SPG", || format!("holds {id} for undelivered (HTTP {status}, lost: {lost})"));
        let millis = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let next = self.now + millis(interval_before(attempt + 1));
        let first = payment.life[place.moment].sent_at[place.copy];
        if next <= first + millis(RETRIES_END_AFTER) {
            let Place { payment, moment, copy } = place;
            self.at(next, Event::Notify { payment, moment, copy, attempt: attempt + 1 });
        }
    }
}

/// E.1.3: 200, the statusCode, and the same notificationID.
fn is_acknowledged(answer: &HttpAnswer, notification_id: &str) -> bool {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    answer.status == 200 && body["statusCode"] == "000" && body["notificationID"] == notification_id
}

pub(crate) fn registration(payment: &Payment) -> Value {
    let body = json!({
        "transactionID": payment.id,
        "paymentStatus": payment.life[0].status,
        "merchantTransactionId": format!("order-{}", payment.id),
        "terminalId": payment.terminal,
        "paymentMethod": payment.method(),
        "paymentType": payment.life[0].payment_type,
        "amount": {"value": payment.amount(false), "currency": "EUR"},
    });
    json!({"requestContext": {"routeKey": "POST /transactions"}, "body": body.to_string()})
}

fn payload(payment: &Payment, moment: &Moment, number: usize, order: &str) -> String {
    let reference = moment.reference_paid.map_or(String::new(), |paid| {
        let status = if paid { "PAID" } else { "UNPAID" };
        format!(r#""paymentReference":{{"reference":"100000001","entity":"24000","status":"{status}"}},"#)
    });
    format!(
        r#"{{"returnStatus":{{"statusMsg":"Success","statusCode":"000"}},"paymentStatus":"{}","paymentMethod":"{}","transactionID":"{}","transactionDateTime":"2026-05-28T20:27:00Z","amount":{{"currency":"EUR","value":{}}},"merchant":{{"transactionId":"{order}-{}","terminalId":{}}},"paymentType":"{}",{reference}"token":{{"tokenType":"MobilePhone","value":"{PHONE}"}},"customer":{{"customerInfo":{{"customerName":"{CUSTOMER}"}}}},"notificationID":"{}"}}"#,
        moment.status,
        payment.method(),
        payment.id,
        payment.amount(false),
        payment.id,
        payment.terminal,
        moment.payment_type,
        notification_id(payment, number),
    )
}

fn request(envelope: &Envelope) -> Value {
    json!({
        "requestContext": {"routeKey": "POST /webhook"},
        "headers": {IV_HEADER: envelope.iv, TAG_HEADER: envelope.tag},
        "body": envelope.body,
    })
}
