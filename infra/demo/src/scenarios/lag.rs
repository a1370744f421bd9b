//! A Status API that is behind its own webhooks.

use std::time::Duration;

use spg_simulator::{DeliveryPlan, Kind, Overrides, PaymentSpec, Status};

use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Failure, Phase, Scenario, Scene};

pub const SCENARIOS: [Scenario; 2] = [
    Scenario {
        name: "Status API a second late",
        spg: "the webhook says Success, the Status API goes on saying Pending for a second",
        phase: Phase::Quick,
        play: |scene| Box::pin(a_second(scene)),
    },
    Scenario {
        name: "Status API a minute late",
        spg: "the webhook says Success, the Status API goes on saying Pending for a minute",
        phase: Phase::Slow,
        play: |scene| Box::pin(a_minute(scene)),
    },
];

/// The processor asks once, and twice more where the answer lags.
const PROCESSOR_QUERIES_MAX: usize = 3;
const MINUTE: Duration = Duration::from_secs(60);
/// After the lag: half the claim's age, and up to a minute until the next sweep.
const MINUTE_CONFIRMED_WITHIN: Duration = Duration::from_secs(240);

async fn a_second(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    let claim = scene.fixture.spg.notification_with(&id, &Overrides::claiming(Status::Success))?;
    scene.mark();
    scene.deliver_genuine(&claim, &DeliveryPlan::default()).await;
    scene.until("the first query", SOON, || (scene.queries(&id) > 0).then_some(())).await?;
    scene.fixture.spg.set_lag(&id, scene.fixture.simulated(Duration::from_secs(1)))?;
    scene.fixture.spg.set_status(&id, Status::Success)?;
    let item = scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
    scene.asked_between(&id, 2, PROCESSOR_QUERIES_MAX);
    // Within one invocation and one write.
    scene.checks.equal("version", 1, item.version);
    scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await
}

async fn a_minute(scene: &mut Scene) -> Result<(), Failure> {
    let lag = scene.fixture.simulated(MINUTE);
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590).lag(lag))?;
    scene.becomes_and_notifies(&id, Status::Success).await?;
    let item = scene.recorded(&id, 1).await?;
    scene.asked_between(&id, 1, PROCESSOR_QUERIES_MAX);
    scene.checks.equal("status while the answer is Pending", "Pending", &item.status);
    scene.checks.that("due", item.next_check_at.is_some(), "a next check", format!("{:?}", item.next_check_at));
    scene.checks.equal("events while the answer is Pending", 0, scene.fixture.outcomes.of(&id).len());
    let item = scene.confirmed(&id, "Success", MINUTE_CONFIRMED_WITHIN).await?;
    let early = scene.time_to_final.is_some_and(|took| took < MINUTE);
    scene.checks.that("not before the Status API says so", !early, "after 60 s", format!("{:?}", scene.time_to_final));
    let queries = scene.fixture.spg.queries(&id);
    let answers: Vec<&str> = queries.iter().map(|query| query.answered.as_str()).collect();
    scene.checks.that("last answer", answers.last() == Some(&"Success"), "Success", answers.join(", "));
    scene.checks.equal("nothing is claimed any more", 0, item.claims.len());
    scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await
}
