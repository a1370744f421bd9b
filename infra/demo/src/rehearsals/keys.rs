//! A webhook key that was lost or has leaked.

use spg_simulator::{DeliveryPlan, Status, WebhookKey};
use tokio::time::Instant;

use crate::operator::{DONE, Function};
use crate::scene::CONFIRMED_WITHIN;
use crate::stage::KEYS;
use crate::{Failure, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "Webhook key leaked",
    spg: "a new key in the Backoffice; somebody else has the old one and sends with it",
    phase: Phase::InTurn,
    play: |scene| Box::pin(rehearse(scene)),
};

/// Position of the keys in the simulated Backoffice once it uses the new one.
const OLD: usize = 1;

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    let began = Instant::now();
    let [old, new] = KEYS.map(WebhookKey::from_bytes);
    let ids = scene.create_several(4)?;
    scene.becomes_and_notifies(&ids[0], Status::Success).await?;
    scene.confirmed(&ids[0], "Success", CONFIRMED_WITHIN).await?;
    scene.seen("somebody says so; or RejectedBy NoKeyOpens, where the Backoffice has another key");

    let added = scene.spgctl(&["rotate-key", "add"], Some(format!("{}\n", new.to_base64()))).await?;
    scene.checks.equal("exit code of `spgctl rotate-key add`", DONE, added.exit);
    scene.checks.equal("keys in the secret", 2, &added.json["keys"]);
    // The Backoffice still uses the old one.
    scene.becomes_and_notifies(&ids[1], Status::Success).await?;
    scene.stage.spg.set_keys(vec![new, old]);
    scene.say("the Backoffice uses the new key");
    scene.becomes_and_notifies(&ids[2], Status::Success).await?;
    // What SPG repeats may still be encrypted with the old one.
    scene.becomes(&ids[3], Status::Success)?;
    let late = scene.stage.spg.notification(&ids[3])?;
    scene.deliver_genuine(&late, &DeliveryPlan::key(OLD)).await;
    scene.until_all(&ids, "confirmed with either key", CONFIRMED_WITHIN, |item| item.status == "Success").await?;

    let retired = scene.spgctl(&["rotate-key", "retire"], None).await?;
    scene.checks.equal("exit code of `spgctl rotate-key retire`", DONE, retired.exit);
    scene.checks.equal("keys in the secret afterwards", 1, &retired.json["keys"]);
    scene.deploy(Function::Ack, Function::Ack).await?;
    scene.remedy(
        "`spgctl rotate-key add`, the Backoffice, `spgctl rotate-key retire`, and a deployment that ends old processes",
    );
    let rejected = scene.stage.metric("ack", "Rejected");
    let forged = scene.stage.spg.notification(&ids[0])?;
    let refused = scene.deliver(&forged, &DeliveryPlan::key(OLD)).await;
    scene.checks.equal("the old key afterwards", "Some(401)", format!("{:?}", refused[0].http_status));
    let counted = scene.stage.metric("ack", "Rejected").saturating_sub(rejected);
    scene.checks.that("metric Rejected", counted > 0, "more than 0", counted);
    let next = scene.paid_with_webhooks(1).await?;
    scene.until_all(&next, "confirmed with the new key", CONFIRMED_WITHIN, |item| item.status == "Success").await?;
    let verified = scene.spgctl(&["rotate-key", "verify"], None).await?;
    scene.checks.equal("exit code of `spgctl rotate-key verify`", DONE, verified.exit);
    scene.over("the old key is answered 401 and counted in Rejected, the new one is acknowledged; no webhook was refused between");
    scene.time_to_final_in_words = Some(report::seconds(began.elapsed()));
    scene.nothing_lost().await
}
