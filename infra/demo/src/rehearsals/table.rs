//! The table is lost, and restored to an earlier moment.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use spg_simulator::{Kind, PaymentSpec, Status};
use tokio::time::Instant;

use crate::operator::{DONE, Function, NOT_THERE};
use crate::scene::{CONFIRMED_WITHIN, SOON};
use crate::{Event, Failure, Phase, Scenario, Scene, report};

pub const REHEARSAL: Scenario = Scenario {
    name: "Table lost and restored",
    spg: "every item of the table is deleted; the restored table is a copy from before the latest changes",
    phase: Phase::Alone,
    play: |scene| Box::pin(rehearse(scene)),
};

const RESTORED_TABLE: &str = "spg-transactions-restored";
const KEY: &str = "transactionID";
/// A sweep begins each minute, and queries all of them.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);

/// One payment of each kind that a restore can meet.
struct Payments {
    /// Final before the snapshot, and not changed since.
    settled: String,
    /// Final before the snapshot, corrected and told after it.
    corrected: String,
    /// Open at the snapshot, final and told after it.
    finalised: String,
    /// Open until after the loss; its webhook comes while there is no table to speak of.
    open: String,
    /// Registered, final and told after the snapshot: the restored table knows nothing of it.
    born_after: String,
}

async fn rehearse(scene: &mut Scene) -> Result<(), Failure> {
    let payments = before_the_loss(scene).await?;
    let mapping = scene.mapping(Function::Processor).await?;
    let lost = lose_the_table(scene).await?;
    let told_before = scene.fixture.outcomes.merchant_view();
    scene.table_lost = true;
    let began = Instant::now();
    let gone = scene.spgctl(&["transaction", &payments.settled], None).await?;
    scene.checks.equal("exit code of `spgctl transaction`", NOT_THERE, gone.exit);
    scene.seen(&format!("{lost} items are gone: `spgctl transaction ID` finds nothing; no error and no alarm says so"));

    enable(scene, &mapping, false).await?;
    let restored = while_the_queue_holds(scene, &payments).await;
    enable(scene, &mapping, true).await?;
    let restored = restored?;
    scene.remedy(&format!(
        "the queue's consumer is disabled; `spgctl restore --from TABLE`: {restored} items; the consumer is enabled; the merchant \
         registers its payments since the snapshot again"
    ));
    scene.register(&payments.born_after).await?;
    settled_again(scene, &payments, &told_before).await?;
    let listed = scene.spgctl(&["open", "--method", "MBWAY"], None).await?;
    let left = scene.ids.iter().filter(|id| listed.names(id)).count();
    scene.checks.equal("of these in `spgctl open` afterwards", 0, left);
    let took = report::seconds(began.elapsed());
    scene.over(&format!(
        "`spgctl open` is without them; each was queried and republished with a later sequence than any before, in {took}"
    ));
    scene.time_to_final_in_words = Some(took);
    scene.nothing_lost().await
}

async fn before_the_loss(scene: &mut Scene) -> Result<Payments, Failure> {
    let ids = scene.create_several(4)?;
    let [settled, corrected, finalised, open] = [0, 1, 2, 3].map(|at: usize| ids[at].clone());
    for id in [&settled, &corrected] {
        scene.becomes_and_notifies(id, Status::Success).await?;
    }
    for id in [&finalised, &open] {
        scene.register(id).await?;
        scene.notify(id).await?;
        scene.recorded(id, 1).await?;
    }
    scene.until_all(&ids[..2], "confirmed", CONFIRMED_WITHIN + SOON, |item| item.status == "Success").await?;
    scene.until_told(&ids[..2]).await;
    // The emulator restores to the moment of the call, whatever is asked for: so this is called now, and stands for a call after the
    // loss that names this moment.
    let table = &scene.fixture.info.table;
    let request =
        json!({ "SourceTableName": table, "TargetTableName": RESTORED_TABLE, "UseLatestRestorableTime": true });
    scene.aws("dynamodb", "restore_table_to_point_in_time", request).await?;

    scene.becomes_and_notifies(&corrected, Status::Declined).await?;
    scene.becomes_and_notifies(&finalised, Status::Success).await?;
    let born_after = scene.create(PaymentSpec::new(Kind::MbWay, 1590))?;
    scene.register(&born_after).await?;
    scene.becomes_and_notifies(&born_after, Status::Success).await?;
    let fixture = std::sync::Arc::clone(&scene.fixture);
    let told = |id: &String, events: usize| fixture.outcomes.of(id).len() == events;
    let all = || (told(&corrected, 2) && told(&finalised, 1) && told(&born_after, 1)).then_some(());
    scene.until("what happened after the snapshot is told", SOON, all).await?;
    Ok(Payments { settled, corrected, finalised, open, born_after })
}

/// Returns how many items the restore has written.
async fn while_the_queue_holds(scene: &mut Scene, payments: &Payments) -> Result<Value, Failure> {
    scene.becomes_and_notifies(&payments.open, Status::Success).await?;
    let restored = scene.spgctl(&["restore", "--from", RESTORED_TABLE], None).await?;
    scene.checks.equal("exit code of `spgctl restore`", DONE, restored.exit);
    let waiting = scene.fixture.clients.waiting(&scene.fixture.info.queue_url).await?;
    scene.checks.that("messages that the queue holds meanwhile", waiting > 0, "more than 0", waiting);
    let again = scene.spgctl(&["restore", "--from", RESTORED_TABLE], None).await?;
    scene.checks.equal("restored by the same command again", 0, &again.json["restored"]);
    Ok(restored.json["restored"].clone())
}

/// The sweeper settles what was restored, and tells it with a later sequence than any that was told before.
async fn settled_again(
    scene: &mut Scene,
    payments: &Payments,
    told_before: &BTreeMap<String, Event>,
) -> Result<(), Failure> {
    let Payments { settled, corrected, finalised, open, born_after } = payments;
    let expected = [
        (settled, "Success"),
        (corrected, "Declined"),
        (finalised, "Success"),
        (open, "Success"),
        (born_after, "Success"),
    ];
    for (id, status) in expected {
        scene.until_item(id, &format!("{status} again"), SETTLED_WITHIN, |item| item.status == status).await?;
    }
    for id in [settled, corrected, finalised, open, born_after] {
        let before = told_before.get(id).map_or(0, Event::sequence);
        let sequence = || scene.fixture.outcomes.merchant_view().get(id).map_or(0, Event::sequence);
        let later = || (sequence() > before).then_some(());
        let told = scene.until("told later than before", SETTLED_WITHIN, later).await;
        let found = sequence();
        scene.checks.that("the sequence told last", told.is_ok(), format!("above {before}"), found);
    }
    Ok(())
}

/// Deletes every item; returns how many.
async fn lose_the_table(scene: &Scene) -> Result<usize, Failure> {
    let (client, table) = (&scene.fixture.clients.dynamodb, &scene.fixture.info.table);
    let found = client.scan().table_name(table).consistent_read(true).projection_expression(KEY).send().await?;
    if found.last_evaluated_key.is_some_and(|key| !key.is_empty()) {
        return Err("the table is larger than a rehearsal makes it".into());
    }
    let items = found.items.unwrap_or_default();
    for key in &items {
        let id = key.get(KEY).cloned().unwrap_or(AttributeValue::Null(true));
        client.delete_item().table_name(table).key(KEY, id).send().await?;
    }
    scene.say(&format!("{} items are lost", items.len()));
    Ok(items.len())
}

async fn enable(scene: &Scene, mapping: &Value, enabled: bool) -> Result<(), Failure> {
    let change = json!({ "UUID": mapping["UUID"], "Enabled": enabled });
    scene.aws("lambda", "update_event_source_mapping", change).await.map(|_| ())
}
