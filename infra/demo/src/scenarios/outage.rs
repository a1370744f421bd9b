//! The Status API is down for everybody.

use std::collections::BTreeSet;
use std::time::Duration;

use spg_simulator::{Fault, FaultRule, Kind, PaymentSpec, Status};

use crate::{Failure, Phase, Scenario, Scene};

pub const SCENARIOS: [Scenario; 1] = [Scenario {
    name: "Status API down, then back",
    spg: "six payments succeed while its Status API answers 503; then it is back",
    phase: Phase::Alone,
    play: |scene| Box::pin(outage(scene)),
}];

const PAYMENTS: usize = 6;
/// The contract: a claim is confirmed within so long after the recovery.
const RECOVERED_WITHIN: Duration = Duration::from_secs(120);
/// What nobody answers is due again after half a minute; a sweep begins each minute.
const SWEPT_WITHIN: Duration = Duration::from_secs(100);

async fn outage(scene: &mut Scene) -> Result<(), Failure> {
    let dead_letters = scene.fixture.dead_letters.bodies().len();
    scene.fixture.spg.set_faults(vec![FaultRule::from(Fault::Unavailable)]);
    let during = during_outage(scene).await;
    // Whatever came of it: no fault is left behind.
    scene.fixture.spg.set_faults(Vec::new());
    scene.say("the Status API is back");
    scene.mark();
    let ids = during?;
    for id in &ids {
        scene.confirmed(id, "Success", RECOVERED_WITHIN).await?;
    }
    for id in &ids {
        scene.ends_as(id, "Success", &["Finalised Success, paid"]).await?;
    }
    scene.checks.equal("dead letters", dead_letters, scene.fixture.dead_letters.bodies().len());
    Ok(())
}

async fn during_outage(scene: &mut Scene) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    for _payment in 0..PAYMENTS {
        let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
        scene.becomes_and_notifies(&id, Status::Success).await?;
        ids.push(id);
    }
    for id in &ids {
        let item = scene.recorded(id, 1).await?;
        scene.checks.equal("status while nothing is answered", "Pending", &item.status);
        scene.checks.that("due", item.next_check_at.is_some(), "a next check", format!("{:?}", item.next_check_at));
        scene.checks.equal("events while nothing is answered", 0, scene.fixture.outcomes.of(id).len());
    }
    let waiting = scene.emptied().await?;
    scene.checks.equal("messages left on the queue", 0, waiting);
    // It queries a few of all that is due, finds that nobody answers, and leaves the rest due.
    let (spg, before) = (&scene.fixture.spg, scene.fixture.spg.queries_total());
    scene.until("the sweeper meets it too", SWEPT_WITHIN, || (spg.queries_total() > before).then_some(())).await?;
    let answers: BTreeSet<String> = queries(scene, &ids).into_iter().collect();
    scene.checks.equal("answers", "503", answers.into_iter().collect::<Vec<_>>().join(", "));
    Ok(ids)
}

/// What was answered about them so far.
fn queries(scene: &Scene, ids: &[String]) -> Vec<String> {
    ids.iter().flat_map(|id| scene.fixture.spg.queries(id)).map(|query| query.answered).collect()
}
