//! A webhook key that was lost, and one that has leaked.

use std::time::Duration;

use serde_json::json;
use spg_local::ALIAS;
use spg_simulator::{DeliveryPlan, Status, WebhookKey};
use tokio::time::Instant;

use crate::fixture::KEYS;
use crate::operator::DONE;
use crate::scene::CONFIRMED_WITHIN;
use crate::{Failure, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "Webhook key lost, then leaked",
    spg: "the Backoffice gets a key that nobody put into the secret; then somebody else has the old one and sends with it",
    phase: Phase::Quick,
    play: |scene| Box::pin(rehearse(scene)),
};

/// Position in the simulated Backoffice of the key that the secret does not have.
const NEW: usize = 1;
/// And that of the old one, when the Backoffice uses the new one for all.
const OLD: usize = 1;
/// A process that read its secret just before the key was put there reads it again after a minute, and some for the way.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(62);
/// Another rehearsal takes the Status API away meanwhile; a sweep begins each minute.
const SWEPT_WITHIN: Duration = Duration::from_secs(120);
/// Another one than the template's: what a process is started with has changed, so that new ones are started.
const OTHER_MEMORY_SIZE: u32 = 257;
const REJECTED: &str = "Rejected";

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    let began = Instant::now();
    let [old, new] = KEYS.map(WebhookKey::from_bytes);
    let ids = scene.create_several(5)?;
    let [before, lost, between, after, late] = [0, 1, 2, 3, 4].map(|at: usize| ids[at].as_str());
    scene.becomes_and_notifies(before, Status::Success).await?;

    scene.becomes(lost, Status::Success)?;
    let unopened = scene.fixture.spg.notification(lost)?;
    refused(scene, &unopened, NEW, "a key that the secret does not have").await;
    let lines = scene.fixture.log_lines("ack", &["NoKeyOpensIt"]);
    scene.checks.that("its log says why", lines > 0, "lines with NoKeyOpensIt", lines);
    scene.seen(&format!("lost: 401, counted in {REJECTED}, NoKeyOpensIt in the log. Leaked: somebody says so"));
    let add_began = Instant::now();
    let added = scene.spgctl(&["rotate-key", "add"], Some(format!("{}\n", new.to_base64()))).await?;
    scene.checks.equal("exit code of `spgctl rotate-key add`", DONE, added.exit);
    scene.checks.equal("keys in the secret", 2, &added.json["keys"]);
    tokio::time::sleep(TAKEN_UP_WITHIN).await;
    let taken_up = report::seconds(add_began.elapsed());
    // SPG's next attempt.
    scene.deliver_genuine(&unopened, &DeliveryPlan::key(NEW)).await;

    // The Backoffice still uses the old one for other terminals.
    scene.becomes_and_notifies(between, Status::Success).await?;
    scene.fixture.spg.set_keys(vec![new, old]);
    scene.say("the Backoffice uses the new key for all");
    scene.becomes_and_notifies(after, Status::Success).await?;
    // What SPG repeats may still be encrypted with the old one.
    scene.becomes(late, Status::Success)?;
    let repeated = scene.fixture.spg.notification(late)?;
    scene.deliver_genuine(&repeated, &DeliveryPlan::key(OLD)).await;
    scene.until_all(&ids, "confirmed with either key", SWEPT_WITHIN, |item| item.status == "Success").await?;

    retire(scene).await?;
    scene.remedy(&format!(
        "`spgctl rotate-key add`, and a minute for every process to take it up ({taken_up}); the Backoffice; `spgctl rotate-key retire`; processes with the old key \
         ended"
    ));
    let forged = scene.fixture.spg.notification(before)?;
    refused(scene, &forged, OLD, "the old key").await;
    let next = scene.paid_with_webhooks(1).await?;
    scene.until_all(&next, "confirmed with the new key", CONFIRMED_WITHIN, |item| item.status == "Success").await?;
    let verified = scene.spgctl(&["rotate-key", "verify"], None).await?;
    scene.checks.equal("exit code of `spgctl rotate-key verify`", DONE, verified.exit);
    scene.over(&format!(
        "the old key is answered 401 and counted in {REJECTED}, the new one is acknowledged; none was refused between"
    ));
    scene.time_to_final_in_words = Some(report::seconds(began.elapsed()));
    scene.nothing_lost().await
}

/// As docs/operate/recovery.md has it for a key that leaked.
async fn retire(scene: &mut Scene) -> Result<(), Failure> {
    let retired = scene.spgctl(&["rotate-key", "retire"], None).await?;
    scene.checks.equal("exit code of `spgctl rotate-key retire`", DONE, retired.exit);
    scene.checks.equal("keys in the secret afterwards", 1, &retired.json["keys"]);
    let ack = &scene.fixture.info.functions.ack;
    let change = json!({ "FunctionName": ack, "MemorySize": OTHER_MEMORY_SIZE });
    scene.aws("lambda", "update_function_configuration", change).await?;
    let published = scene.aws("lambda", "publish_version", json!({ "FunctionName": ack })).await?;
    let leads = json!({ "FunctionName": ack, "Name": ALIAS, "FunctionVersion": published["Version"] });
    scene.aws("lambda", "update_alias", leads).await.map(|_| ())
}

/// A webhook with a key that must not be taken.
async fn refused(scene: &mut Scene, notification: &spg_simulator::Notification, key: usize, what: &str) {
    let rejected = scene.fixture.metric("ack", REJECTED);
    let results = scene.deliver(notification, &DeliveryPlan::key(key)).await;
    let answers: Vec<String> = results.iter().map(|result| format!("{:?}", result.http_status)).collect();
    scene.checks.equal(format!("a webhook with {what}"), "Some(401)", answers.join(", "));
    let counted = scene.fixture.metric("ack", REJECTED).saturating_sub(rejected);
    scene.checks.that(format!("metric Rejected with {what}"), counted > 0, "more than 0", counted);
}
