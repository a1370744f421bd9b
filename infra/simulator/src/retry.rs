//! SPG's retry schedule ("Webhook Retry System"): attempts 0 to 4 every 5 minutes, 5 to 8 every hour, 9 to 13 every 2 hours,
//! 14 to 19 every 4 hours, 20 to 26 every 6 hours, 27 to 34 every 12 hours, 35 to 43 every 24 hours, ending two months after
//! the first attempt.
//!
//! Attempt 43 comes after some 16 days, so the two statements agree only if the last tier goes on until the two months are
//! over. That is how it is read here: it is the reading that asks more of a receiver's memory.

use std::time::Duration;

/// The last attempt comes at most so long after the first: two months of 31 and 30 days.
pub const RETRIES_END_AFTER: Duration = Duration::from_secs(61 * 24 * 3600);

/// The tiers: up to this attempt, this interval before an attempt.
const TIERS: [(u32, Duration); 6] = [
    (4, Duration::from_secs(5 * 60)),
    (8, Duration::from_secs(3600)),
    (13, Duration::from_secs(2 * 3600)),
    (19, Duration::from_secs(4 * 3600)),
    (26, Duration::from_secs(6 * 3600)),
    (34, Duration::from_secs(12 * 3600)),
];
const LAST_TIER: Duration = Duration::from_secs(24 * 3600);

/// Simulated time between the attempt before and this one; zero for attempt 0.
pub fn interval_before(attempt: u32) -> Duration {
    if attempt == 0 {
        return Duration::ZERO;
    }
    TIERS.iter().find(|(last, _)| attempt <= *last).map_or(LAST_TIER, |(_, interval)| *interval)
}

/// When each attempt comes, as simulated time after the first; it ends with the last attempt.
pub fn schedule() -> impl Iterator<Item = Duration> {
    (0..)
        .scan(Duration::ZERO, |at, attempt| {
            *at += interval_before(attempt);
            Some(*at)
        })
        .take_while(|at| *at <= RETRIES_END_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_published_table() {
        let minutes = |attempt| interval_before(attempt).as_secs() / 60;
        let published =
            [(1..=4, 5), (5..=8, 60), (9..=13, 120), (14..=19, 240), (20..=26, 360), (27..=34, 720), (35..=43, 1440)];
        assert_eq!(minutes(0), 0);
        for (attempts, expected) in published {
            for attempt in attempts {
                assert_eq!(minutes(attempt), expected, "attempt {attempt}");
            }
        }
    }

    #[test]
    fn ends_with_two_months() {
        let all: Vec<_> = schedule().collect();
        let hours = |attempt: usize| all[attempt].as_secs() / 3600;
        assert_eq!((hours(8), hours(13), hours(19), hours(26), hours(34), hours(43)), (4, 14, 38, 80, 176, 392));
        assert_eq!(all.len(), 88);
        assert!(all[87] <= RETRIES_END_AFTER && all[87] + LAST_TIER > RETRIES_END_AFTER);
    }
}
