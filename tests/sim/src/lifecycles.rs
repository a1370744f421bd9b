//! The true lifecycles of payments, which the system cannot see.

use crate::moment::{DAY, HOUR, MINUTE, SECOND, START};
use crate::rng::SimRng;
use crate::spec::{Forgery, ForgeryWay, Kind, Moment, Payment};

/// One payment, or an authorisation with its cancellation.
pub(crate) fn payment(rng: &mut SimRng, number: u64, calm_at: u64) -> Vec<Payment> {
    let created_at = START + rng.below((calm_at - START).min(2 * HOUR));
    let kind = match rng.below(100) {
        0..40 => Kind::MbWay,
        40..70 => Kind::Card,
        70..88 => Kind::Reference,
        _ => Kind::Authorisation,
    };
    let mut life = match kind {
        Kind::MbWay | Kind::Card => purchase(rng, kind, created_at),
        Kind::Reference => reference(rng, created_at),
        Kind::Authorisation | Kind::Cancellation => authorisation(rng, created_at),
    };
    let contested = rng.chance(150) && contested(rng, &mut life);
    if !contested {
        aftermath(rng, &mut life);
    }
    let id = format!("s2bfw1g1P1siCSUjVP{number:02}");
    let mut first = with_faults(rng, kind, id, life, created_at);
    if kind != Kind::Authorisation || rng.chance(500) {
        return vec![first];
    }
    let cancelled_at = first.life.last().map_or(created_at, |m| m.at) + rng.between(SECOND, HOUR);
    let life = vec![moment(rng, cancelled_at, "Success", "CANC", None)];
    let second = with_faults(rng, Kind::Cancellation, format!("{}-cancel", first.id), life, cancelled_at);
    first.forgeries.clear();
    vec![first, second]
}

fn purchase(rng: &mut SimRng, kind: Kind, created_at: u64) -> Vec<Moment> {
    let mut life = Vec::new();
    let mut at = created_at;
    if rng.chance(850) {
        life.push(moment(rng, at, "Pending", "PURS", None));
        at += rng.between(SECOND, 30 * SECOND);
    }
    if kind == Kind::Card && rng.chance(600) {
        life.push(moment(rng, at, "InProcessing", "PURS", None));
        at += rng.between(SECOND, 5 * MINUTE);
    }
    if rng.chance(60) {
        life.push(moment(rng, at, "Partial", "PURS", None));
        at += rng.between(SECOND, HOUR);
    }
    at += rng.between(0, 4 * MINUTE);
    let ending = *rng.pick(&["Success", "Success", "Success", "Success", "Declined", "Declined", "Error", "Timeout"]);
    life.push(moment(rng, at, ending, "PURS", None));
    life
}

/// Generated, and paid hours or days later, or never.
fn reference(rng: &mut SimRng, created_at: u64) -> Vec<Moment> {
    // The v2 documents create references as PURS, and call them a Success before they are paid.
    let (status, payment_type) = *rng.pick(&[("Pending", "PREF"), ("Success", "PURS"), ("Success", "PREF")]);
    let mut life = vec![moment(rng, created_at, status, payment_type, Some(false))];
    let at = created_at + rng.between(MINUTE, 2 * DAY);
    match rng.below(20) {
        0..16 => life.push(moment(rng, at, "Success", payment_type, Some(true))),
        16..19 => {
            let ending = *rng.pick(&["Timeout", "Declined"]);
            life.push(moment(rng, at, ending, payment_type, Some(false)));
        }
        _ => life.push(moment(rng, at, "Expired", payment_type, Some(false))),
    }
    life
}

fn authorisation(rng: &mut SimRng, created_at: u64) -> Vec<Moment> {
    let at = created_at + rng.between(SECOND, MINUTE);
    vec![moment(rng, created_at, "Pending", "AUTH", None), moment(rng, at, "Success", "AUTH", None)]
}

/// A Success that is declined within seconds, while several query it: answers come out of order.
fn contested(rng: &mut SimRng, life: &mut Vec<Moment>) -> bool {
    let Some(last) = life.last_mut().filter(|m| m.status == "Success" && m.reference_paid.is_none()) else {
        return false;
    };
    let (at, payment_type) = (last.at, last.payment_type);
    last.sent_at = vec![at, at + rng.below(SECOND), at + rng.below(5 * SECOND)];
    let declined_at = at + rng.between(SECOND, 8 * SECOND);
    life.push(moment(rng, declined_at, "Declined", payment_type, None));
    true
}

/// C.4's post-authorisation decline, and the corrections that nobody expects.
fn aftermath(rng: &mut SimRng, life: &mut Vec<Moment>) {
    let Some(last) = life.last().cloned() else { return };
    let later = last.at + *rng.pick(&[3 * SECOND, 15 * SECOND, 5 * MINUTE, 2 * HOUR, 20 * HOUR, 3 * DAY]);
    let next = match (last.status, last.reference_paid) {
        ("Success", None | Some(true)) if rng.chance(300) => "Declined",
        ("Declined" | "Error" | "Timeout", None) if rng.chance(40) => "Success",
        _ => return,
    };
    let paid = last.reference_paid.map(|_| next == "Success");
    life.push(moment(rng, later, next, last.payment_type, paid));
}

fn moment(
    rng: &mut SimRng,
    at: u64,
    status: &'static str,
    payment_type: &'static str,
    reference_paid: Option<bool>,
) -> Moment {
    Moment {
        at,
        status,
        payment_type,
        reference_paid,
        shown_at: at,
        sent_at: vec![at + rng.below(SECOND)],
        conflicting: false,
    }
}

fn with_faults(rng: &mut SimRng, kind: Kind, id: String, mut life: Vec<Moment>, created_at: u64) -> Payment {
    let faulty = rng.chance(800);
    if faulty {
        for moment in &mut life {
            deliver(rng, moment);
        }
    }
    let lag = if faulty && rng.chance(300) { *rng.pick(&[2 * SECOND, 20 * SECOND, 10 * MINUTE, HOUR]) } else { 0 };
    for moment in &mut life {
        moment.shown_at += lag;
    }
    let known_after = match rng.below(100) {
        _ if !faulty => 0,
        0..80 => 0,
        80..99 => rng.below(20 * MINUTE),
        _ => u64::MAX / 2,
    };
    let last_at = life.last().map_or(created_at, |m| m.at);
    let ways = [ForgeryWay::Plaintext, ForgeryWay::OtherKey, ForgeryWay::Tampered];
    let forgeries = (0..rng.below(2) * rng.below(3))
        .map(|_| Forgery { at: created_at + rng.below(last_at - created_at + MINUTE), way: *rng.pick(&ways) })
        .collect();
    Payment {
        kind,
        id,
        terminal: if rng.chance(900) { "1" } else { "2" },
        cents: rng.between(0, 100_000),
        mismatch: faulty && rng.chance(10),
        registered_at: rng.chance(600).then(|| created_at + rng.below(2 * SECOND)),
        known_from: created_at + known_after,
        life,
        forgeries,
    }
}

/// Lost, late, or more than once. Out of order is what late ones are.
fn deliver(rng: &mut SimRng, moment: &mut Moment) {
    match rng.below(100) {
        0..15 => moment.sent_at.clear(),
        15..35 => {
            let late = *rng.pick(&[5 * SECOND, 2 * MINUTE, HOUR, DAY, 5 * DAY]);
            moment.sent_at[0] += rng.below(late);
        }
        35..60 => {
            let first = moment.sent_at[0];
            for _ in 0..rng.between(1, 3) {
                let late = *rng.pick(&[100, 5 * SECOND, MINUTE, 5 * HOUR, 2 * DAY, 30 * DAY]);
                moment.sent_at.push(first + rng.below(late));
            }
            moment.conflicting = rng.chance(40);
        }
        _ => {}
    }
}
