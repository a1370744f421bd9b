//! `spgctl restore`: what a restored table has, into the table in use. docs/adr/0008 has the argument why consumers end with the truth.
//!
//! Each item is decided by the domain and written under its condition: one that is absent, or older by version. What was restored is
//! newer than what was there, so that the command can be interrupted and given again: it goes on where it must.

use std::time::Duration;

use futures::StreamExt as _;
use serde::Serialize;
use spg_domain::{Timestamp, Transaction, TransactionId, restore};
use spg_ledger::Ledger;
use spg_reconcile::{Store as _, Written};

use crate::output::{Progress, span};
use crate::scan::{Pace, Rate, Scan};
use crate::{Error, Exit, Output};

/// Writes in flight at once.
const WRITES_CONCURRENT: usize = 16;
/// Lost races for the same item, before it is left to another run.
const ATTEMPTS_MAX: u32 = 6;

#[derive(Debug, Clone)]
pub struct Arguments {
    /// Items read and written in a second.
    pub rate: u32,
    /// How many of them fall due in a second: the Status API is queried for each.
    pub queries_per_second: u32,
    pub after: Option<TransactionId>,
    pub dry_run: bool,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    restored: u64,
    /// As new, or newer, where it was to go.
    kept: u64,
    /// Past its time to live already.
    expired: u64,
    scanned: u64,
    /// TransactionIDs of items that cannot be read.
    unreadable: Vec<String>,
    dry_run: bool,
    /// When the last of them falls due.
    due_until: Option<String>,
}

enum RecordResult {
    Restored,
    Kept,
    Expired,
}

/// # Errors
/// A table cannot be read or written. What was restored before is; the message says how to go on.
pub async fn run(
    from: &Ledger,
    to: &Ledger,
    arguments: &Arguments,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let mut scan = Scan::new(from, Rate { items_per_second: arguments.rate }, arguments.after.clone());
    let mut progress = Progress::new("restored from", from.items_about().await);
    let mut done = Restored { dry_run: arguments.dry_run, ..Restored::default() };
    let mut pace = Pace::new(arguments.rate);
    let mut last_due = now;
    loop {
        let position = scan.position().cloned().or_else(|| arguments.after.clone());
        let resumable = |error: Error| resume(error, position.as_ref());
        let page = tokio::select! {
            page = scan.next() => page.map_err(resumable)?,
            _ = tokio::signal::ctrl_c() => return Err(resume(Error::Refused("interrupted".to_owned()), position.as_ref())),
        };
        let Some(page) = page else { break };
        let ids: Vec<_> = page.iter().map(|transaction| transaction.id.clone()).collect();
        let mut present = to.read(&ids).await.map_err(Error::call("reading the table in use")).map_err(resumable)?;
        let work = page.into_iter().enumerate().map(|(index, transaction)| {
            let place = done.restored + u64::try_from(index).unwrap_or_default();
            let due_at = now + Duration::from_secs(place / u64::from(arguments.queries_per_second.max(1)));
            last_due = last_due.max(due_at);
            let there = present.remove(&transaction.id);
            one(to, transaction, there, due_at, now, arguments.dry_run)
        });
        let work: Vec<_> = work.collect();
        let results: Vec<_> = futures::stream::iter(work).buffer_unordered(WRITES_CONCURRENT).collect().await;
        for result in results {
            match result.map_err(|error| resume(error, position.as_ref()))? {
                RecordResult::Restored => done.restored += 1,
                RecordResult::Kept => done.kept += 1,
                RecordResult::Expired => done.expired += 1,
            }
        }
        pace.spent(u64::try_from(ids.len()).unwrap_or_default()).await;
        progress.at(scan.scanned, || format!("{} restored, {} kept", done.restored, done.kept));
    }
    progress.end();
    done.scanned = scan.scanned;
    done.unreadable = std::mem::take(&mut scan.unreadable);
    done.due_until = (done.restored > 0).then(|| last_due.to_string());
    output.show(&done, || done.text(last_due, now))?;
    Ok(if done.unreadable.is_empty() { Exit::Done } else { Exit::Findings })
}

async fn one(
    to: &Ledger,
    snapshot: Transaction,
    mut present: Option<Transaction>,
    due_at: Timestamp,
    now: Timestamp,
    dry_run: bool,
) -> Result<RecordResult, Error> {
    if snapshot.expires_at.is_some_and(|at| at <= now) {
        return Ok(RecordResult::Expired);
    }
    let id = snapshot.id.clone();
    for _ in 0..ATTEMPTS_MAX {
        let Some(write) = restore(snapshot.clone(), present.as_ref(), due_at) else { return Ok(RecordResult::Kept) };
        if dry_run {
            return Ok(RecordResult::Restored);
        }
        match to.replace(&write).await.map_err(Error::call(format!("writing {id}")))? {
            Written::Done => return Ok(RecordResult::Restored),
            Written::Lost(stored) => present = stored.map(|it| *it),
        }
    }
    Err(Error::Refused(format!("{id} is being written all the time")))
}

/// The same error, with how to go on.
fn resume(error: Error, position: Option<&TransactionId>) -> Error {
    let how = match position {
        Some(id) => format!("go on with `--resume-after {id}`, or give the same command again"),
        None => "give the same command again".to_owned(),
    };
    Error::Interrupted(format!("{error}; {how}: what was restored stays so"))
}

impl Restored {
    fn text(&self, last_due: Timestamp, now: Timestamp) -> String {
        let verb = if self.dry_run { "would be restored" } else { "restored" };
        let mut text = format!("{} {verb}, {} kept because they are as new or newer", self.restored, self.kept);
        if self.expired > 0 {
            text += &format!(", {} left out because they have expired", self.expired);
        }
        if self.restored > 0 {
            let verb = if self.dry_run { "they would fall" } else { "they fall" };
            text += &format!(
                "\n{verb} due within {}: the Status API settles each, and the result is published",
                span(last_due.since(now))
            );
        }
        if !self.unreadable.is_empty() {
            text += &format!("\n{} items cannot be read: {}", self.unreadable.len(), self.unreadable.join(", "));
        }
        text
    }
}
