//! What a sweep knows to fall due: what it has seen of the index, and what its own writes have set.

use std::collections::BTreeSet;
use std::time::Duration;

use spg_domain::{Timestamp, TransactionId};

use crate::Due;

/// Entries of a shard read in one call.
pub(super) const PAGE_ENTRIES: usize = 100;
/// Wait before looking again where the index shows only what was taken before.
const STALE_INDEX_WAIT: Duration = Duration::from_secs(1);
/// Such looks in a row, before the rest of the shard is left to the next run: an item that cannot be read stays in the index.
const FRUITLESS_LOOKS_MAX: u32 = 3;
/// A shard is looked at again after this, if the sweep is still there: others write, too.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct DueSchedule {
    horizon: Timestamp,
    entries: BTreeSet<(Timestamp, TransactionId)>,
    shards: Vec<Seen>,
    /// What was taken, and when it was due: until it is settled, and for as long as the index lags behind the table, it is shown so again.
    taken: BTreeSet<(Timestamp, TransactionId)>,
}

/// What is known of a shard.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    looked_at: Option<Timestamp>,
    /// What falls due from here on did not fit on the page; none if all of it did.
    unseen_from: Option<Timestamp>,
    /// Looks in a row that have shown nothing new on a full page.
    fruitless: u32,
}

impl DueSchedule {
    pub fn new(shards: u32, horizon: Timestamp) -> Self {
        let shards = (0..shards).map(|_| Seen::default()).collect();
        Self { horizon, entries: BTreeSet::new(), shards, taken: BTreeSet::new() }
    }

    /// Those whose page is used up, and those that were not looked at for a while.
    pub fn shards_to_look_at(&self, now: Timestamp) -> Vec<u32> {
        let wanted = |seen: &Seen| {
            seen.looked_at.is_none_or(|at| now.since(at) >= LOOK_INTERVAL)
                || seen.unseen_from.is_some_and(|at| at <= now)
        };
        (0..).zip(&self.shards).filter(|(_, seen)| wanted(seen)).map(|(shard, _)| shard).collect()
    }

    /// A page of a shard was read.
    pub fn saw(&mut self, shard: u32, now: Timestamp, page: Vec<Due>) {
        let full_up_to = page.last().filter(|_| page.len() >= PAGE_ENTRIES).map(|last| last.at);
        let new: Vec<_> = page.into_iter().map(|due| (due.at, due.id)).filter(|it| !self.taken.contains(it)).collect();
        if let Some(seen) = self.shards.get_mut(shard as usize) {
            seen.looked_at = Some(now);
            seen.fruitless = if new.is_empty() { seen.fruitless + 1 } else { 0 };
            let given_up = seen.fruitless >= FRUITLESS_LOOKS_MAX;
            let wait = if new.is_empty() { STALE_INDEX_WAIT } else { Duration::ZERO };
            seen.unseen_from = full_up_to.filter(|_| !given_up).map(|at| at.max(now + wait));
        }
        self.entries.extend(new);
    }

    /// This one falls due at this moment. What is beyond the horizon is the next run's matter.
    pub fn falls_due(&mut self, at: Timestamp, id: &TransactionId) {
        if at <= self.horizon {
            self.entries.insert((at, id.clone()));
        }
    }

    /// Takes what is due, soonest first.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<TransactionId> {
        let mut due = Vec::new();
        while self.entries.first().is_some_and(|(at, _)| *at <= now) {
            if let Some(entry) = self.entries.pop_first() {
                due.push(entry.1.clone());
                self.taken.insert(entry);
            }
        }
        due
    }

    /// The next moment at which something falls due, or a shard has more than was seen of it; none up to the horizon.
    pub fn next(&self) -> Option<Timestamp> {
        let unseen = self.shards.iter().filter_map(|seen| seen.unseen_from);
        self.entries.first().map(|(at, _)| *at).into_iter().chain(unseen).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1000)
    }

    fn id(n: usize) -> TransactionId {
        TransactionId::new(format!("t{n:03}")).unwrap()
    }

    fn page(entries: usize, due_at: u64) -> Vec<Due> {
        (0..entries).map(|n| Due { id: id(n), at: at(due_at) }).collect()
    }

    #[test]
    fn only_a_shard_that_may_have_more_is_looked_at_again() {
        let mut schedule = DueSchedule::new(3, at(47));
        assert_eq!(schedule.shards_to_look_at(at(0)), [0, 1, 2]);
        schedule.saw(0, at(0), page(PAGE_ENTRIES, 0));
        schedule.saw(1, at(0), page(PAGE_ENTRIES - 1, 0));
        schedule.saw(2, at(0), Vec::new());
        assert_eq!((schedule.shards_to_look_at(at(0)), schedule.next()), (vec![0], Some(at(0))));
        assert_eq!(schedule.take_due(at(0)).len(), PAGE_ENTRIES);
        schedule.saw(0, at(1), Vec::new());
        assert_eq!((schedule.shards_to_look_at(at(9)), schedule.next()), (Vec::new(), None));
        assert_eq!(schedule.shards_to_look_at(at(10)), [1, 2], "others write, too");
    }

    #[test]
    fn what_was_taken_is_not_taken_again_from_an_index_that_lags() {
        let mut schedule = DueSchedule::new(1, at(47));
        schedule.saw(0, at(0), page(1, 0));
        assert_eq!(schedule.take_due(at(0)), [id(0)]);
        schedule.saw(0, at(10), page(2, 0));
        assert_eq!(schedule.take_due(at(10)), [id(1)]);
        // At another moment it is due anew.
        schedule.saw(0, at(20), page(1, 15));
        assert_eq!(schedule.take_due(at(20)), [id(0)]);
    }

    #[test]
    fn a_page_of_what_was_taken_is_looked_at_again_later_and_not_for_ever() {
        let mut schedule = DueSchedule::new(1, at(47));
        schedule.saw(0, at(0), page(PAGE_ENTRIES, 0));
        schedule.take_due(at(0));
        for look in 1..FRUITLESS_LOOKS_MAX {
            let now = at(u64::from(look));
            schedule.saw(0, now, page(PAGE_ENTRIES, 0));
            assert_eq!((schedule.shards_to_look_at(now), schedule.next()), (Vec::new(), Some(now + STALE_INDEX_WAIT)));
        }
        schedule.saw(0, at(9), page(PAGE_ENTRIES, 0));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn what_is_expected_within_the_horizon_is_taken_when_it_is_due() {
        let mut schedule = DueSchedule::new(1, at(47));
        schedule.saw(0, at(0), Vec::new());
        schedule.falls_due(at(30), &id(1));
        schedule.falls_due(at(48), &id(2));
        assert_eq!((schedule.next(), schedule.take_due(at(29))), (Some(at(30)), Vec::new()));
        assert_eq!((schedule.take_due(at(60)), schedule.next()), (vec![id(1)], None));
    }
}
