//! Payments as they go in life.

use spg_simulator::{Change, Kind, PaymentSpec, Status};

use crate::scene::CONFIRMED_WITHIN;
use crate::{Failure, Phase, Scenario, Scene};

pub const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "MB WAY approved",
        spg: "Pending, then Success",
        phase: Phase::Quick,
        play: |scene| Box::pin(mb_way(scene, Status::Success, "Finalised Success, paid")),
    },
    Scenario {
        name: "MB WAY declined",
        spg: "Pending, then Declined",
        phase: Phase::Quick,
        play: |scene| Box::pin(mb_way(scene, Status::Declined, "Finalised Declined")),
    },
    Scenario {
        name: "MB WAY timed out",
        spg: "Pending, then Timeout: nobody approved it",
        phase: Phase::Quick,
        play: |scene| Box::pin(mb_way(scene, Status::Timeout, "Finalised Timeout")),
    },
    Scenario {
        name: "Card with 3-D Secure",
        spg: "Pending, InProcessing, Success",
        phase: Phase::Quick,
        play: |scene| Box::pin(card(scene)),
    },
    Scenario {
        name: "Multibanco paid twice",
        spg: "reference generated (Success, UNPAID), paid, paid again",
        phase: Phase::Quick,
        play: |scene| Box::pin(multibanco(scene)),
    },
];

async fn mb_way(scene: &mut Scene, ending: Status, event: &str) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    scene.register(&id).await?;
    scene.notify(&id).await?;
    scene.recorded(&id, 1).await?;
    scene.queried(&id, 0);
    let status = ending.to_string();
    scene.becomes_and_notifies(&id, ending).await?;
    scene.confirmed(&id, &status, CONFIRMED_WITHIN).await?;
    scene.queried(&id, 1);
    scene.ends_as(&id, &status, &[event]).await?;
    let told = scene.fixture.outcomes.of(&id);
    let again = told.first().is_some_and(|event| event.detail["retryEligible"] == true);
    scene.checks.equal("the payer may try again", status == "Timeout", again);
    Ok(())
}

async fn card(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::Card, 4_250))?;
    scene.notify(&id).await?;
    scene.recorded(&id, 1).await?;
    scene.becomes_and_notifies(&id, Status::InProcessing).await?;
    scene.recorded(&id, 2).await?;
    scene.queried(&id, 0);
    scene.becomes_and_notifies(&id, Status::Success).await?;
    let item = scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
    scene.queried(&id, 1);
    let expected = "Pending (Notification) > InProcessing (Notification) > Success (StatusApi)";
    scene.checks.equal("history", expected, item.evidence());
    scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await
}

/// The v2 documents create references as `PURS`: that it is Success does not mean that anybody has paid.
async fn multibanco(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::Reference, 12_000).payment_type("PURS"))?;
    scene.register(&id).await?;
    scene.becomes_and_notifies(&id, Change::reference_generated()).await?;
    let item = scene.recorded(&id, 1).await?;
    scene.checks.equal("status while unpaid", "Pending", item.status);
    scene.checks.equal("events while unpaid", 0, scene.fixture.outcomes.of(&id).len());
    scene.queried(&id, 0);
    scene.becomes_and_notifies(&id, Status::Success).await?;
    scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
    scene.queried(&id, 1);
    scene.notify(&id).await?;
    let item = scene.recorded(&id, 3).await?;
    scene.checks.that(
        "marked for people",
        item.attention.contains("PaidAgain"),
        "PaidAgain",
        format!("{:?}", item.attention),
    );
    let events = ["Finalised Success, paid", "Needs Attention Success, paid (PaidAgain)"];
    scene.ends_as(&id, "Success", &events).await
}
