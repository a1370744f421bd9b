//! What a settlement means in numbers, for whoever keeps the metrics.

use std::time::Duration;

use spg_domain::{AttentionReason, ChangeKind, SilenceKind};

use crate::{Settlement, SweepReport};

/// One number to be counted or measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tally {
    Count(&'static str),
    /// Counted apart by a value of a closed set.
    CountBy(&'static str, &'static str),
    Duration(&'static str, Duration),
}

impl Settlement {
    /// Status answers by what they were, their latency, the change that was made and how long it took to become final.
    pub fn tallies(&self) -> Vec<Tally> {
        let mut tallies = Vec::new();
        for asked in &self.questions {
            tallies.push(Tally::Duration("StatusApiLatency", asked.took));
            match asked.reply.result {
                Ok(_) => tallies.push(Tally::CountBy("StatusAnswers", asked.disposition.as_str())),
                Err(SilenceKind::NotFound) => tallies.push(Tally::Count("StatusApiNotFound")),
                Err(SilenceKind::Unauthorised) => tallies.push(Tally::Count("StatusApiCredentialsRefused")),
                Err(SilenceKind::Unavailable) => tallies.push(Tally::Count("StatusApiFailures")),
            }
        }
        self.tally_change(&mut tallies);
        tallies
    }

    fn tally_change(&self, tallies: &mut Vec<Tally>) {
        let Some(write) = &self.write else { return };
        let transaction = &write.transaction;
        match transaction.change {
            ChangeKind::Noted | ChangeKind::Opened | ChangeKind::Advanced | ChangeKind::NeedsAttention => {}
            ChangeKind::Finalised => {
                tallies.push(Tally::Count("Finalised"));
                let confirmed_at = transaction.confirmed_at.unwrap_or_default();
                tallies.push(Tally::Duration("TimeToFinal", confirmed_at.since(transaction.first_seen_at)));
            }
            ChangeKind::Corrected => {
                let unexpected = write.raised.contains(&AttentionReason::UnexpectedCorrection);
                tallies.push(Tally::CountBy("Corrected", if unexpected { "Unexpected" } else { "Expected" }));
            }
        }
        for reason in &write.raised {
            tallies.push(Tally::CountBy("NeedsAttention", reason.as_str()));
            if reason.is_paged() {
                tallies.push(Tally::Count("AttentionPaged"));
            }
        }
    }
}

impl SweepReport {
    /// All settlements' tallies, and how the run kept up.
    pub fn tallies(&self) -> Vec<Tally> {
        let mut tallies: Vec<Tally> = self.settlements.iter().flat_map(Settlement::tallies).collect();
        tallies.push(Tally::Count("Sweeps"));
        tallies.push(Tally::Duration("DueLateness", self.lateness_max));
        if self.outage {
            tallies.push(Tally::Count("SweepsStoppedByOutage"));
        }
        if self.unfinished {
            tallies.push(Tally::Count("SweepsUnfinished"));
        }
        tallies.extend(std::iter::repeat_n(Tally::Count("StoreFailures"), self.store_failures));
        tallies
    }
}
