//! What breaks in production, broken here, seen as the operator sees it and fixed as docs/operate/recovery.md says.
//!
//! Each one shows the trouble by what an operator has (a metric, a log, a queue, a command of spgctl's), does what the document says,
//! shows by the same means that it is over, and ends with [`Scene::nothing_lost`].

mod consumer;
mod keys;
mod processor;
mod publisher;
mod status_api;
mod table;
mod throttles;
mod webhooks;
mod whole;

use crate::Scenario;

/// All of them, in the order of the document.
pub fn all() -> impl Iterator<Item = Scenario> {
    [
        status_api::REHEARSAL,
        webhooks::REHEARSAL,
        processor::REHEARSAL,
        publisher::REHEARSAL,
        table::REHEARSAL,
        keys::REHEARSAL,
        consumer::REHEARSAL,
        throttles::REHEARSAL,
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_there_once() {
        let names: Vec<&str> = super::all().map(|rehearsal| rehearsal.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }
}
