//! What may not get in, and what must.

use spg_simulator::{Amount, DeliveryPlan, Kind, Overrides, PaymentSpec, Status, Tamper};

use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Failure, Phase, Scenario, Scene};

pub const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "Forged and damaged webhooks",
        spg: "nothing; somebody else sends webhooks that say Success",
        phase: Phase::Quick,
        play: |scene| Box::pin(forged(scene)),
    },
    Scenario {
        name: "The same notificationID with other content",
        spg: "Success over 15.90; then the same notificationID over 99.90",
        phase: Phase::Quick,
        play: |scene| Box::pin(conflicting(scene)),
    },
    Scenario {
        name: "Rotation: two keys at once",
        spg: "two payments succeed, each encrypted with another key",
        phase: Phase::Quick,
        play: |scene| Box::pin(rotation(scene)),
    },
];

/// With the answer that each must get.
const FORGERIES: [(Tamper, u16); 7] = [
    (Tamper::ForgedKey, 401),
    (Tamper::Body, 401),
    (Tamper::Tag, 401),
    (Tamper::Iv, 401),
    (Tamper::Plaintext, 400),
    (Tamper::PlaintextWithoutHeaders, 400),
    (Tamper::DamagedBase64, 400),
];

async fn forged(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    let notification = scene.fixture.spg.notification_with(&id, &Overrides::claiming(Status::Success))?;
    for (tamper, expected) in FORGERIES {
        for result in scene.deliver(&notification, &DeliveryPlan::tampered(tamper)).await {
            let name = format!("answer to a webhook {}", tamper.name().unwrap_or_default());
            scene.checks.equal(name, expected, result.http_status.unwrap_or_default());
        }
    }
    scene.ends_as_nothing(&id).await
}

async fn conflicting(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    scene.becomes(&id, Status::Success)?;
    let first = scene.notify(&id).await?;
    let before = scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
    let other = Overrides::same_id_as(&first).amount(Amount::from_cents(9990));
    let other = scene.fixture.spg.notification_with(&id, &other)?;
    scene.deliver_genuine(&other, &DeliveryPlan::default()).await;
    let fixture = &scene.fixture;
    let dead_letter = scene.until("a dead letter", SOON, || fixture.dead_letters_about(&id).into_iter().next()).await?;
    let text = |field: &str| dead_letter[field].as_str().unwrap_or("nothing").to_owned();
    scene.checks.equal("the dead letter's reason", "ConflictingContent", text("reason"));
    scene.checks.equal("the dead letter's notificationID", &first.notification_id, text("notificationID"));
    scene.checks.that("no payload in the dead letter", dead_letter.get("amount").is_none(), "no amount", &dead_letter);
    let after = scene.recorded(&id, 1).await?;
    scene.checks.equal("version after it", before.version, after.version);
    scene.queried(&id, 1);
    scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await
}

async fn rotation(scene: &mut Scene) -> Result<(), Failure> {
    for key in [0, 1] {
        let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
        scene.becomes(&id, Status::Success)?;
        let notification = scene.fixture.spg.notification(&id)?;
        scene.deliver_genuine(&notification, &DeliveryPlan::key(key)).await;
        scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
        scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await?;
    }
    Ok(())
}
