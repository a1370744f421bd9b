//! Nothing was lost.

use std::collections::BTreeSet;
use std::time::Duration;

use spg_simulator::{Kind, PaymentSpec, Status};

use crate::scene::{End, SOON};
use crate::{Event, Failure, Item, Scene, outcomes};

impl Scene {
    /// Payments of MB WAY that SPG has from now on.
    pub fn create_several(&mut self, count: usize) -> Result<Vec<String>, Failure> {
        (0..count).map(|_| self.create(PaymentSpec::new(Kind::MbWay, 1590))).collect()
    }

    /// Payments that become Success, each with its webhook.
    pub async fn paid_with_webhooks(&mut self, count: usize) -> Result<Vec<String>, Failure> {
        let ids = self.create_several(count)?;
        for id in &ids {
            self.becomes_and_notifies(id, Status::Success).await?;
        }
        Ok(ids)
    }

    /// Waits until all of these are stored as wanted.
    ///
    /// # Errors
    /// One is not within `within` after the one before.
    pub async fn until_all(
        &self,
        ids: &[String],
        what: &str,
        within: Duration,
        wanted: impl Fn(&Item) -> bool,
    ) -> Result<(), Failure> {
        for id in ids {
            self.until_item(id, what, within, &wanted).await?;
        }
        Ok(())
    }

    /// Waits until the merchant has an event of each of these.
    pub async fn until_told(&mut self, ids: &[String]) {
        for id in ids {
            let told = || (!self.fixture.outcomes.of(id).is_empty()).then_some(());
            let heard = self.until(&format!("an event of {id}"), SOON, told).await;
            self.checks.that(format!("an event of {id}"), heard.is_ok(), "one on the bus", "none");
        }
    }

    /// How many of these the merchant has an event of.
    pub fn told(&self, ids: &[String]) -> usize {
        ids.iter().filter(|id| !self.fixture.outcomes.of(id).is_empty()).count()
    }

    /// Checks of every transaction of this rehearsal that what is stored is SPG's truth, that no outcome was told in two ways, and that
    /// a consumer who keeps the highest sequence knows the truth; now, and at the end of the run.
    pub async fn nothing_lost(&mut self) -> Result<(), Failure> {
        let ids = self.ids.clone();
        for id in &ids {
            let truth = self.fixture.spg.payment(id)?.truth().clone();
            let status = truth.status.as_str().to_owned();
            let knows = || self.believes(id).filter(|event| event.status() == status);
            let believed = self.until(&format!("{id}: the merchant knows {status}"), SOON, knows).await.ok();
            let believed = believed.or_else(|| self.believes(id));
            let paid = truth.status == Status::Success;
            let found = believed.as_ref().map_or_else(|| "nothing".to_owned(), in_words);
            self.checks.equal(format!("what the merchant believes of {id}"), word(&status, paid), found);
            let stored = self.fixture.item(id).await?.map_or_else(|| "nothing".to_owned(), |item| item.status);
            self.checks.equal(format!("what is stored of {id}"), &status, stored);
            let twice = told_in_two_ways(&self.fixture.outcomes.all(), id);
            self.checks.equal(format!("fields of {id} told in two ways under one event id"), "none", twice);
            let events = outcomes::in_words(&self.fixture.outcomes.of(id));
            self.ends.push(End { transaction_id: id.clone(), status: Some(status), events });
        }
        Ok(())
    }

    fn believes(&self, id: &str) -> Option<Event> {
        self.fixture.outcomes.merchant_view().remove(id)
    }
}

fn word(status: &str, paid: bool) -> String {
    format!("{status}, {}", if paid { "paid" } else { "not paid" })
}

fn in_words(event: &Event) -> String {
    word(event.status(), event.paid())
}

/// The fields in which an outcome of a transaction was told differently when it came again.
fn told_in_two_ways(events: &[Event], id: &str) -> String {
    let ours: Vec<&Event> = events.iter().filter(|event| event.transaction_id() == id).collect();
    let pairs = ours.iter().flat_map(|one| ours.iter().map(move |other| (one, other)));
    let fields: BTreeSet<&str> = pairs.flat_map(|(one, other)| one.contradictions(other)).collect();
    if fields.is_empty() { "none".to_owned() } else { fields.into_iter().collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(sequence: u64, version: u64) -> Event {
        Event {
            detail_type: String::new(),
            source: String::new(),
            detail: json!({"transactionID": "t", "sequence": sequence, "version": version, "occurredAt": version}),
        }
    }

    #[test]
    fn an_outcome_that_was_told_in_two_ways_is_found() {
        assert_eq!(told_in_two_ways(&[event(1, 2), event(2, 3), event(1, 2)], "t"), "none");
        assert_eq!(told_in_two_ways(&[event(1, 2), event(2, 3), event(1, 4)], "t"), "occurredAt, version");
        assert_eq!(told_in_two_ways(&[event(1, 2), event(1, 4)], "other"), "none");
    }
}
