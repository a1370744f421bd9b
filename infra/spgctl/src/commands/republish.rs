//! `spgctl republish`: the latest event of each transaction once more, from the table.
//!
//! An event is a pure function of the item: the same eventId and the same content, made and sent by the publisher's own code.
//! Consumers keep the highest sequence, so that hearing it twice changes nothing. What the stream has lost is published this way.

use std::time::Duration;

use serde::Serialize;
use spg_bus::{Bus, ENTRIES_MAX, EventBus};
use spg_domain::{OutcomeEvent, Timestamp, Transaction};
use spg_ledger::Ledger;

use crate::output::Progress;
use crate::scan::{Pace, Rate, Scan};
use crate::{Error, Exit, Output};

/// Tries for the same ten events.
const ATTEMPTS_MAX: u32 = 5;
/// The first wait between them; it doubles.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);

#[derive(Debug, Clone)]
pub struct Arguments {
    /// Outcomes of this moment and later.
    pub since: Timestamp,
    /// And before this one.
    pub until: Timestamp,
    /// Count only.
    pub dry_run: bool,
    pub read_rate: Rate,
    /// Events in a second.
    pub rate: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Republished {
    since: String,
    until: String,
    dry_run: bool,
    events: u64,
    scanned: u64,
    /// TransactionIDs of items that cannot be read.
    unreadable: Vec<String>,
}

/// # Errors
/// The table cannot be read, or the bus does not take the events. What was sent before is sent; the same command may be given again.
pub async fn run(
    ledger: &Ledger,
    bus: &EventBus,
    arguments: &Arguments,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let mut scan = Scan::new(ledger, arguments.read_rate, None);
    let mut pace = Pace::new(arguments.rate);
    let mut progress = Progress::new("scanned", ledger.items_about().await);
    let (mut events, mut waiting) = (0, Vec::new());
    while let Some(transactions) = scan.next().await? {
        waiting.extend(transactions.iter().filter_map(|transaction| arguments.event(transaction)));
        while waiting.len() >= ENTRIES_MAX {
            let rest = waiting.split_off(ENTRIES_MAX);
            events += put(bus, &std::mem::replace(&mut waiting, rest), arguments.dry_run, &mut pace).await?;
            progress.at(scan.scanned, || format!("{events} events"));
        }
        progress.at(scan.scanned, || format!("{events} events"));
    }
    events += put(bus, &waiting, arguments.dry_run, &mut pace).await?;
    progress.end();
    let done = Republished {
        since: arguments.since.to_string(),
        until: arguments.until.to_string(),
        dry_run: arguments.dry_run,
        events,
        scanned: scan.scanned,
        unreadable: scan.unreadable,
    };
    output.show(&done, || done.text())?;
    Ok(if done.unreadable.is_empty() { Exit::Done } else { Exit::Findings })
}

/// At most [`ENTRIES_MAX`] events; returns how many.
async fn put(bus: &EventBus, events: &[OutcomeEvent], dry_run: bool, pace: &mut Pace) -> Result<u64, Error> {
    let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
    if dry_run || events.is_empty() {
        return Ok(count);
    }
    let mut wait = BACKOFF_FIRST;
    for attempt in 1.. {
        match bus.put(events, None).await {
            Ok(()) => break,
            // Those that are there already come once more: consumers know them by their eventId.
            Err(_) if attempt < ATTEMPTS_MAX => tokio::time::sleep(wait).await,
            Err(error) => return Err(Error::call("putting events on the bus")(error)),
        }
        wait *= 2;
    }
    pace.spent(count).await;
    Ok(count)
}

impl Arguments {
    fn event(&self, transaction: &Transaction) -> Option<OutcomeEvent> {
        OutcomeEvent::latest(transaction).filter(|event| (self.since..self.until).contains(&event.at))
    }
}

impl Republished {
    fn text(&self) -> String {
        let verb = if self.dry_run { "would be published again" } else { "were published again" };
        let mut text = format!(
            "{} events {verb}: the latest event of each transaction from {} to {}\n{} transactions read",
            self.events, self.since, self.until, self.scanned
        );
        if !self.unreadable.is_empty() {
            text += &format!("; {} items cannot be read: {}", self.unreadable.len(), self.unreadable.join(", "));
        }
        text
    }
}
