//! True lifecycles: how a payment of each kind goes, by C.4's matrix and the times seen in production.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::payment::{Change, Kind, Status};

/// MB WAY approval expires after about so long.
pub const MB_WAY_EXPIRY: Duration = Duration::from_secs(4 * 60);

/// How a payment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    Success,
    Declined,
    Timeout,
    Error,
    /// Success, and Declined later: C.4's post-authorisation decline.
    DeclinedAfterwards,
}

impl Ending {
    /// Drawn as payments end in life: mostly well.
    pub fn drawn(kind: Kind, rng: &mut impl Rng) -> Self {
        match (kind, rng.random_range(0..100)) {
            (Kind::Cancellation | Kind::Capture | Kind::Refund, _any) => Self::Success,
            (Kind::Reference, 85..) => Self::Timeout,
            (Kind::Reference, _rest) => Self::Success,
            (Kind::MbWay | Kind::Card | Kind::Authorisation, percent) => match percent {
                0..72 => Self::Success,
                72..85 => Self::Declined,
                85..93 => Self::Timeout,
                93..97 => Self::Error,
                _rest => Self::DeclinedAfterwards,
            },
        }
    }

    /// The status at the end.
    pub fn status(self) -> Status {
        match self {
            Self::Success => Status::Success,
            Self::Declined | Self::DeclinedAfterwards => Status::Declined,
            Self::Timeout => Status::Timeout,
            Self::Error => Status::Error,
        }
    }
}

/// A change of the truth at a simulated time after the creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    #[serde(rename = "afterMilliseconds", with = "crate::clock::milliseconds")]
    pub after: Duration,
    pub change: Change,
}

/// The changes after the creation, in order of time.
pub fn lifecycle(kind: Kind, ending: Ending, rng: &mut impl Rng) -> Vec<Step> {
    let mut seconds = |least: u64, most: u64| Duration::from_millis(rng.random_range(least * 1000..=most * 1000));
    let (acted, processed) = match kind {
        Kind::MbWay => (seconds(5, 120), Duration::ZERO),
        Kind::Card | Kind::Authorisation => (seconds(10, 180), seconds(1, 10)),
        Kind::Reference => (seconds(3600, 3 * 24 * 3600), Duration::ZERO),
        Kind::Cancellation | Kind::Capture | Kind::Refund => return Vec::new(),
    };
    let expiry = match kind {
        Kind::MbWay => MB_WAY_EXPIRY,
        Kind::Card | Kind::Authorisation => Duration::from_secs(15 * 60),
        Kind::Cancellation | Kind::Capture | Kind::Refund => return Vec::new(),
        Kind::Reference => Duration::from_secs(3 * 24 * 3600),
    };
    let step = |after, status: Status| Step { after, change: status.into() };
    if ending == Ending::Timeout {
        return vec![step(expiry, Status::Timeout)];
    }
    let mut steps = Vec::new();
    let end = acted + processed;
    match kind {
        Kind::Card | Kind::Authorisation => steps.push(step(acted, Status::InProcessing)),
        Kind::MbWay | Kind::Reference | Kind::Cancellation | Kind::Capture | Kind::Refund => {}
    }
    if ending == Ending::DeclinedAfterwards {
        steps.push(step(end, Status::Success));
        steps.push(step(end + seconds(60, 3600), Status::Declined));
    } else {
        steps.push(step(end, ending.status()));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    const KINDS: [Kind; 7] = [
        Kind::MbWay,
        Kind::Card,
        Kind::Reference,
        Kind::Authorisation,
        Kind::Cancellation,
        Kind::Capture,
        Kind::Refund,
    ];

    /// C.4's matrix, with its post-authorisation decline.
    fn allowed(from: &Status, to: &Status) -> bool {
        match from {
            Status::Pending => *to != Status::Pending,
            Status::InProcessing => to.is_final(),
            Status::Success => *to == Status::Declined,
            Status::Declined | Status::Error | Status::Timeout | Status::Other(_) => false,
        }
    }

    #[test]
    fn every_lifecycle_keeps_to_the_matrix() {
        for kind in KINDS {
            for number in 0..500 {
                let mut rng = Seed(number).stream("lifecycle", "");
                let ending = Ending::drawn(kind, &mut rng);
                let steps = lifecycle(kind, ending, &mut rng);
                assert!(steps.is_sorted_by_key(|step| step.after), "{kind:?} {ending:?} {steps:?}");
                let at_once = [Kind::Cancellation, Kind::Capture, Kind::Refund].contains(&kind);
                let mut status = if at_once { Status::Success } else { Status::Pending };
                for step in steps {
                    assert!(
                        allowed(&status, &step.change.status),
                        "{kind:?} {ending:?}: {status} to {}",
                        step.change.status
                    );
                    status = step.change.status;
                }
                assert_eq!(status, ending.status(), "{kind:?} {ending:?}");
            }
        }
    }

    #[test]
    fn an_unanswered_mb_way_request_expires_after_four_minutes() {
        let steps = lifecycle(Kind::MbWay, Ending::Timeout, &mut Seed(1).stream("", ""));
        assert_eq!(steps, [Step { after: Duration::from_secs(240), change: Status::Timeout.into() }]);
    }
}
