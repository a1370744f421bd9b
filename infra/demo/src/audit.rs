//! The look back at the end of the run: what must not have happened in the meantime has not.

use std::collections::BTreeSet;

use crate::scene::{End, Scene};
use crate::{Failure, outcomes};

pub const NAME: &str = "At the end of the run";
const COMPLAINTS_MAX: usize = 5;
/// What spgctl itself queries, and sends as a test.
const OPERATORS_OWN: [&str; 2] = ["spgctl-doctor", "WebhookTest"];

/// What the scenarios left behind.
pub struct Left {
    pub ends: Vec<End>,
    /// TransactionIDs of which a dead letter was expected.
    pub dead_letters: BTreeSet<String>,
    /// The table was lost on the way, and restored.
    pub table_lost: bool,
}

/// Looks at everything once more.
pub async fn audit(scene: &mut Scene, left: &Left) -> Result<(), Failure> {
    nothing_more_happened(scene, left).await?;
    events_keep_to_the_contract(scene, left);
    let waiting = scene.emptied().await?;
    scene.checks.equal("messages left on the queue", 0, waiting);
    if !scene.fixture.program.takes_dead_letters {
        let lying = scene.fixture.clients.waiting(&scene.fixture.info.dlq_url).await?;
        scene.checks.equal("messages left in the dead-letter queue", 0, lying);
    }
    let dead_letters = scene.fixture.dead_letters.bodies();
    let about: Vec<&str> =
        dead_letters.iter().map(|dead_letter| dead_letter["transactionID"].as_str().unwrap_or("nothing")).collect();
    let expected: Vec<&str> = left.dead_letters.iter().map(String::as_str).collect();
    scene.checks.equal("dead letters", expected.join(", "), about.join(", "));
    let report = scene.fixture.spg.report();
    scene.checks.equal("forgeries acknowledged", 0, report.summary.forgeries_acknowledged);
    // An operator's own looks are about what does not exist; nothing else is.
    let others = report.other_queries.iter().filter(|it| !OPERATORS_OWN.contains(&it.transaction_id.as_str()));
    let other = others.count();
    scene.checks.equal("queries about what does not exist", 0, other);
    let panics: usize = ["ack", "processor", "sweeper", "publisher"]
        .iter()
        .map(|function| scene.fixture.log_lines(function, &["panicked at"]))
        .sum();
    scene.checks.equal("panics", 0, panics);
    Ok(())
}

/// Every transaction is as its scenario left it: the same status, the same events, no more.
async fn nothing_more_happened(scene: &mut Scene, left: &Left) -> Result<(), Failure> {
    let ids: Vec<String> = left.ends.iter().map(|end| end.transaction_id.clone()).collect();
    let items = scene.fixture.items(&ids).await?;
    let events = scene.fixture.outcomes.by_transaction();
    let mut complaints = Vec::new();
    for End { transaction_id, status, events: expected } in &left.ends {
        let stored = items.get(transaction_id).map(|item| item.status.clone());
        if stored != *status {
            complaints.push(format!("{transaction_id} is {stored:?}, was {status:?}"));
        }
        let told = events.get(transaction_id).map_or(&[][..], Vec::as_slice);
        // What was restored is republished; then the last event counts.
        let last = told.last().map(|event| event.status().to_owned());
        if left.table_lost && last != *status {
            complaints.push(format!("{transaction_id} was last told as {last:?}, is {status:?}"));
        }
        let told = outcomes::in_words(told);
        if !left.table_lost && told != *expected {
            complaints.push(format!("{transaction_id} has the events {told}, had {expected}"));
        }
    }
    none(scene, "transactions that changed after their scenario", &complaints);
    scene.stored_in_words = Some(format!("transactions looked at again: {}", left.ends.len()));
    Ok(())
}

fn events_keep_to_the_contract(scene: &mut Scene, left: &Left) {
    let all = scene.fixture.outcomes.all();
    let mut complaints: Vec<String> = all.iter().flat_map(outcomes::Event::complaints).collect();
    let by_transaction = scene.fixture.outcomes.by_transaction();
    let mut distinct = 0;
    for (id, events) in &by_transaction {
        distinct += events.len();
        if !events.is_sorted_by(|one, next| one.version() < next.version()) && !left.table_lost {
            complaints.push(format!("{id}: a later sequence tells of an earlier version"));
        }
        let finalised = events.iter().filter(|event| event.is_finalised()).count();
        if finalised > 1 && !left.table_lost {
            complaints.push(format!("{id}: finalised {finalised} times"));
        }
    }
    // Delivery is at least once: an event may come again, but only as it was.
    for event in &all {
        let known = by_transaction.get(event.transaction_id()).into_iter().flatten();
        let other: Vec<&str> = known.flat_map(|first| first.contradictions(event)).collect();
        if !other.is_empty() {
            let fields = other.join(", ");
            complaints.push(format!("{}#{}: came again with other {fields}", event.transaction_id(), event.sequence()));
        }
    }
    none(scene, "events that break the contract", &complaints);
    let again = all.len() - distinct;
    scene.events_in_words = Some(format!("events: {distinct}, sent again: {again}"));
}

fn none(scene: &mut Scene, name: &str, complaints: &[String]) {
    let named = complaints.iter().take(COMPLAINTS_MAX).cloned().collect::<Vec<_>>().join("; ");
    let found = if complaints.is_empty() { "none".to_owned() } else { format!("{}: {named}", complaints.len()) };
    scene.checks.equal(name, "none", found);
}
