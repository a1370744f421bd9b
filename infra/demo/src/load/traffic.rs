//! What SPG does: payments that arrive one after the other, each with a life of some seconds and every fault of delivery.

use std::sync::Arc;
use std::time::Duration;

use spg_simulator::traffic::PlannedPayment;
use spg_simulator::{Burst, Kind, PaymentSpec, Simulator, TrafficSpec};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Failure, Fixture};

/// From a payment's first notification to its last change. Less than a Success waits to be queried once more: what is
/// declined afterwards without a webhook is then found by that query.
const LIFE: Duration = Duration::from_secs(20);
pub const DUPLICATES_PERCENT: u8 = 30;
pub const REORDERED_PERCENT: u8 = 30;
pub const LOST_PERCENT: u8 = 20;
pub const DELAYED_PERCENT: u8 = 20;
pub const FORGED_PERCENT: u8 = 5;
/// The generated traffic has no captures and refunds: one of each for so many payments.
const PAYMENTS_PER_CAPTURE: u32 = 25;
/// A reference whose last webhook is lost is first queried after ten minutes: such ones come early, every so many payments.
const EARLY_EACH: usize = 4;
const REGISTRATIONS_AT_ONCE: usize = 4;
/// Between two attempts of the merchant's backend to register a payment.
const REGISTER_AGAIN_AFTER: Duration = Duration::from_secs(1);
const REGISTER_ATTEMPTS_MAX: usize = 60;

/// Plans `payments` that arrive evenly within `within`; all exist from now on. Undisturbed, each webhook comes once, genuine,
/// at once and in order.
pub fn plan(spg: &Simulator, payments: u32, within: Duration, undisturbed: bool) -> Result<Burst, Failure> {
    let further = payments / PAYMENTS_PER_CAPTURE;
    let percent = |share: u8| if undisturbed { 0 } else { share };
    let spec = TrafficSpec {
        payments: payments - 2 * further,
        duplicates: percent(DUPLICATES_PERCENT),
        reorder: percent(REORDERED_PERCENT),
        lose: percent(LOST_PERCENT),
        delay: percent(DELAYED_PERCENT),
        tamper: percent(FORGED_PERCENT),
        spread: spg.clock().simulated(LIFE),
        retries: true,
    };
    let mut burst = spg.plan_burst(&spec)?;
    add_captures_and_refunds(spg, &mut burst, further)?;
    early_first(&mut burst.payments);
    let number = u32::try_from(burst.payments.len().max(1))?;
    let apart = spg.clock().simulated(within) / number;
    for (position, payment) in (0..).zip(&mut burst.payments) {
        let arrives = apart * position;
        payment.start += arrives;
        payment.steps.iter_mut().for_each(|step| step.after += arrives);
    }
    Ok(burst)
}

/// They succeed at once, as cancellations do, and are delivered as those are.
fn add_captures_and_refunds(spg: &Simulator, burst: &mut Burst, each: u32) -> Result<(), Failure> {
    let like: Vec<PlannedPayment> = burst.payments.iter().filter(|it| it.kind == Kind::Cancellation).cloned().collect();
    let mut created = Vec::new();
    let kinds = (0..each).flat_map(|_| [Kind::Capture, Kind::Refund]);
    for ((kind, like), cents) in kinds.zip(like.iter().cycle()).zip(100..) {
        let transaction_id = spg.create(PaymentSpec::new(kind, cents))?;
        created.push(PlannedPayment { transaction_id, kind, ..like.clone() });
    }
    let apart = burst.payments.len() / created.len().max(1);
    burst.payments = mixed(std::mem::take(&mut burst.payments), created, apart);
    Ok(())
}

/// One of `few` before every so many of `many`.
fn mixed(many: Vec<PlannedPayment>, few: Vec<PlannedPayment>, apart: usize) -> Vec<PlannedPayment> {
    let mut few = few.into_iter();
    let mut all = Vec::new();
    for (position, payment) in many.into_iter().enumerate() {
        if position.is_multiple_of(apart.max(1)) {
            all.extend(few.next());
        }
        all.push(payment);
    }
    all.extend(few);
    all
}

/// References of whose end no webhook tells come early, so that the run need not wait for them.
fn early_first(payments: &mut Vec<PlannedPayment>) {
    let unheard =
        |it: &PlannedPayment| it.kind == Kind::Reference && it.notifications.last().is_none_or(|last| last.lost);
    let (early, rest): (Vec<_>, Vec<_>) = payments.drain(..).partition(unheard);
    *payments = mixed(rest, early, EARLY_EACH);
}

/// The merchant's backend registers each payment when SPG has it, again until it is taken. Returns how many attempts were not.
pub async fn register_all(
    fixture: Arc<Fixture>,
    payments: Vec<PlannedPayment>,
    began: Instant,
) -> Result<usize, Failure> {
    let mut in_flight: JoinSet<Result<usize, Failure>> = JoinSet::new();
    let mut refused = 0;
    let mut by_start = payments;
    by_start.sort_by_key(|payment| payment.start);
    for payment in by_start {
        tokio::time::sleep_until(began + fixture.spg.clock().wall(payment.start)).await;
        if in_flight.len() >= REGISTRATIONS_AT_ONCE
            && let Some(done) = in_flight.join_next().await
        {
            refused += done??;
        }
        let fixture = Arc::clone(&fixture);
        in_flight.spawn(async move { register(&fixture, &payment.transaction_id).await });
    }
    while let Some(done) = in_flight.join_next().await {
        refused += done??;
    }
    Ok(refused)
}

async fn register(fixture: &Fixture, id: &str) -> Result<usize, Failure> {
    let body = fixture.spg.registration(id)?.to_string();
    for refused in 0..REGISTER_ATTEMPTS_MAX {
        if let Ok(202) = fixture.spg.post_json(&fixture.info.registration_url, body.clone()).await {
            return Ok(refused);
        }
        tokio::time::sleep(REGISTER_AGAIN_AFTER).await;
    }
    Err(format!("{id}: not registered in {REGISTER_ATTEMPTS_MAX} attempts").into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[tokio::test]
    async fn all_kinds_come_evenly_and_unheard_references_early() {
        let spg = Simulator::start(spg_simulator::Config { time_scale: 30, ..Default::default() }).await.unwrap();
        let within = Duration::from_secs(100);
        let burst = plan(&spg, 1000, within, false).unwrap();
        assert_eq!(burst.payments.len(), 1000);
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        burst.payments.iter().for_each(|payment| *kinds.entry(payment.kind).or_default() += 1);
        assert_eq!(kinds.len(), 7, "{kinds:?}");
        assert_eq!((kinds[&Kind::Capture], kinds[&Kind::Refund]), (40, 40));
        let half = spg.clock().simulated(within) / 2;
        let captures = burst.payments.iter().filter(|it| it.kind == Kind::Capture && it.start < half).count();
        assert!((10..=30).contains(&captures), "{captures} captures in the first half");
        let last = |it: &PlannedPayment| it.steps.last().map_or(it.start, |step| step.after);
        for payment in &burst.payments {
            assert!(last(payment) <= payment.start + spg.clock().simulated(LIFE));
            let unheard = payment.kind == Kind::Reference && payment.notifications.last().unwrap().lost;
            assert!(!unheard || payment.start < half, "{payment:?}");
        }
    }

    #[tokio::test]
    async fn undisturbed_every_webhook_comes_once_at_once_and_genuine() {
        let spg = Simulator::start(spg_simulator::Config::default()).await.unwrap();
        let disturbed = |burst: &Burst| {
            let all = burst.payments.iter().flat_map(|it| &it.notifications);
            let altered = all.filter(|it| {
                it.lost || it.copies > 1 || !it.delay.is_zero() || it.forgery != spg_simulator::Tamper::None
            });
            altered.count() + burst.payments.iter().filter(|it| it.reordered).count()
        };
        assert_eq!(disturbed(&plan(&spg, 200, Duration::from_secs(10), true).unwrap()), 0);
        assert!(disturbed(&plan(&spg, 200, Duration::from_secs(10), false).unwrap()) > 200);
    }
}
