//! What is true and still is no ordinary payment.

use serde_json::json;
use spg_simulator::{Kind, PaymentSpec, Status};

use crate::fixture::OTHER_TERMINAL;
use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Failure, Phase, Scenario, Scene};

pub const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "A cancellation",
        spg: "a card purchase succeeds; its cancellation succeeds under an id of its own (CANC)",
        phase: Phase::Quick,
        play: |scene| Box::pin(cancellation(scene)),
    },
    Scenario {
        name: "Amount mismatch",
        spg: "Success over 25.90; the merchant had registered 15.90",
        phase: Phase::Quick,
        play: |scene| Box::pin(mismatch(scene)),
    },
    Scenario {
        name: "Unknown status Partial",
        spg: "Partial, then Success",
        phase: Phase::Quick,
        play: |scene| Box::pin(partial(scene)),
    },
    Scenario {
        name: "A terminal of another merchant",
        spg: "Success at another merchant's terminal",
        phase: Phase::Quick,
        play: |scene| Box::pin(other_merchants(scene)),
    },
    Scenario {
        name: "The Backoffice's Test button",
        spg: "a sample webhook (WebhookTest) that the Status API knows nothing of",
        phase: Phase::Quick,
        play: |scene| Box::pin(backoffice_test(scene)),
    },
];

async fn cancellation(scene: &mut Scene) -> Result<(), Failure> {
    let purchase = scene.create(PaymentSpec::new(Kind::Card, 3_300))?;
    scene.becomes_and_notifies(&purchase, Status::Success).await?;
    let before = scene.confirmed(&purchase, "Success", CONFIRMED_WITHIN).await?;
    scene.mark();
    let cancellation = scene.create(PaymentSpec::new(Kind::Cancellation, 3_300))?;
    scene.notify(&cancellation).await?;
    scene.confirmed(&cancellation, "Success", CONFIRMED_WITHIN).await?;
    scene.queried(&cancellation, 1);
    scene.ends_as(&cancellation, "Success", &["Finalised Success"]).await?;
    let after = scene.recorded(&purchase, 1).await?;
    scene.checks.equal("history of the purchase", before.evidence(), after.evidence());
    scene.ends_as(&purchase, "Success", &["Finalised Success, paid"]).await
}

async fn mismatch(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 2590))?;
    scene.register_as(&id, &[("amount", json!({"value": "15.90", "currency": "EUR"}))]).await?;
    scene.until_item(&id, "registered", SOON, |_| true).await?;
    scene.becomes_and_notifies(&id, Status::Success).await?;
    let item = scene.until_item(&id, "marked", SOON, |item| !item.attention.is_empty()).await?;
    scene.checks.equal("marked for people", "AmountMismatch", joined(&item.attention));
    let item = scene.recorded(&id, 1).await?;
    scene.queried(&id, 1);
    scene.checks.that("due", item.next_check_at.is_some(), "a next check", format!("{:?}", item.next_check_at));
    // Queried again and again, and published once: the end of the run shows it.
    scene.ends_as(&id, "Pending", &["Needs Attention Pending (AmountMismatch)"]).await
}

async fn partial(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::Card, 1590).status(Status::Other("Partial".to_owned())))?;
    scene.notify(&id).await?;
    let item = scene.recorded(&id, 1).await?;
    scene.checks.equal("kept as it came", "Partial", item.status);
    scene.queried(&id, 0);
    scene.becomes_and_notifies(&id, Status::Success).await?;
    let item = scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
    scene.queried(&id, 1);
    scene.checks.equal("history", "Partial (Notification) > Success (StatusApi)", item.evidence());
    scene.ends_as(&id, "Success", &["Finalised Success, paid"]).await
}

async fn other_merchants(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::Card, 1590).terminal(OTHER_TERMINAL).status(Status::Success))?;
    scene.notify(&id).await?;
    let item = scene.recorded(&id, 1).await?;
    scene.checks.equal("marked as another merchant's", true, item.other_merchants);
    scene.checks.equal("due", "never", item.next_check_at.map_or_else(|| "never".to_owned(), |at| at.to_string()));
    scene.queried(&id, 0);
    scene.ends_as(&id, "Pending", &[]).await
}

async fn backoffice_test(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::backoffice_test())?;
    scene.notify(&id).await?;
    let item = scene.recorded(&id, 1).await?;
    let queries = scene.fixture.spg.queries(&id);
    let answers = queries.iter().map(|query| query.http.unwrap_or_default().to_string());
    scene.checks.equal("answers", "404", answers.collect::<Vec<_>>().join(", "));
    scene.checks.that("due", item.next_check_at.is_some(), "a next check", format!("{:?}", item.next_check_at));
    scene.ends_as(&id, "Pending", &[]).await
}

fn joined(reasons: &std::collections::BTreeSet<String>) -> String {
    reasons.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
