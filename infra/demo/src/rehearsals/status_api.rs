//! The Status API is down.

use std::time::Duration;

use serde_json::json;
use spg_local::ALIAS;
use spg_simulator::{Fault, FaultRule};

use crate::{Failure, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "Status API down",
    spg: "SPG's Status API answers 503; half a minute stands for an hour, which the seeded simulation covers",
    phase: Phase::Quick,
    play: |scene| Box::pin(rehearse(scene)),
};

const PAYMENTS: usize = 6;
const OUTAGE_MIN: Duration = Duration::from_secs(30);
/// The contract.
const RECOVERED_WITHIN: Duration = Duration::from_secs(120);
/// What nobody answers is due again after half a minute; a sweep begins each minute.
const SWEPT_WITHIN: Duration = Duration::from_secs(100);
const FAILURES: &str = "StatusApiFailures";

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    scene.fixture.spg.set_faults(vec![FaultRule::from(Fault::Unavailable)]);
    let during = during_outage(scene).await;
    // Whatever came of it: no fault is left behind.
    scene.fixture.spg.set_faults(Vec::new());
    scene.mark();
    scene.say("the Status API is back");
    let ids = during?;
    scene.remedy("nothing: all that is open is due, and the sweeper asks each minute");
    for id in &ids {
        scene.confirmed(id, "Success", RECOVERED_WITHIN).await?;
    }
    let slowest = scene.time_to_final.map(report::seconds).unwrap_or_default();
    let open = scene.spgctl(&["open", "--method", "MBWAY"], None).await?;
    let left = ids.iter().filter(|id| open.names(id)).count();
    scene.checks.equal("of these in `spgctl open` afterwards", 0, left);
    let wrong = scene.wrong_by_doctor().await?;
    scene.checks.that(
        "`spgctl doctor` afterwards",
        !has(&wrong, "Status API"),
        "nothing about the Status API",
        wrong.join(", "),
    );
    scene.over(&format!("all confirmed {slowest} after its return; `spgctl open` is without them, doctor is content"));
    scene.nothing_lost().await
}

async fn during_outage(scene: &mut Scene) -> Result<Vec<String>, Failure> {
    let began = tokio::time::Instant::now();
    let before = failures(scene);
    let ids = scene.paid_with_webhooks(PAYMENTS).await?;
    for id in &ids {
        let item = scene.recorded(id, 1).await?;
        scene.checks.equal("status while nothing is answered", "Pending", &item.status);
        scene.checks.that("due", item.next_check_at.is_some(), "a next check", format!("{:?}", item.next_check_at));
    }
    let wrong = scene.wrong_by_doctor().await?;
    scene.checks.that("wrong by `spgctl doctor`", has(&wrong, "Status API"), "Status API", wrong.join(", "));
    let open = scene.spgctl(&["open", "--method", "MBWAY"], None).await?;
    let listed = ids.iter().filter(|id| open.names(id)).count();
    scene.checks.equal("listed by `spgctl open`", PAYMENTS, listed);
    // One sweep more than the schedule's, so that it meets the outage soon.
    let sweeper = &scene.fixture.info.functions.sweeper;
    let request = json!({ "FunctionName": sweeper, "Qualifier": ALIAS, "InvocationType": "Event", "Payload": "{}" });
    scene.aws("lambda", "invoke", request).await?;
    let fixture = std::sync::Arc::clone(&scene.fixture);
    let stopped = || Some(fixture.metric("sweeper", "SweepsStoppedByOutage")).filter(|count| *count > 0);
    let sweeps = scene.until("a sweep that stops by the outage", SWEPT_WITHIN, stopped).await?;
    let counted = failures(scene).saturating_sub(before);
    scene.checks.that("metric StatusApiFailures", counted > 0, "more than 0", counted);
    scene.checks.equal("messages left on the queue", 0, scene.emptied().await?);
    let dead_letters = scene.fixture.clients.waiting(&scene.fixture.info.dlq_url).await?;
    scene.checks.equal("messages in the dead-letter queue", 0, dead_letters);
    tokio::time::sleep(OUTAGE_MIN.saturating_sub(began.elapsed())).await;
    let told = scene.told(&ids);
    scene.checks.equal("events while nothing is answered", 0, told);
    let lasted = report::seconds(began.elapsed());
    scene.seen(&format!(
        "{FAILURES} {counted}, SweepsStoppedByOutage {sweeps}; doctor: Status API wrong; `spgctl open` lists all {PAYMENTS}; \
         queue and dead-letter queue empty; it lasted {lasted}"
    ));
    Ok(ids)
}

fn failures(scene: &Scene) -> u64 {
    scene.fixture.metric("processor", FAILURES) + scene.fixture.metric("sweeper", FAILURES)
}

fn has(wrong: &[String], check: &str) -> bool {
    wrong.iter().any(|it| it == check)
}
