//! Webhooks that come several times, in the wrong order, or never.

use std::time::Duration;

use spg_simulator::{DeliveryPlan, Kind, PaymentSpec, Status};

use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Failure, Phase, Scenario, Scene};

pub const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "A webhook five times",
        spg: "Success; the same notification is sent five times",
        phase: Phase::Quick,
        play: |scene| Box::pin(five_times(scene)),
    },
    Scenario {
        name: "Success before Pending",
        spg: "Pending, then Success; the webhooks come out of order",
        phase: Phase::Quick,
        play: |scene| Box::pin(reordered(scene)),
    },
    Scenario {
        name: "Every webhook lost",
        spg: "Pending, then Success; no webhook ever comes",
        phase: Phase::Slow,
        play: |scene| Box::pin(lost(scene)),
    },
];

/// The contract: an MB WAY registration is first checked within so long.
const FIRST_CHECKED_WITHIN: Duration = Duration::from_secs(120);
const COPIES: u32 = 4;

async fn five_times(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    scene.becomes(&id, Status::Success)?;
    let notification = scene.notify(&id).await?;
    let first = scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
    let four = DeliveryPlan { at_once: true, ..DeliveryPlan::copies(COPIES) };
    scene.deliver_genuine(&notification, &four).await;
    let fixture = &scene.fixture;
    let repeated = [notification.notification_id.as_str(), "\"Duplicate\""];
    let seen = || Some(fixture.log_lines("processor", &repeated)).filter(|lines| *lines >= COPIES as usize);
    scene.until("all copies processed", SOON, seen).await?;
    scene.queried(&id, 1);
    let item = scene.recorded(&id, 1).await?;
    scene.checks.equal("version after the copies", first.version, item.version);
    scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await
}

async fn reordered(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    let late = scene.fixture.spg.notification(&id)?;
    scene.becomes_and_notifies(&id, Status::Success).await?;
    scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
    scene.deliver_genuine(&late, &DeliveryPlan::default()).await;
    let item = scene.recorded(&id, 2).await?;
    let recorded = item.notifications.get(&late.notification_id).map_or("nothing", String::as_str);
    scene.checks.equal("the late one is", "Noted", recorded);
    scene.queried(&id, 1);
    scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await
}

async fn lost(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    scene.register(&id).await?;
    let pending = scene.fixture.spg.notification(&id)?;
    scene.deliver(&pending, &DeliveryPlan::lost()).await;
    scene.becomes_unheard(&id, Status::Success).await?;
    let item = scene.confirmed(&id, "Success", FIRST_CHECKED_WITHIN).await?;
    scene.checks.equal("notifications recorded", 0, item.notifications.len());
    scene.checks.equal("history", "Pending (Registration) > Success (StatusApi)", item.evidence());
    scene.queried(&id, 1);
    scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await
}
