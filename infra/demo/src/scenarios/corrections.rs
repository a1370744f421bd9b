//! What happens after finality: declines after the authorisation, answers out of order, stale answers.

use std::time::Duration;

use spg_simulator::{Answer, Kind, PaymentSpec, Status};

use crate::fixture::RECHECK_SUCCESS_AFTER;
use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Failure, Phase, Scenario, Scene};

pub const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "Post-authorisation decline",
        spg: "Success, later Declined, announced by a webhook",
        phase: Phase::Quick,
        play: |scene| Box::pin(announced(scene)),
    },
    Scenario {
        name: "Post-authorisation decline, Status API late",
        spg: "Success, later Declined, announced; the Status API shows it 25 s later",
        phase: Phase::Slow,
        play: |scene| Box::pin(announced_early(scene)),
    },
    Scenario {
        name: "Post-authorisation decline, webhook lost",
        spg: "Success, later Declined, and nobody says so",
        phase: Phase::Slow,
        play: |scene| Box::pin(unheard(scene)),
    },
    Scenario {
        name: "A slow Success after a fast Declined",
        spg: "answers Success slowly; meanwhile it becomes Declined, and that is answered fast",
        phase: Phase::Quick,
        play: |scene| Box::pin(stale_answer(scene)),
    },
    Scenario {
        name: "A stale answer",
        spg: "Success; asked once more, the Status API says Pending",
        phase: Phase::Slow,
        play: |scene| Box::pin(stale(scene)),
    },
];

const PAID: &str = "Finalised Success, paid";
const DECLINED: &str = "Corrected Declined (PostAuthorisationDecline)";
const LAG: Duration = Duration::from_secs(25);
/// A sweep begins each minute and stays for most of it.
const SWEPT_WITHIN: Duration = Duration::from_secs(120);
/// Within the processor's patience, and long enough for another webhook to be processed meanwhile.
const SLOW_ANSWER: Duration = Duration::from_secs(6);

async fn paid(scene: &mut Scene) -> Result<String, Failure> {
    let id = scene.create(PaymentSpec::new(Kind::Card, 8_900))?;
    scene.becomes_and_notifies(&id, Status::Success).await?;
    scene.confirmed(&id, "Success", CONFIRMED_WITHIN).await?;
    scene.queried(&id, 1);
    Ok(id)
}

async fn announced(scene: &mut Scene) -> Result<(), Failure> {
    let id = paid(scene).await?;
    scene.becomes_and_notifies(&id, Status::Declined).await?;
    scene.confirmed(&id, "Declined", CONFIRMED_WITHIN).await?;
    scene.queried(&id, 2);
    scene.ends_as(&id, "Declined", &[PAID, DECLINED]).await
}

async fn announced_early(scene: &mut Scene) -> Result<(), Failure> {
    let id = paid(scene).await?;
    scene.fixture.spg.set_lag(&id, scene.fixture.simulated(LAG))?;
    scene.becomes_and_notifies(&id, Status::Declined).await?;
    let item = scene.recorded(&id, 2).await?;
    scene.checks.equal("status while the answer is Success", "Success", &item.status);
    scene.checks.that("disputed", item.claims.contains("Declined"), "Declined claimed", format!("{:?}", item.claims));
    scene.checks.that("due", item.next_check_at.is_some(), "a next check", format!("{:?}", item.next_check_at));
    let item = scene.confirmed(&id, "Declined", LAG + SWEPT_WITHIN).await?;
    scene.checks.equal("nothing is claimed any more", 0, item.claims.len());
    scene.ends_as(&id, "Declined", &[PAID, DECLINED]).await
}

async fn unheard(scene: &mut Scene) -> Result<(), Failure> {
    let id = paid(scene).await?;
    scene.becomes_unheard(&id, Status::Declined).await?;
    let item = scene.confirmed(&id, "Declined", RECHECK_SUCCESS_AFTER + SWEPT_WITHIN).await?;
    scene.checks.equal("notifications recorded", 1, item.notifications.len());
    scene.queried(&id, 2);
    scene.ends_as(&id, "Declined", &[PAID, DECLINED]).await
}

/// Two notifications in two invocations: the slow answer speaks for a state that is not stored any more.
async fn stale_answer(scene: &mut Scene) -> Result<(), Failure> {
    let id = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    scene.notify(&id).await?;
    scene.recorded(&id, 1).await?;
    scene.fixture.spg.script(&id, vec![Answer::truth().latency(SLOW_ANSWER)])?;
    scene.becomes_and_notifies(&id, Status::Success).await?;
    scene.until("the slow query", SOON, || (scene.queries(&id) == 1).then_some(())).await?;
    scene.becomes_and_notifies(&id, Status::Declined).await?;
    scene.confirmed(&id, "Declined", CONFIRMED_WITHIN).await?;
    let held_back = !scene.fixture.spg.queries(&id).iter().any(|query| query.answered == "Success" && query.sent);
    scene.checks.that("Declined first", held_back, "Success not answered yet", "Success answered already");
    // The slow answer comes, is dropped, and the query is asked once more.
    let item = scene.recorded(&id, 3).await?;
    let answers: Vec<String> = scene.fixture.spg.queries(&id).into_iter().map(|query| query.answered).collect();
    scene.checks.equal("answers", "Success, Declined, Declined", answers.join(", "));
    scene.checks.equal("history", "Pending (Notification) > Declined (StatusApi)", item.evidence());
    scene.ends_as(&id, "Declined", &["Finalised Declined"]).await
}

async fn stale(scene: &mut Scene) -> Result<(), Failure> {
    let id = paid(scene).await?;
    scene.fixture.spg.script(&id, vec![Answer::showing(Status::Pending)])?;
    let again = || (scene.queries(&id) == 2).then_some(());
    scene.until("asked once more", RECHECK_SUCCESS_AFTER + SWEPT_WITHIN, again).await?;
    let fixture = &scene.fixture;
    let refused = || Some(fixture.log_lines("sweeper", &[&id, "\"Refused\""])).filter(|lines| *lines > 0);
    scene.until("the answer refused", SOON, refused).await?;
    let item = scene.until_item(&id, "due once more", SOON, |item| item.next_check_at.is_some()).await?;
    scene.checks.that("the recheck is not done", item.recheck_at.is_some(), "due", format!("{:?}", item.recheck_at));
    scene.checks.equal("history", "Pending (Notification) > Success (StatusApi)", item.evidence());
    scene.ends_as(&id, "Success", &[PAID]).await
}
