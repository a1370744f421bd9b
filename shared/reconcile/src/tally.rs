//! What a settlement means in numbers, for whoever keeps the metrics.

use std::time::Duration;

use spg_domain::{AttentionReason, ChangeKind, Disposition, NoAnswerKind};

use crate::{Settlement, SweepReport};

/// One number to be counted or measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tally {
    Count(&'static str),
    /// So many at once. Zero is counted too, so that a share of it can be computed.
    Counts(&'static str, usize),
    /// Counted apart by a value of a closed set.
    CountBy(&'static str, &'static str),
    Duration(&'static str, Duration),
}

impl Settlement {
    /// The latency of each query (which counts them, too) and what was unusual about its answer, the change that was made and how
    /// long it took to become final.
    pub fn tallies(&self) -> Vec<Tally> {
        let mut tallies = Vec::new();
        for queried in &self.queries {
            tallies.push(Tally::Duration("StatusApiLatency", queried.took));
            let (mut failures, mut refusals) = (0, 0);
            match queried.reply.result {
                Ok(_) if is_unusual(queried.disposition) => {
                    tallies.push(Tally::CountBy("UnusualAnswers", queried.disposition.as_str()));
                }
                Ok(_) => {}
                Err(NoAnswerKind::NotFound) => tallies.push(Tally::Count("StatusApiNotFound")),
                Err(NoAnswerKind::Unauthorised) => refusals = 1,
                Err(NoAnswerKind::RateLimited | NoAnswerKind::Unavailable | NoAnswerKind::Outage) => failures = 1,
            }
            tallies.push(Tally::Counts("StatusApiFailures", failures));
            tallies.push(Tally::Counts("StatusApiCredentialsRefused", refusals));
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
                let confirmed_at = transaction.confirmed_at().unwrap_or_default();
                tallies.push(Tally::Duration("TimeToFinal", confirmed_at.since(transaction.first_seen_at)));
            }
            ChangeKind::Corrected => {
                let unexpected = write.raised.contains(&AttentionReason::UnexpectedCorrection);
                tallies.push(Tally::CountBy("Corrected", if unexpected { "Unexpected" } else { "Expected" }));
            }
        }
        if transaction.is_ahead_of(self.decided_at) {
            tallies.push(Tally::Count("ClockSkew"));
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
        tallies.push(Tally::Counts("Due", self.due));
        tallies.push(Tally::Duration("DueLateness", self.lateness_max));
        tallies.extend(self.open_ages.iter().map(|age| Tally::CountBy("StillOpen", age_class(*age))));
        if self.outage {
            tallies.push(Tally::Count("SweepsStoppedByOutage"));
        }
        if self.unfinished {
            tallies.push(Tally::Count("SweepsUnfinished"));
        }
        tallies.push(Tally::Counts("StoreFailures", self.store_failures));
        tallies
    }
}

/// What is worth a metric: people look for its reason. Corrections are counted with the change.
fn is_unusual(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::Refused | Disposition::Stale | Disposition::Blocked)
}

/// How long a transaction has been open, in steps that people tell apart.
fn age_class(age: Duration) -> &'static str {
    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    match age {
        age if age < HOUR => "UnderAnHour",
        age if age < DAY => "UnderADay",
        age if age < WEEK => "UnderAWeek",
        _ => "AWeekOrMore",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: u64, expected: &str) {
        assert_eq!(age_class(Duration::from_secs(seconds)), expected, "{seconds} s");
    }

    #[test]
    fn ages_fall_into_the_class_that_their_name_says() {
        check(0, "UnderAnHour");
        check(3_599, "UnderAnHour");
        check(3_600, "UnderADay");
        check(86_399, "UnderADay");
        check(86_400, "UnderAWeek");
        check(604_799, "UnderAWeek");
        check(604_800, "AWeekOrMore");
    }
}
