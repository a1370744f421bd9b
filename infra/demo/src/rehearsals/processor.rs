//! A bad version of the processor.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::operator::{DONE, FINDINGS, Function};
use crate::scene::SOON;
use crate::{Failure, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "Processor broken by a deployment",
    spg: "another function's code is deployed as the processor, which ends at its start; 2 attempts, 3 s apart, stand for 30, 3 minutes apart",
    phase: Phase::InTurn,
    play: |scene| Box::pin(rehearse(scene)),
};

const PAYMENTS_EACH: usize = 3;
/// Instead of the template's, so that minutes are seconds. The second pair lets the queue hold what comes.
const IMPATIENT: Redrive = Redrive { visibility: "3", receives_max: 2 };
const PATIENT: Redrive = Redrive { visibility: "3", receives_max: 1000 };
const BROKEN_WITHIN: Duration = Duration::from_secs(60);
/// Attempts that show that the queue holds.
const HELD_FOR: Duration = Duration::from_secs(8);

#[derive(Clone, Copy)]
struct Redrive {
    visibility: &'static str,
    receives_max: u32,
}

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    let (visibility, policy) = queue_settings(scene).await?;
    let broken = while_broken(scene, &policy).await;
    scene.deploy(Function::Processor, Function::Processor).await?;
    scene.mark();
    let back = Instant::now();
    let (dead_letters, held) = broken?;
    scene.remedy("the version before was deployed again");
    scene.until_all(&held, "what the queue held is confirmed", SOON, |item| item.status == "Success").await?;
    let settled = report::seconds(back.elapsed());
    set_queue(scene, &visibility, &policy).await?;
    let stored = scene.fixture.items(&dead_letters).await?.len();
    scene.checks.equal("stored of what is in the dead-letter queue", 0, stored);
    let redriven = scene.spgctl(&["dlq", "redrive"], None).await?;
    scene.checks.equal("exit code of `spgctl dlq redrive`", DONE, redriven.exit);
    scene.checks.equal("redriven", dead_letters.len(), &redriven.json["done"]);
    scene.remedy(&format!("`spgctl dlq redrive`: {} redriven", redriven.json["done"]));
    scene.until_all(&dead_letters, "what was redriven is confirmed", SOON, |item| item.status == "Success").await?;
    let listed = scene.spgctl(&["dlq", "list"], None).await?;
    scene.checks.equal("exit code of `spgctl dlq list` afterwards", DONE, listed.exit);
    scene.checks.equal("messages left on the queue", 0, scene.emptied().await?);
    let wrong = scene.wrong_by_doctor().await?;
    let content = !wrong.iter().any(|it| it == "queue consumer" || it == "dead-letter queue");
    scene.checks.that("`spgctl doctor` afterwards", content, "nothing about the queue", wrong.join(", "));
    scene.over(&format!(
        "what the queue held was confirmed {settled} after the rollback; queue and dead-letter queue are empty"
    ));
    scene.time_to_final_in_words = Some(report::seconds(back.elapsed()));
    scene.nothing_lost().await
}

/// What went to the dead-letter queue, and what the queue still holds.
async fn while_broken(scene: &mut Scene, policy: &Value) -> Result<(Vec<String>, Vec<String>), Failure> {
    scene.deploy(Function::Processor, Function::Publisher).await?;
    set_queue(scene, IMPATIENT.visibility, &IMPATIENT.on(policy)).await?;
    let dead_letters = scene.paid_with_webhooks(PAYMENTS_EACH).await?;
    let lying = until_dead(scene, PAYMENTS_EACH).await?;
    scene.checks.equal("messages in the dead-letter queue", PAYMENTS_EACH, lying);
    set_queue(scene, PATIENT.visibility, &PATIENT.on(policy)).await?;
    let held = scene.paid_with_webhooks(PAYMENTS_EACH).await?;
    tokio::time::sleep(HELD_FOR).await;
    let waiting = scene.fixture.clients.waiting(&scene.fixture.info.queue_url).await?;
    let enough = usize::try_from(waiting).is_ok_and(|waiting| waiting >= PAYMENTS_EACH);
    scene.checks.that("messages that the queue holds", enough, format!("at least {PAYMENTS_EACH}"), waiting);
    let why = scene.fixture.log_lines("processor", &["EVENT_BUS_NAME"]);
    scene.checks.that("its log says why it does not start", why > 0, "lines about EVENT_BUS_NAME", why);
    let listed = scene.spgctl(&["dlq", "list"], None).await?;
    scene.checks.equal("exit code of `spgctl dlq list`", FINDINGS, listed.exit);
    let named = dead_letters.iter().filter(|id| listed.names(id)).count();
    scene.checks.equal("named by `spgctl dlq list`", dead_letters.len(), named);
    let wrong = scene.wrong_by_doctor().await?;
    let says = |check: &str| wrong.iter().any(|it| it == check);
    let both = says("queue consumer") && says("dead-letter queue");
    scene.checks.that("wrong by `spgctl doctor`", both, "queue consumer, dead-letter queue", wrong.join(", "));
    scene.seen(&format!(
        "webhooks are acknowledged; the queue holds {waiting}, the dead-letter queue {lying}; doctor: {}; the log names the missing \
         setting",
        wrong.join(", ")
    ));
    Ok((dead_letters, held))
}

async fn until_dead(scene: &Scene, count: usize) -> Result<u64, Failure> {
    let deadline = Instant::now() + BROKEN_WITHIN;
    loop {
        let lying = scene.fixture.clients.waiting(&scene.fixture.info.dlq_url).await?;
        if usize::try_from(lying).is_ok_and(|lying| lying >= count) || Instant::now() >= deadline {
            return Ok(lying);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

impl Redrive {
    fn on(self, policy: &Value) -> Value {
        let mut policy = policy.clone();
        policy["maxReceiveCount"] = json!(self.receives_max);
        policy
    }
}

/// The visibility timeout and the redrive policy, as the template has them.
async fn queue_settings(scene: &Scene) -> Result<(String, Value), Failure> {
    let names = [QueueAttributeName::VisibilityTimeout, QueueAttributeName::RedrivePolicy];
    let url = &scene.fixture.info.queue_url;
    let request =
        scene.fixture.clients.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
    let mut found = request.send().await?.attributes.unwrap_or_default();
    let mut take = |name: &QueueAttributeName| found.remove(name).ok_or("the queue does not tell its settings");
    Ok((take(&names[0])?, serde_json::from_str(&take(&names[1])?)?))
}

async fn set_queue(scene: &Scene, visibility: &str, policy: &Value) -> Result<(), Failure> {
    scene.say(&format!("the queue: visibility {visibility} s, at most {} attempts", policy["maxReceiveCount"]));
    let request = scene.fixture.clients.sqs.set_queue_attributes().queue_url(&scene.fixture.info.queue_url);
    request
        .attributes(QueueAttributeName::VisibilityTimeout, visibility)
        .attributes(QueueAttributeName::RedrivePolicy, policy.to_string())
        .send()
        .await?;
    Ok(())
}
