//! Lambda refuses invocations, because no concurrency is left.

use std::time::Duration;

use serde_json::{Value, json};
use spg_local::ALIAS;
use spg_simulator::{DeliveryPlan, Status};
use spg_time::{Clock as _, SystemClock};
use tokio::time::Instant;

use crate::operator::Function;
use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Failure, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "Functions throttled",
    spg: "no concurrency is left for any function, and comes back for one after the other; a refused message is invisible for 3 s, which \
          stand for 3 minutes",
    phase: Phase::Alone,
    play: |scene| Box::pin(rehearse(scene)),
};

const ALL: [Function; 4] = [Function::Ack, Function::Processor, Function::Publisher, Function::Sweeper];
/// Instead of the template's, so that minutes are seconds.
const VISIBILITY_SECONDS: &str = "3";
/// The schedule starts a sweep each minute.
const NEXT_SWEEP_WITHIN: Duration = Duration::from_secs(90);
/// The metrics of the last so many seconds are asked for.
const LOOK_BACK_SECONDS: u64 = 600;
const MILLIS_PER_SECOND: u64 = 1_000;

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    let began = Instant::now();
    let visibility = visibility(scene).await?;
    set_visibility(scene, VISIBILITY_SECONDS).await?;
    let mut versions = Vec::new();
    for function in ALL {
        // On AWS the concurrency of a function is that of its versions, too; the emulator knows it of `$LATEST` alone.
        versions.push((function, alias_to(scene, function, "$LATEST").await?));
    }
    let refused = while_refused(scene).await;
    for (function, version) in versions {
        give_back(scene, function).await?;
        alias_to(scene, function, &version).await?;
    }
    set_visibility(scene, &visibility).await?;
    refused?;
    scene.checks.equal("messages left on the queue", 0, scene.emptied().await?);
    scene.over("the webhook that was refused is confirmed and told; the alarms' metrics rise no more");
    scene.time_to_final_in_words = Some(report::seconds(began.elapsed()));
    scene.nothing_lost().await
}

/// One payment, which gets as far as the next function that Lambda refuses to run.
async fn while_refused(scene: &mut Scene) -> Result<(), Failure> {
    for function in ALL {
        let before = watched(scene, function).await?;
        scene.checks.that(format!("{} before", before.alarm), !before.is_over(), "below its threshold", before.value);
        let none = json!({"FunctionName": function.deployed(&scene.fixture), "ReservedConcurrentExecutions": 0});
        scene.aws("lambda", "put_function_concurrency", none).await?;
    }
    let ids = scene.create_several(1)?;
    let id = ids[0].clone();
    scene.becomes(&id, Status::Success)?;
    let notification = scene.fixture.spg.notification(&id)?;
    let results = scene.deliver(&notification, &DeliveryPlan::default()).await;
    let taken = results.iter().any(|result| result.verdict.is_delivered());
    scene.checks.equal("the webhook is acknowledged while ack is refused", false, taken);
    until_over(scene, Function::Ack, SOON).await?;

    give_back(scene, Function::Ack).await?;
    scene.deliver_genuine(&notification, &DeliveryPlan::default()).await;
    // Lambda's poller of the queue goes on asking and is refused; the emulator's does not ask. The same call by hand.
    let by_hand = json!({"FunctionName": Function::Processor.deployed(&scene.fixture)});
    let refused = scene.aws("lambda", "invoke", by_hand).await.is_err();
    scene.checks.equal("a call of the processor by hand is refused", true, refused);
    until_over(scene, Function::Processor, SOON).await?;
    scene.checks.equal("stored while the processor is refused", 0, scene.fixture.items(&ids).await?.len());

    give_back(scene, Function::Processor).await?;
    scene.until_all(&ids, "confirmed", CONFIRMED_WITHIN + SOON, |item| item.status == "Success").await?;
    until_over(scene, Function::Publisher, SOON).await?;
    scene.checks.equal("events while the publisher is refused", 0, scene.told(&ids));

    give_back(scene, Function::Publisher).await?;
    scene.until_told(&ids).await;
    until_over(scene, Function::Sweeper, NEXT_SWEEP_WITHIN).await?;
    scene.seen("each alarm's own metric crosses its threshold: `ack-throttles`, `processor-throttles`, `publisher-throttles`, `sweeper-throttles`");
    scene.remedy("concurrency was given back; SPG repeats the webhook, queue, stream and schedule repeat the rest");
    Ok(())
}

/// What an alarm looks at.
struct Watched {
    alarm: String,
    threshold: f64,
    /// The highest of the last minutes.
    value: f64,
}

impl Watched {
    fn is_over(&self) -> bool {
        self.value >= self.threshold
    }
}

/// The metric of the function's alarm on throttles, exactly as the deployed alarm names it.
async fn watched(scene: &Scene, function: Function) -> Result<Watched, Failure> {
    let name = format!("{}-{}-throttles", scene.fixture.info.stack, function.name());
    let found = scene.aws("cloudwatch", "describe_alarms", json!({"AlarmNames": [name]})).await?;
    let alarm = &found["MetricAlarms"][0];
    let statistic = alarm["Statistic"].as_str().ok_or_else(|| format!("there is no alarm {name}"))?;
    let now = SystemClock.now().millis() / MILLIS_PER_SECOND;
    let wanted = json!({
        "Namespace": alarm["Namespace"], "MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"],
        "Statistics": [statistic], "Period": alarm["Period"], "StartTime": now - LOOK_BACK_SECONDS, "EndTime": now + 1,
    });
    let found = scene.aws("cloudwatch", "get_metric_statistics", wanted).await?;
    let values = found["Datapoints"].as_array().into_iter().flatten().filter_map(|point| point[statistic].as_f64());
    let threshold = alarm["Threshold"].as_f64().ok_or("the alarm has no threshold")?;
    Ok(Watched { threshold, value: values.fold(0.0, f64::max), alarm: name })
}

/// Waits until the alarm's metric has crossed its threshold.
async fn until_over(scene: &mut Scene, function: Function, within: Duration) -> Result<(), Failure> {
    let deadline = Instant::now() + within;
    loop {
        let now = watched(scene, function).await?;
        if now.is_over() || Instant::now() >= deadline {
            let expected = format!("at least {}", now.threshold);
            scene.checks.that(format!("the metric of {}", now.alarm), now.is_over(), expected, now.value);
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn give_back(scene: &Scene, function: Function) -> Result<(), Failure> {
    let name = json!({"FunctionName": function.deployed(&scene.fixture)});
    scene.aws("lambda", "delete_function_concurrency", name).await.map(|_| ())
}

/// Leads the alias to a version; returns the one that it led to.
async fn alias_to(scene: &Scene, function: Function, version: &str) -> Result<String, Failure> {
    let mut alias = json!({"FunctionName": function.deployed(&scene.fixture), "Name": ALIAS});
    let before = scene.aws("lambda", "get_alias", alias.clone()).await?;
    alias["FunctionVersion"] = version.into();
    scene.aws("lambda", "update_alias", alias).await?;
    Ok(before["FunctionVersion"].as_str().ok_or("the alias leads nowhere")?.to_owned())
}

async fn visibility(scene: &Scene) -> Result<String, Failure> {
    let wanted = json!({"QueueUrl": scene.fixture.info.queue_url, "AttributeNames": ["VisibilityTimeout"]});
    let found = scene.aws("sqs", "get_queue_attributes", wanted).await?;
    let seconds = found["Attributes"]["VisibilityTimeout"].as_str().ok_or("the queue does not tell its visibility")?;
    Ok(seconds.to_owned())
}

async fn set_visibility(scene: &Scene, seconds: &str) -> Result<(), Failure> {
    let change: Value = json!({"QueueUrl": scene.fixture.info.queue_url, "Attributes": {"VisibilityTimeout": seconds}});
    scene.aws("sqs", "set_queue_attributes", change).await.map(|_| ())
}
