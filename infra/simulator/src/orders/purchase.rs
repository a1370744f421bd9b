//! Paying an order: an MB WAY request, a card with or without a challenge, a Multibanco reference.

use std::sync::Arc;

use serde_json::{Value, json};

use super::book::Stage;
use super::form::{self, Method};
use super::{Decision, Refusal, live};
use crate::payment::Status;
use crate::seed;
use crate::state::{Shared, State};
use crate::wire;

/// SIBS's published test cards that ask for a challenge; every other card does without.
const CHALLENGED_CARDS: [&str; 2] = ["4176660000000100", "5185520050000010"];
const CHALLENGE: &str = "THREEDS_CHALLENGE";

/// Begins the life of a payment, or asks for the challenge before.
pub fn begin(shared: &Arc<Shared>, id: &str, method: Method, body: &Value) -> Decision {
    let mut state = shared.lock();
    let (methods, stage) = state.orders.order(id).ok_or_else(Refusal::unknown)?;
    if !methods.contains(&method) {
        return Err(Refusal::invalid(format!("{} is not among the checkout's methods", method.name())));
    }
    let stage = stage.clone();
    if stage == Stage::Begun {
        return Err(Refusal::conflict("the transaction is already in progress"));
    }
    match method {
        Method::MbWay => phone(body)?,
        Method::Reference => {}
        Method::Card => {
            if let Some(challenge) = card(shared, &mut state, id, &stage, body)? {
                return Ok(challenge);
            }
        }
    }
    let payment = state.payment(id).map_err(|_gone| Refusal::unknown())?;
    payment.choose(method.kind(&payment.truth().payment_type));
    let answer = wire::initial_answer(payment);
    state.orders.moved(id, Stage::Begun);
    drop(state);
    live(shared, id)?;
    Ok(answer)
}

/// `351#912345678`: country code, then the number.
fn phone(body: &Value) -> Result<(), Refusal> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = form::text(body, "customerPhone")?
        .split_once('#')
        .is_some_and(|(country, number)| digits(country) && digits(number));
    if well_formed { Ok(()) } else { Err(Refusal::invalid("customerPhone: not <country code>#<number>")) }
}

/// Nothing if the card may pay, the answer with the challenge if its holder must be asked first.
fn card(shared: &Shared, state: &mut State, id: &str, stage: &Stage, body: &Value) -> Result<Option<Value>, Refusal> {
    if let Stage::Challenged(action) = stage {
        let processed = form::block(body, "actionProcessed")?;
        let done =
            processed["id"] == action.as_str() && processed["type"] == CHALLENGE && processed["executed"] == true;
        return if done {
            Ok(None)
        } else {
            Err(Refusal::invalid("actionProcessed: not the challenge that was asked"))
        };
    }
    let card = form::block(body, "cardInfo")?;
    let number = form::text(card, "PAN")?;
    for field in ["secureCode", "validationDate", "cardholderName"] {
        form::text(card, field)?;
    }
    if !CHALLENGED_CARDS.contains(&number) {
        return Ok(None);
    }
    let action = seed::uuid(&mut shared.config.seed.stream("challenge", id));
    let payment = state.payment(id).map_err(|_gone| Refusal::unknown())?;
    payment.choose(Method::Card.kind(&payment.truth().payment_type));
    let mut answer = wire::initial_answer(payment);
    // Waiting for the holder is in the answer alone: it is no state of the transaction (C.4).
    answer["paymentStatus"] = Status::Other("Partial".to_owned()).as_str().into();
    answer["actionResponse"] = json!({
        "id": action,
        "type": CHALLENGE,
        // Parameters are a list, in the sandbox's definition of the card API.
        "data": {"url": "https://acs.example/challenge", "params": [{"key": "creq", "value": "simulated"}]},
    });
    state.orders.moved(id, Stage::Challenged(action));
    Ok(Some(answer))
}
