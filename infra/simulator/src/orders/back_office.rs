//! Capture, refund and cancellation: transactions of their own, each within what is left of the one that it refers to.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::Value;

use super::form::{AUTHORISATION, Operated};
use super::{Decision, Refusal, create_and_live};
use crate::amount::Amount;
use crate::payment::{Kind, Payment, PaymentSpec, Status};
use crate::state::{Shared, State};
use crate::wire;

/// What is done to an earlier transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Capture,
    Refund,
    Cancellation,
}

impl Operation {
    fn kind(self) -> Kind {
        match self {
            Self::Capture => Kind::Capture,
            Self::Refund => Kind::Refund,
            Self::Cancellation => Kind::Cancellation,
        }
    }
}

/// Does it, or says why it cannot be done.
pub fn operate(shared: &Arc<Shared>, id: &str, operation: Operation, body: &Value) -> Decision {
    let order = Operated::read(body, id, shared.config.bodies)?;
    let mut state = shared.lock();
    let original = state.payment(id).map_err(|_unknown| Refusal::unknown())?.clone();
    let left = left(&mut state, &original, operation)?;
    if left <= Decimal::ZERO {
        return Err(Refusal::conflict("nothing is left of the transaction"));
    }
    let amount = match &order.amount {
        None => left,
        Some((_, currency)) if *currency != original.spec.currency => {
            return Err(Refusal::invalid("amount.currency: not the transaction's"));
        }
        Some((amount, _)) if amount.0 > left => {
            return Err(Refusal::conflict(format!("only {} is left of the transaction", Amount(left))));
        }
        Some((amount, _)) => amount.0,
    };
    // Taken before the lock is given back, so that two at once cannot both have the same money.
    take(&mut state, &original, operation, amount);
    drop(state);
    let child = create_and_live(shared, spec(&original, operation, amount, order.merchant_transaction_id))?;
    let mut state = shared.lock();
    if operation == Operation::Capture {
        state.orders.captured_by(id, &child);
    }
    Ok(wire::initial_answer(state.payment(&child).map_err(|_gone| Refusal::unknown())?))
}

/// How much of a transaction can still be captured, refunded or cancelled.
fn left(state: &mut State, original: &Payment, operation: Operation) -> Result<Decimal, Refusal> {
    let truth = original.truth();
    if truth.status != Status::Success {
        return Err(Refusal::conflict(format!("the transaction is {}", truth.status)));
    }
    let settled = *state.orders.settled(&original.transaction_id);
    let authorised = truth.payment_type == AUTHORISATION;
    let not_of_this_type = || Refusal::conflict(format!("not possible for paymentType {}", truth.payment_type));
    match (operation, original.spec.kind) {
        (Operation::Capture | Operation::Cancellation, Kind::Authorisation | Kind::MbWay) if authorised => {
            Ok(truth.amount.0 - settled.captured - settled.cancelled)
        }
        // The documentation says "against captured preauthorisation" and not by whose transactionID: either will do.
        (Operation::Refund, Kind::Authorisation | Kind::MbWay) if authorised => Ok(settled.captured - settled.refunded),
        (Operation::Refund, Kind::Capture) => {
            let whole = state.orders.authorisation_of(&original.transaction_id).map(ToOwned::to_owned);
            let rest = whole.map(|id| *state.orders.settled(&id)).map(|whole| whole.captured - whole.refunded);
            let own = truth.amount.0 - settled.refunded;
            Ok(rest.map_or(own, |rest| rest.min(own)))
        }
        (Operation::Refund, Kind::MbWay | Kind::Card) => Ok(truth.amount.0 - settled.refunded),
        (Operation::Refund, Kind::Reference) if truth.reference_paid == Some(true) => {
            Ok(truth.amount.0 - settled.refunded)
        }
        (Operation::Refund, Kind::Reference | Kind::Authorisation | Kind::Cancellation | Kind::Refund)
        | (
            Operation::Capture | Operation::Cancellation,
            Kind::MbWay
            | Kind::Card
            | Kind::Reference
            | Kind::Authorisation
            | Kind::Cancellation
            | Kind::Capture
            | Kind::Refund,
        ) => Err(not_of_this_type()),
    }
}

fn take(state: &mut State, original: &Payment, operation: Operation, amount: Decimal) {
    let id = original.transaction_id.as_str();
    match operation {
        Operation::Capture => state.orders.settled(id).captured += amount,
        Operation::Cancellation => state.orders.settled(id).cancelled += amount,
        Operation::Refund => {
            state.orders.settled(id).refunded += amount;
            if let Some(whole) = state.orders.authorisation_of(id).map(ToOwned::to_owned) {
                state.orders.settled(&whole).refunded += amount;
            }
        }
    }
}

fn spec(original: &Payment, operation: Operation, amount: Decimal, order_id: Option<String>) -> PaymentSpec {
    PaymentSpec {
        amount: Amount(amount),
        currency: original.spec.currency.clone(),
        terminal: original.spec.terminal.clone(),
        // SPG knows a cancellation's order by the id that the merchant gave, or else by the original's.
        merchant_transaction_id: order_id.or_else(|| Some(original.merchant_transaction_id.clone())),
        payment_method: Some(original.method().to_owned()),
        ..PaymentSpec::new(operation.kind(), 0)
    }
}
