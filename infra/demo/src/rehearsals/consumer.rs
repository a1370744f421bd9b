//! A consumer that has lost events.

use std::collections::BTreeMap;

use spg_simulator::Status;
use tokio::time::Instant;

use crate::operator::DONE;
use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Event, Failure, Inbox, Outcomes, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "A consumer lost events",
    spg: "three payments succeed and one of them is declined afterwards; a consumer's queue is emptied before it has read anything",
    phase: Phase::InTurn,
    play: |scene| Box::pin(rehearse(scene)),
};

const QUEUE: &str = "orders";
const PAYMENTS: usize = 3;

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    let began = Instant::now();
    let clients = scene.fixture.clients.clone();
    let queue_url = Outcomes::route(&clients, &scene.fixture.info.event_bus, QUEUE).await?;
    let ids = scene.paid_with_webhooks(PAYMENTS).await?;
    scene.until_all(&ids, "confirmed", CONFIRMED_WITHIN, |item| item.status == "Success").await?;
    scene.becomes_and_notifies(&ids[0], Status::Declined).await?;
    scene.until_all(&ids[..1], "corrected", CONFIRMED_WITHIN, |item| item.status == "Declined").await?;
    let heard = || (scene.fixture.outcomes.of(&ids[0]).len() == 2).then_some(());
    scene.until("the correction is told", SOON, heard).await?;
    scene.until_told(&ids).await;
    clients.sqs.purge_queue().queue_url(&queue_url).send().await?;
    scene.checks.equal("messages in the consumer's queue", 0, clients.waiting(&queue_url).await?);
    let mut published = 0;
    for id in &ids {
        let shown = scene.spgctl(&["transaction", id], None).await?;
        published += usize::from(shown.json["latestEvent"]["detail"]["sequence"].as_u64().is_some());
    }
    scene.checks.equal("with a latest event by `spgctl transaction`", PAYMENTS, published);
    scene.seen("the consumer knows nothing; `spgctl transaction ID` shows the latest event of each");

    let told = scene.spgctl(&["republish", "--since", "1h"], None).await?;
    scene.checks.equal("exit code of `spgctl republish`", DONE, told.exit);
    scene.remedy(&format!("`spgctl republish --since 1h`: {} events", told.json["events"]));
    let view = Outcomes::of_inbox(Inbox::open(clients.sqs.clone(), queue_url));
    let truth = |id: &String| {
        scene.fixture.spg.payment(id).is_ok_and(|it| knows(&view.merchant_view(), id, it.truth().status.as_str()))
    };
    let all = || ids.iter().all(truth).then_some(());
    let known = scene.until("the consumer knows all", SOON, all).await;
    scene.checks.that("the consumer knows SPG's truth of all", known.is_ok(), "all", format!("{:?}", known.err()));
    let original: BTreeMap<String, Event> = scene.fixture.outcomes.merchant_view();
    let same = ids.iter().filter(|id| view.merchant_view().get(*id) == original.get(*id)).count();
    scene.checks.equal("of the republished, the same as first told", PAYMENTS, same);
    scene.over("its orders are as in SPG; what others had already heard came again with the same content");
    scene.time_to_final_in_words = Some(report::seconds(began.elapsed()));
    scene.nothing_lost().await
}

fn knows(view: &BTreeMap<String, Event>, id: &str, status: &str) -> bool {
    view.get(id).is_some_and(|event| event.status() == status)
}
