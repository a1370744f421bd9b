//! A payment: its [`Status`], the truth about it over time ([`Truth`]), and what the Status API shows of it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::clock::SimTime;
use crate::seed::{self, Seed};
pub use crate::spec::{Kind, PaymentSpec};
use crate::wire::WireStyle;

/// A `paymentStatus`: C.4's six, or any other value as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Status {
    Pending,
    InProcessing,
    Success,
    Declined,
    Error,
    Timeout,
    /// A value that C.4 does not list, such as `Partial` or `Expired`.
    Other(String),
}

impl Status {
    /// As it goes over the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "Pending",
            Self::InProcessing => "InProcessing",
            Self::Success => "Success",
            Self::Declined => "Declined",
            Self::Error => "Error",
            Self::Timeout => "Timeout",
            Self::Other(other) => other,
        }
    }

    /// Whether C.4 calls it final.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Success | Self::Declined | Self::Error | Self::Timeout => true,
            Self::Pending | Self::InProcessing | Self::Other(_) => false,
        }
    }
}

impl From<String> for Status {
    fn from(text: String) -> Self {
        match text.as_str() {
            "Pending" => Self::Pending,
            "InProcessing" => Self::InProcessing,
            "Success" => Self::Success,
            "Declined" => Self::Declined,
            "Error" => Self::Error,
            "Timeout" => Self::Timeout,
            _other => Self::Other(text),
        }
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.as_str().to_owned()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is so at some moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    pub status: Status,
    pub amount: Amount,
    pub payment_type: String,
    /// `returnStatus.statusCode`
    pub return_code: String,
    /// `returnStatus.statusMsg`
    pub return_message: String,
    /// Whether the Multibanco reference has been paid; absent for other kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_paid: Option<bool>,
}

/// A change of the truth. Only the status is required; what is absent follows from it or stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    pub status: Status,
    #[serde(default)]
    pub amount: Option<Amount>,
    #[serde(default)]
    pub payment_type: Option<String>,
    #[serde(default)]
    pub return_code: Option<String>,
    /// A reference counts as paid with Success, unless this says otherwise.
    #[serde(default)]
    pub reference_paid: Option<bool>,
}

impl Change {
    /// Success of a Multibanco reference that was only generated, not paid.
    pub fn reference_generated() -> Self {
        Self { reference_paid: Some(false), ..Self::from(Status::Success) }
    }

    /// With a given `returnStatus.statusCode`.
    #[must_use]
    pub fn return_code(mut self, code: &str) -> Self {
        self.return_code = Some(code.to_owned());
        self
    }

    /// With another amount.
    #[must_use]
    pub fn amount(mut self, amount: Amount) -> Self {
        self.amount = Some(amount);
        self
    }
}

impl From<Status> for Change {
    fn from(status: Status) -> Self {
        Self { status, amount: None, payment_type: None, return_code: None, reference_paid: None }
    }
}

impl Truth {
    /// The truth after a change.
    #[must_use]
    pub fn after(&self, change: &Change, method: &str) -> Self {
        let (code, message) = return_status(&self.status, &change.status, method);
        let paid = change.reference_paid.unwrap_or(change.status == Status::Success);
        Self {
            status: change.status.clone(),
            amount: change.amount.unwrap_or(self.amount),
            payment_type: change.payment_type.clone().unwrap_or_else(|| self.payment_type.clone()),
            return_code: change.return_code.clone().unwrap_or_else(|| code.to_owned()),
            return_message: message.to_owned(),
            reference_paid: self.reference_paid.map(|_| paid),
        }
    }
}

/// The returnStatus that goes with a change of status, as seen in public samples.
fn return_status(from: &Status, to: &Status, method: &str) -> (&'static str, &'static str) {
    match to {
        Status::Pending | Status::InProcessing | Status::Success | Status::Timeout | Status::Other(_) => {
            ("000", "Success")
        }
        Status::Declined if *from == Status::Success => ("10.106.0001", "Declined"),
        Status::Declined if method == "MBWAY" => ("01.106.0004", "Declined"),
        Status::Declined => ("E0119", "Declined"),
        Status::Error => ("T9999", "Error"),
    }
}

/// What became true, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: SimTime,
    /// The Status API shows it from now on: later than the truth by the lag that was set when it became true.
    pub shown_from: SimTime,
    pub truth: Truth,
}

/// A payment as the simulator keeps it.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Counted from 1 in the order of creation.
    pub number: u64,
    pub transaction_id: String,
    pub merchant_transaction_id: String,
    pub internal_transaction_id: String,
    pub spec: PaymentSpec,
    pub style: WireStyle,
    /// Fake telephone number of the payer, as in the payload's token.
    pub phone: String,
    /// Nine digits, for a Multibanco reference.
    pub reference: String,
    /// The truth over time; never empty.
    pub truths: Vec<Moment>,
    /// How much later the Status API shows the next changes, in simulated time.
    pub lag: Duration,
    /// Notifications made of it so far.
    pub notifications: u64,
}

impl Payment {
    /// Creates a payment; whatever the spec leaves open is drawn from the seed and the payment's number.
    pub fn create(spec: PaymentSpec, number: u64, seed: Seed, now: SimTime) -> Self {
        let rng = &mut seed.stream("payment", &number.to_string());
        let drawn_id = seed::alphanumeric(rng, 20);
        let drawn_order = seed::hexadecimal(rng, 32);
        let internal_transaction_id = format!("S{}S", seed::digits(rng, 15));
        let phone = format!("351#9{}", seed::digits(rng, 8));
        let reference = seed::digits(rng, 9);
        let drawn_style = WireStyle::drawn(rng);
        let status = spec.status.clone().unwrap_or(match spec.kind {
            Kind::Cancellation | Kind::Capture | Kind::Refund => Status::Success,
            Kind::MbWay | Kind::Card | Kind::Reference | Kind::Authorisation => Status::Pending,
        });
        let blank = Truth {
            status: Status::Pending,
            amount: spec.amount,
            payment_type: spec.payment_type.clone().unwrap_or_else(|| spec.kind.payment_type().to_owned()),
            return_code: String::new(),
            return_message: String::new(),
            reference_paid: (spec.kind == Kind::Reference).then_some(false),
        };
        let truth = blank.after(&Change { reference_paid: Some(false), ..Change::from(status) }, spec.kind.method());
        Self {
            number,
            transaction_id: spec.transaction_id.clone().unwrap_or(drawn_id),
            merchant_transaction_id: spec.merchant_transaction_id.clone().unwrap_or(drawn_order),
            internal_transaction_id,
            style: spec.style.unwrap_or(drawn_style),
            phone,
            reference,
            truths: vec![Moment { at: now, shown_from: now, truth }],
            lag: spec.lag,
            notifications: 0,
            spec,
        }
    }

    /// The `paymentMethod` on the wire.
    pub fn method(&self) -> &str {
        self.spec.payment_method.as_deref().unwrap_or_else(|| self.spec.kind.method())
    }

    /// The payer chooses how to pay what was ordered without a method. Only before anything has happened to it.
    pub fn choose(&mut self, kind: Kind) {
        self.spec.kind = kind;
        self.spec.payment_method = None;
        for moment in &mut self.truths {
            moment.truth.reference_paid = (kind == Kind::Reference).then_some(false);
        }
    }

    /// The truth as it is.
    pub fn truth(&self) -> &Truth {
        &self.truths[self.truths.len() - 1].truth
    }

    /// The truth as the Status API shows it.
    pub fn shown(&self, now: SimTime) -> &Truth {
        let latest = self.truths.iter().rposition(|moment| moment.shown_from <= now).unwrap_or(0);
        &self.truths[latest].truth
    }

    /// Changes the truth.
    pub fn change(&mut self, change: &Change, now: SimTime) {
        let next = self.truth().after(change, self.method());
        self.truths.push(Moment { at: now, shown_from: now.plus(self.lag), truth: next });
    }
}

#[cfg(test)]
#[path = "payment_tests.rs"]
mod tests;
