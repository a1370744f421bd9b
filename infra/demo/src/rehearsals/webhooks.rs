//! SPG's webhooks do not come.

use std::time::Duration;

use spg_simulator::{DeliveryPlan, DeliveryResult, Kind, PaymentSpec, Status};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::fixture::OWN_ADDRESS_TERMINAL;
use crate::{Failure, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "Webhooks down for an hour",
    spg: "no webhook of a terminal arrives for an hour of SPG's clock (2 minutes here); then its retries come late",
    phase: Phase::Slow,
    play: |scene| Box::pin(rehearse(scene)),
};

/// SPG's own clock.
const OUTAGE: Duration = Duration::from_secs(3600);
/// The last payments of the outage are made when so much of it is over.
const LATE: Duration = Duration::from_secs(3000);
const PAYMENTS_EACH: usize = 3;
/// The contract: an MB WAY registration is first checked within so long.
const FIRST_CHECKED_WITHIN: Duration = Duration::from_secs(120);
/// The next retry is at most an hour of SPG's clock away, and other rehearsals go on meanwhile.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);
/// Nobody listens on port 1.
const NOWHERE: &str = "http://127.0.0.1:1/webhook";

type Deliveries = Vec<JoinHandle<Vec<DeliveryResult>>>;

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    let began = Instant::now();
    scene.fixture.spg.set_terminal_webhook_url(OWN_ADDRESS_TERMINAL, Some(NOWHERE));
    let during = during_outage(scene, began).await;
    scene.fixture.spg.set_terminal_webhook_url(OWN_ADDRESS_TERMINAL, None);
    scene.say("webhooks arrive again");
    let back = Instant::now();
    let (registered, unknown, deliveries) = during?;
    scene.remedy("nothing: SPG repeats what was not acknowledged, by its own schedule");
    scene.until_all(&unknown, "confirmed by a late webhook", SETTLED_WITHIN, |item| item.status == "Success").await?;
    scene.until_all(&registered, "late webhook recorded", SETTLED_WITHIN, |item| item.notifications.len() == 1).await?;
    let settled = report::seconds(back.elapsed());
    let (mut attempts, mut delivered) = (0, 0);
    for delivery in deliveries {
        let results = delivery.await?;
        attempts += results.len();
        delivered += usize::from(results.last().is_some_and(|last| last.verdict.is_delivered()));
    }
    let all = registered.len() + unknown.len();
    scene.checks.equal("notifications acknowledged in the end", all, delivered);
    for id in &registered {
        scene.checks.equal("events of what the sweeper had found", 1, scene.fixture.outcomes.of(id).len());
    }
    scene.over(&format!(
        "all {delivered} notifications acknowledged after {attempts} attempts; the last {settled} after the return"
    ));
    scene.time_to_final_in_words = Some(report::seconds(began.elapsed()));
    scene.nothing_lost().await
}

/// What was registered, what was not, and the deliveries in flight.
async fn during_outage(scene: &mut Scene, began: Instant) -> Result<(Vec<String>, Vec<String>, Deliveries), Failure> {
    let wall = |simulated| scene.fixture.spg.clock().wall(simulated);
    let (late, over) = (wall(LATE), wall(OUTAGE));
    let (mut registered, mut unknown, mut deliveries) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAYMENTS_EACH {
        let id = create(scene)?;
        scene.register(&id).await?;
        registered.push(id);
        unknown.push(create(scene)?);
    }
    for id in registered.iter().chain(&unknown) {
        deliveries.push(succeeds(scene, id)?);
    }
    let found = |item: &crate::Item| item.status == "Success";
    scene.until_all(&registered, "found by the sweeper", FIRST_CHECKED_WITHIN, found).await?;
    let swept = report::seconds(began.elapsed());
    for id in &registered {
        let item = scene.fixture.item(id).await?.unwrap_or_default();
        scene.checks.equal(
            "how the registered came to it",
            "Pending (Registration) > Success (StatusApi)",
            item.evidence(),
        );
        scene.checks.equal("notifications of the registered", 0, item.notifications.len());
    }
    tokio::time::sleep(late.saturating_sub(began.elapsed())).await;
    let id = create(scene)?;
    deliveries.push(succeeds(scene, &id)?);
    unknown.push(id);
    tokio::time::sleep(over.saturating_sub(began.elapsed())).await;
    let stored = scene.fixture.items(&unknown).await?.len();
    scene.checks.equal("stored of what was not registered", 0, stored);
    let report = scene.fixture.spg.report();
    let ours = report.payments.iter().filter(|payment| scene.ids.contains(&payment.transaction_id));
    let failed: usize = ours.flat_map(|payment| &payment.notifications).map(|it| it.attempts.len()).sum();
    scene.checks.that(
        "failed attempts in SPG's report",
        failed >= registered.len() + unknown.len(),
        "one of each",
        failed,
    );
    scene.seen(&format!(
        "SPG's list of failed webhooks: {failed} attempts; the registered are confirmed without any notification, by {swept}; of the \
         others nothing is known"
    ));
    Ok((registered, unknown, deliveries))
}

fn create(scene: &mut Scene) -> Result<String, Failure> {
    scene.create(PaymentSpec::new(Kind::MbWay, 2490).terminal(OWN_ADDRESS_TERMINAL))
}

/// The payment succeeds, and its webhook is repeated until it is acknowledged.
fn succeeds(scene: &mut Scene, id: &str) -> Result<JoinHandle<Vec<DeliveryResult>>, Failure> {
    scene.becomes(id, Status::Success)?;
    let notification = scene.fixture.spg.notification(id)?;
    Ok(scene.fixture.spg.deliver_with_retries(&notification, &DeliveryPlan::default()))
}
