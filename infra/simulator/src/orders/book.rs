//! What merchants have ordered, beside the payments themselves.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::form::Method;
use crate::lifecycle::Ending;

/// How far an order has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody has chosen how to pay it.
    Open,
    /// The card's holder has to prove who he is; the action's id.
    Challenged(String),
    /// It is paid, or will be, or has failed: its life is the payment's.
    Begun,
}

#[derive(Clone, Debug)]
struct Order {
    methods: Vec<Method>,
    stage: Stage,
}

/// What has been done to a payment by later operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub captured: Decimal,
    pub refunded: Decimal,
    pub cancelled: Decimal,
}

/// The orders by transactionID.
#[derive(Clone, Debug)]
pub struct Book {
    /// How payments end that begin from now on.
    pub ending: Ending,
    orders: HashMap<String, Order>,
    settled: HashMap<String, Settled>,
    /// Capture to authorisation.
    captures: HashMap<String, String>,
}

impl Book {
    /// An empty book.
    pub fn new(ending: Ending) -> Self {
        Self { ending, orders: HashMap::new(), settled: HashMap::new(), captures: HashMap::new() }
    }

    pub(super) fn opened(&mut self, id: &str, methods: Vec<Method>) {
        self.orders.insert(id.to_owned(), Order { methods, stage: Stage::Open });
    }

    /// The methods that may pay an order, and how far it is; nothing for a payment that no merchant ordered over HTTP.
    pub(super) fn order(&self, id: &str) -> Option<(&[Method], &Stage)> {
        self.orders.get(id).map(|order| (order.methods.as_slice(), &order.stage))
    }

    pub(super) fn moved(&mut self, id: &str, stage: Stage) {
        if let Some(order) = self.orders.get_mut(id) {
            order.stage = stage;
        }
    }

    pub(super) fn settled(&mut self, id: &str) -> &mut Settled {
        self.settled.entry(id.to_owned()).or_default()
    }

    pub(super) fn captured_by(&mut self, authorisation: &str, capture: &str) {
        self.captures.insert(capture.to_owned(), authorisation.to_owned());
    }

    pub(super) fn authorisation_of(&self, capture: &str) -> Option<&str> {
        self.captures.get(capture).map(String::as_str)
    }
}
