//! What the merchant asks for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::payment::Status;
use crate::wire::WireStyle;

/// The terminal that payments belong to unless their spec says otherwise.
pub const DEFAULT_TERMINAL: &str = "50994";
/// The terminal of the Backoffice's Test button.
pub const BACKOFFICE_TEST_TERMINAL: &str = "1000000";
/// The transactionID of the Backoffice's Test button.
pub const BACKOFFICE_TEST_TRANSACTION: &str = "WebhookTest";

/// The kind of payment decides its method, its paymentType and its lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// MB WAY purchase, approved on the telephone within about 4 minutes.
    MbWay,
    /// Card purchase with 3-D Secure.
    Card,
    /// Multibanco reference: generated, and paid hours or days later.
    Reference,
    /// Card authorisation: Success is no money yet.
    Authorisation,
    /// Cancellation of another payment: a transaction of its own that succeeds at once.
    Cancellation,
    /// Capture of an authorisation, in full or in part: a transaction of its own that succeeds at once.
    Capture,
    /// Refund of what was paid, in full or in part: a transaction of its own that succeeds at once.
    Refund,
}

impl Kind {
    /// The `paymentMethod` on the wire.
    pub fn method(self) -> &'static str {
        match self {
            Self::MbWay => "MBWAY",
            Self::Card | Self::Authorisation | Self::Cancellation | Self::Capture | Self::Refund => "CARD",
            Self::Reference => "REFERENCE",
        }
    }

    /// The `paymentType` on the wire.
    pub fn payment_type(self) -> &'static str {
        match self {
            Self::MbWay | Self::Card => "PURS",
            Self::Reference => "PREF",
            Self::Authorisation => "AUTH",
            Self::Cancellation => "CANC",
            Self::Capture => "CAPT",
            Self::Refund => "RFND",
        }
    }
}

/// What the merchant asks for. Everything but the kind and the amount has a default or is drawn from the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaymentSpec {
    pub kind: Kind,
    pub amount: Amount,
    /// ISO 4217 letters; EUR by default.
    #[serde(default = "euro")]
    pub currency: String,
    /// Digits; [`DEFAULT_TERMINAL`] by default.
    #[serde(default = "default_terminal")]
    pub terminal: String,
    /// Drawn if absent. Any text is allowed.
    #[serde(default)]
    pub transaction_id: Option<String>,
    /// The merchant's order id. Drawn if absent.
    #[serde(default)]
    pub merchant_transaction_id: Option<String>,
    /// Instead of the kind's own paymentMethod.
    #[serde(default)]
    pub payment_method: Option<String>,
    /// Instead of the kind's own paymentType. v2 creates references as `PURS`.
    #[serde(default)]
    pub payment_type: Option<String>,
    /// The payment whose Multibanco reference is paid once more: same reference, another transaction.
    #[serde(default)]
    pub same_reference_as: Option<String>,
    /// Status at creation: Pending, except for a cancellation.
    #[serde(default)]
    pub status: Option<Status>,
    /// The Status API does not know it (404): the Backoffice's Test button.
    #[serde(default)]
    pub unknown_to_status_api: bool,
    /// How much later than the truth the Status API shows a change, in simulated time.
    #[serde(default, rename = "lagMilliseconds", with = "crate::clock::milliseconds")]
    pub lag: Duration,
    /// The JSON types of its payloads. Drawn if absent.
    #[serde(default)]
    pub style: Option<WireStyle>,
}

fn euro() -> String {
    "EUR".to_owned()
}

fn default_terminal() -> String {
    DEFAULT_TERMINAL.to_owned()
}

impl PaymentSpec {
    /// A payment of this kind over so many cents.
    pub fn new(kind: Kind, cents: i64) -> Self {
        Self {
            kind,
            amount: Amount::from_cents(cents),
            currency: euro(),
            terminal: default_terminal(),
            transaction_id: None,
            merchant_transaction_id: None,
            payment_method: None,
            payment_type: None,
            same_reference_as: None,
            status: None,
            unknown_to_status_api: false,
            lag: Duration::ZERO,
            style: None,
        }
    }

    /// What the Backoffice's Test button sends: acknowledged like any other, unknown to the Status API.
    pub fn backoffice_test() -> Self {
        Self {
            transaction_id: Some(BACKOFFICE_TEST_TRANSACTION.to_owned()),
            terminal: BACKOFFICE_TEST_TERMINAL.to_owned(),
            status: Some(Status::Success),
            unknown_to_status_api: true,
            ..Self::new(Kind::Card, 100)
        }
    }

    /// With another terminal.
    #[must_use]
    pub fn terminal(mut self, terminal: &str) -> Self {
        terminal.clone_into(&mut self.terminal);
        self
    }

    /// With a given transactionID.
    #[must_use]
    pub fn transaction_id(mut self, id: &str) -> Self {
        self.transaction_id = Some(id.to_owned());
        self
    }

    /// With a Status API that lags by a simulated duration.
    #[must_use]
    pub fn lag(mut self, lag: Duration) -> Self {
        self.lag = lag;
        self
    }

    /// With a paymentType other than the kind's.
    #[must_use]
    pub fn payment_type(mut self, payment_type: &str) -> Self {
        self.payment_type = Some(payment_type.to_owned());
        self
    }

    /// With fixed JSON types.
    #[must_use]
    pub fn style(mut self, style: WireStyle) -> Self {
        self.style = Some(style);
        self
    }

    /// With another status at creation.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Another payment of the same Multibanco reference.
    #[must_use]
    pub fn same_reference_as(mut self, transaction_id: &str) -> Self {
        self.same_reference_as = Some(transaction_id.to_owned());
        self
    }
}
