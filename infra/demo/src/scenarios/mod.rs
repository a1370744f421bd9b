//! The scenarios, by what they are about.

mod burst;
mod corrections;
mod delivery;
mod envelope;
mod lag;
mod outage;
mod payments;
mod unusual;

use crate::Scenario;

/// All of them, in the order of the table.
pub fn all() -> impl Iterator<Item = Scenario> {
    let groups = [
        &payments::SCENARIOS[..],
        &delivery::SCENARIOS[..],
        &lag::SCENARIOS[..],
        &corrections::SCENARIOS[..],
        &envelope::SCENARIOS[..],
        &unusual::SCENARIOS[..],
        &burst::SCENARIOS[..],
        &outage::SCENARIOS[..],
    ];
    groups.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_there_once() {
        let names: Vec<&str> = super::all().map(|scenario| scenario.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }
}
