//! Many payments at once, with every fault of delivery.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use spg_simulator::traffic::PlannedPayment;
use spg_simulator::{Burst, Ending, Kind, Payment, TrafficSpec};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::outcomes::{in_words, is_paid};
use crate::scene::{End, SOON};
use crate::{Event, Failure, Item, Phase, Scenario, Scene, report};

pub const SCENARIOS: [Scenario; 1] = [Scenario {
    name: "A burst of 300 payments",
    spg: "300 payments of all kinds and endings; 30 % of webhooks duplicated, 30 % of payments reordered, 20 % of webhooks lost",
    phase: Phase::Crowd,
    play: |scene| Box::pin(burst(scene)),
}];

const PAYMENTS: u32 = 300;
/// All changes happen within so long. Less than a Success waits to be queried once more: what is declined afterwards
/// without a webhook is then found by that query.
const SPREAD: Duration = Duration::from_secs(20);
/// The last open one is found by the sweeper's second look, as soon as that is due, and corrected by its recheck.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_secs(2);
const REGISTRATIONS_AT_ONCE: usize = 8;
/// Three in one invocation of the processor, a correction, a recheck and one look of the sweeper.
const QUERIES_MAX: usize = 6;
/// Wrong payments that are named.
const COMPLAINTS_MAX: usize = 5;

async fn burst(scene: &mut Scene) -> Result<(), Failure> {
    let spg = scene.fixture.spg.clone();
    let spread = scene.fixture.simulated(SPREAD);
    let spec = TrafficSpec {
        payments: PAYMENTS,
        duplicates: 30,
        reorder: 30,
        lose: 20,
        spread,
        retries: true,
        ..TrafficSpec::default()
    };
    let mut burst = spg.plan_burst(&spec)?;
    spare_references(&mut burst);
    let planned = burst.payments.clone();
    scene.ids = planned.iter().map(|payment| payment.transaction_id.clone()).collect();
    register_all(scene).await?;
    scene.say("all registered; now they are paid, declined, reordered, repeated and lost");
    let summary = spg.play_burst(burst).await;
    scene.say(&format!("{} webhooks sent, {} lost", summary.attempts, summary.lost));
    let refused = refused_for_good(scene);
    scene.checks.equal("webhooks that were never acknowledged", 0, refused);
    let truths: BTreeMap<String, Payment> =
        scene.ids.iter().map(|id| Ok((id.clone(), spg.payment(id)?))).collect::<Result<_, Failure>>()?;
    let items = until_settled(scene, &truths).await?;
    judge(scene, &planned, &truths, &items);
    let never_heard = planned.iter().filter(|payment| payment.is_lost()).count();
    scene.delivered_in_words = Some(format!(
        "{} registrations; {} notifications: {} webhooks sent, {} notifications sent more than once, {} lost; {} payments \
         reordered, {never_heard} without any webhook",
        scene.registrations,
        summary.notifications,
        summary.attempts,
        summary.duplicated,
        summary.lost,
        summary.reordered
    ));
    latencies(scene, &planned, &truths, &items);
    Ok(())
}

/// A reference is first checked after ten minutes, which is too long for a demo: where the webhook of its end would be lost,
/// that of another payment is lost instead.
fn spare_references(burst: &mut Burst) {
    let mut owed = 0;
    for payment in burst.payments.iter_mut().filter(|payment| payment.kind == Kind::Reference) {
        if let Some(last) = payment.notifications.last_mut().filter(|last| last.lost) {
            last.lost = false;
            owed += 1;
        }
    }
    let others = burst.payments.iter_mut().filter(|payment| payment.kind != Kind::Reference);
    let last = others.filter_map(|payment| payment.notifications.last_mut()).filter(|last| !last.lost);
    last.take(owed).for_each(|last| last.lost = true);
}

async fn register_all(scene: &mut Scene) -> Result<(), Failure> {
    let mut in_flight = JoinSet::new();
    let mut taken = 0;
    for id in scene.ids.clone() {
        let body = scene.fixture.spg.registration(&id)?.to_string();
        let fixture = Arc::clone(&scene.fixture);
        in_flight.spawn(async move { fixture.spg.post_json(&fixture.info.registration_url, body).await });
        if in_flight.len() >= REGISTRATIONS_AT_ONCE {
            taken += accepted(in_flight.join_next().await);
        }
    }
    while let Some(answer) = in_flight.join_next().await {
        taken += accepted(Some(answer));
    }
    scene.registrations = taken;
    scene.checks.equal("registrations taken", scene.ids.len(), taken);
    Ok(())
}

fn accepted<E, F>(answer: Option<Result<Result<u16, E>, F>>) -> usize {
    usize::from(matches!(answer, Some(Ok(Ok(202)))))
}

fn refused_for_good(scene: &Scene) -> usize {
    let report = scene.fixture.spg.report();
    let ours = report.payments.iter().filter(|payment| scene.ids.contains(&payment.transaction_id));
    let notifications = ours.flat_map(|payment| &payment.notifications);
    notifications.filter(|it| it.outcome == spg_simulator::report::Outcome::Failed).count()
}

/// Waits until all are in SPG's true state and the merchant has its event, or the time is over.
async fn until_settled(scene: &Scene, truths: &BTreeMap<String, Payment>) -> Result<BTreeMap<String, Item>, Failure> {
    let began = Instant::now();
    loop {
        let items = scene.fixture.items(&scene.ids).await?;
        let told = scene.fixture.outcomes.merchant_view();
        let settled = |(id, payment): &(&String, &Payment)| {
            let status = payment.truth().status.as_str();
            items.get(*id).is_some_and(|item| item.status == status)
                && told.get(*id).is_some_and(|event| event.status() == status)
        };
        let done = truths.iter().filter(settled).count();
        scene.say(&format!("{done} of {} settled and told", truths.len()));
        if done == truths.len() || began.elapsed() > SETTLED_WITHIN {
            return Ok(items);
        }
        let pause = if began.elapsed() < SOON { LOOK_AGAIN } else { 3 * LOOK_AGAIN };
        tokio::time::sleep(pause).await;
    }
}

fn judge(
    scene: &mut Scene,
    planned: &[PlannedPayment],
    truths: &BTreeMap<String, Payment>,
    items: &BTreeMap<String, Item>,
) {
    let events = scene.fixture.outcomes.by_transaction();
    let none = Vec::new();
    let (mut wrong_state, mut wrong_events, mut wrong_paid, mut unproven) = (vec![], vec![], vec![], vec![]);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for payment in planned {
        let id = &payment.transaction_id;
        let (Some(truth), told) = (truths.get(id), events.get(id).unwrap_or(&none)) else { continue };
        let stored = items.get(id);
        let status = truth.truth().status.as_str();
        if stored.is_none_or(|item| item.status != status) {
            wrong_state.push(format!("{id} is {}, not {status}", stored.map_or("nothing", |item| &item.status)));
        }
        if stored.and_then(|item| item.history.last()).is_none_or(|step| step.source != "StatusApi") {
            unproven.push(id.clone());
        }
        if !is_well_told(told, payment.ending) {
            wrong_events.push(format!("{id}: {}", in_words(told)));
        }
        if told.last().is_none_or(|event| event.paid() != is_paid(truth)) {
            wrong_paid.push(id.clone());
        }
        let ended = stored.map(|item| item.status.clone());
        scene.ends.push(End { transaction_id: id.clone(), status: ended, events: in_words(told) });
        for event in told {
            *counts.entry(event.to_string()).or_default() += 1;
        }
    }
    let mut none_of = |name: &str, wrong: Vec<String>| {
        let named = wrong.iter().take(COMPLAINTS_MAX).cloned().collect::<Vec<_>>().join("; ");
        let found = if wrong.is_empty() { "none".to_owned() } else { format!("{}: {named}", wrong.len()) };
        scene.checks.equal(name, "none", found);
    };
    none_of("payments that are not in SPG's true state", wrong_state);
    none_of("final states without a status answer", unproven);
    none_of("payments without exactly one Finalised event (and a correction where one was due)", wrong_events);
    none_of("payments with a wrong answer to whether they are paid", wrong_paid);
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    scene.events_in_words = Some(counts.join("\n"));
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    items.values().for_each(|item| *states.entry(&item.status).or_default() += 1);
    let states: Vec<String> = states.iter().map(|(status, count)| format!("{count} {status}")).collect();
    scene.stored_in_words = Some(format!("{}, each by a status answer", states.join(", ")));
    let queried: Vec<usize> = scene.ids.iter().map(|id| scene.queries(id)).collect();
    let (all, most) = (queried.iter().sum::<usize>(), queried.iter().max().copied().unwrap_or_default());
    let limit = format!("at most {QUERIES_MAX}");
    scene.checks.that("queries about one payment", most <= QUERIES_MAX, limit, most);
    scene.say(&format!("{all} queries for {} payments, at most {most} for one", planned.len()));
}

/// One Finalised event, no attention, and a correction only of what was declined afterwards.
fn is_well_told(told: &[Event], ending: Ending) -> bool {
    let finalised = told.iter().filter(|event| event.is_finalised()).count();
    let corrected = told.iter().filter(|event| event.is_corrected()).count();
    let corrections_max = usize::from(ending == Ending::DeclinedAfterwards);
    finalised == 1 && corrected <= corrections_max && told.len() == finalised + corrected
}

/// How long it took from SPG's last change to the stored state: where its webhook came, and where the sweeper had to find it.
fn latencies(
    scene: &mut Scene,
    planned: &[PlannedPayment],
    truths: &BTreeMap<String, Payment>,
    items: &BTreeMap<String, Item>,
) {
    let (mut heard, mut found) = (Vec::new(), Vec::new());
    for payment in planned {
        let id = &payment.transaction_id;
        let changed =
            truths.get(id).and_then(|truth| truth.truths.last()).map(|last| scene.fixture.epoch_millis(last.at));
        let stored = items.get(id).and_then(Item::since);
        if let (Some(changed), Some(stored)) = (changed, stored) {
            let took = Duration::from_millis(stored.saturating_sub(changed));
            let lost = payment.notifications.last().is_none_or(|last| last.lost);
            if lost { found.push(took) } else { heard.push(took) }
        }
    }
    let words = |what: &str, mut all: Vec<Duration>| {
        all.sort_unstable();
        let at = |percent: usize| all.get((all.len() * percent / 100).min(all.len().saturating_sub(1)));
        let [p50, p99] = [50, 99].map(|percent| at(percent).copied().map(report::seconds).unwrap_or_default());
        format!("{what}: p50 {p50}, p99 {p99}")
    };
    scene.time_to_final_in_words = Some(format!("{}\n{}", words("heard", heard), words("swept", found)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kinds: &[&str]) -> Vec<Event> {
        let event = |kind: &&str| Event {
            detail_type: format!("Transaction {kind}"),
            source: String::new(),
            detail: json!({}),
        };
        kinds.iter().map(event).collect()
    }

    #[test]
    fn one_finalised_event_and_only_an_expected_correction() {
        assert!(is_well_told(&told(&["Finalised"]), Ending::Success));
        assert!(is_well_told(&told(&["Finalised", "Corrected"]), Ending::DeclinedAfterwards));
        assert!(!is_well_told(&told(&["Finalised", "Corrected"]), Ending::Success));
        assert!(!is_well_told(&told(&["Finalised", "Finalised"]), Ending::Success));
        assert!(!is_well_told(&told(&["Finalised", "Needs Attention"]), Ending::Success));
        assert!(!is_well_told(&told(&[]), Ending::Success));
    }
}
