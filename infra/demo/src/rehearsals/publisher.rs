//! A bad version of the publisher, for longer than the stream keeps.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::operator::{DONE, Function};
use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Failure, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "Publisher broken for longer than a day",
    spg: "another function's code is deployed as the publisher; records of the stream get too old after 2 s, which stand for 24 h",
    phase: Phase::InTurn,
    play: |scene| Box::pin(rehearse(scene)),
};

const PAYMENTS: usize = 4;
/// What the mapping is told instead of never; the stream's own 24 h cannot be shortened.
const RECORD_AGE_MAX_SECONDS: u32 = 2;
/// Until the records are too old and the mapping has gone past them.
const GONE_AFTER: Duration = Duration::from_secs(10);
/// Long enough for an event that was still to come.
const QUIET_FOR: Duration = Duration::from_secs(3);

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    let began = Instant::now();
    let mapping = scene.mapping(Function::Publisher).await?;
    let broken = while_broken(scene, &mapping).await;
    set_age(scene, &mapping, &mapping["MaximumRecordAgeInSeconds"]).await?;
    scene.deploy(Function::Publisher, Function::Publisher).await?;
    let ids = broken?;
    scene.remedy("the version before was deployed again");
    let next = scene.paid_with_webhooks(1).await?;
    scene.until_told(&next).await;
    tokio::time::sleep(QUIET_FOR).await;
    scene.checks.equal("of the old ones told by the stream afterwards", 0, scene.told(&ids));
    let told = scene.spgctl(&["republish", "--since", "1h"], None).await?;
    scene.checks.equal("exit code of `spgctl republish`", DONE, told.exit);
    scene.remedy(&format!("`spgctl republish --since 1h`: {} events", told.json["events"]));
    scene.until_told(&ids).await;
    let wrong = scene.wrong_by_doctor().await?;
    let content = !wrong.iter().any(|it| it == "stream consumer");
    scene.checks.that("`spgctl doctor` afterwards", content, "nothing about the stream consumer", wrong.join(", "));
    scene.over("each outcome is on the bus; doctor is content; a new payment is told at once");
    scene.time_to_final_in_words = Some(report::seconds(began.elapsed()));
    scene.nothing_lost().await
}

async fn while_broken(scene: &mut Scene, mapping: &Value) -> Result<Vec<String>, Failure> {
    scene.deploy(Function::Publisher, Function::Ack).await?;
    let ids = scene.paid_with_webhooks(PAYMENTS).await?;
    scene.until_all(&ids, "confirmed", CONFIRMED_WITHIN + SOON, |item| item.status == "Success").await?;
    let fixture = std::sync::Arc::clone(&scene.fixture);
    let crashed = || Some(fixture.log_lines("publisher", &["QUEUE_URL"])).filter(|lines| *lines > 0);
    let lines = scene.until("its log says why it does not start", SOON, crashed).await?;
    let wrong = scene.wrong_by_doctor().await?;
    let says = wrong.iter().any(|it| it == "stream consumer");
    scene.checks.that("wrong by `spgctl doctor`", says, "stream consumer", wrong.join(", "));
    scene.checks.equal("events while it is broken", 0, scene.told(&ids));
    scene.seen(&format!(
        "stored as Success and not told; doctor: stream consumer; {lines} lines in the log name the missing setting"
    ));
    set_age(scene, mapping, &json!(RECORD_AGE_MAX_SECONDS)).await?;
    tokio::time::sleep(GONE_AFTER).await;
    Ok(ids)
}

async fn set_age(scene: &Scene, mapping: &Value, seconds: &Value) -> Result<(), Failure> {
    let age = if seconds.is_null() { &json!(-1) } else { seconds };
    let change = json!({ "UUID": mapping["UUID"], "MaximumRecordAgeInSeconds": age });
    scene.aws("lambda", "update_event_source_mapping", change).await.map(|_| ())
}
