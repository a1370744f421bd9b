//! Reads the whole table at a bounded pace.

use std::time::{Duration, Instant};

use spg_domain::{Transaction, TransactionId};
use spg_ledger::{Ledger, Segment};

use crate::Error;
use crate::output::Progress;

/// Items per call, at most; one takes about a kilobyte, and a call never gives more than a megabyte.
const PAGE_ITEMS_MAX: u64 = 1000;

/// How fast the table is read, in items a second; the usual item is a kilobyte, so that eight of them cost one read unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub items_per_second: u32,
}

/// Waits so that no more than so many things happen in a second.
#[derive(Debug)]
pub struct Pace {
    per_second: u64,
    started: Instant,
    done: u64,
}

impl Pace {
    pub fn new(per_second: u32) -> Self {
        Self { per_second: u64::from(per_second.max(1)), started: Instant::now(), done: 0 }
    }

    /// Called after `count` more: waits until they are paid for.
    pub async fn spent(&mut self, count: u64) {
        self.done += count;
        let due = Duration::from_millis(self.done.saturating_mul(1000) / self.per_second);
        let early = due.saturating_sub(self.started.elapsed());
        if !early.is_zero() {
            tokio::time::sleep(early).await;
        }
    }
}

/// A scan that can be given up and gone on with.
#[derive(Debug)]
pub struct Scan<'a> {
    ledger: &'a Ledger,
    pace: Pace,
    page_items: u16,
    after: Option<TransactionId>,
    over: bool,
    pub scanned: u64,
    /// TransactionIDs of items that cannot be read.
    pub unreadable: Vec<String>,
}

impl<'a> Scan<'a> {
    /// `after`: where an earlier scan of the same table was given up.
    pub fn new(ledger: &'a Ledger, rate: Rate, after: Option<TransactionId>) -> Self {
        let page_items = PAGE_ITEMS_MAX.min(u64::from(rate.items_per_second.max(1)));
        Self {
            ledger,
            pace: Pace::new(rate.items_per_second),
            page_items: u16::try_from(page_items).unwrap_or(u16::MAX),
            after,
            over: false,
            scanned: 0,
            unreadable: Vec::new(),
        }
    }

    /// The next transactions, perhaps none; none at all when the table is read.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Transaction>>, Error> {
        if self.over {
            return Ok(None);
        }
        let page = self.ledger.scan(Segment::ALL, self.after.as_ref(), self.page_items).await;
        let page = page.map_err(Error::call("reading the table"))?;
        let items = u64::try_from(page.items()).unwrap_or(u64::MAX);
        self.scanned += items;
        self.unreadable.extend(page.unreadable.into_iter().map(|error| error.transaction_id));
        self.over = page.next.is_none();
        if !self.over {
            self.after = page.next;
            self.pace.spent(items).await;
        }
        Ok(Some(page.transactions))
    }

    /// Where to go on after what `next` gave last.
    pub fn position(&self) -> Option<&TransactionId> {
        self.after.as_ref()
    }
}

/// Gives every transaction of the table to `take`; returns how many items there were, and which cannot be read.
///
/// # Errors
/// The table cannot be read.
pub async fn scan(
    ledger: &Ledger,
    rate: Rate,
    what: &'static str,
    mut take: impl FnMut(Transaction),
) -> Result<(u64, Vec<String>), Error> {
    let mut scan = Scan::new(ledger, rate, None);
    let mut progress = Progress::new(what, ledger.items_about().await);
    while let Some(transactions) = scan.next().await? {
        transactions.into_iter().for_each(&mut take);
        progress.at(scan.scanned, String::new);
    }
    progress.end();
    Ok((scan.scanned, scan.unreadable))
}
