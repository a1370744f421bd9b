//! The merchant's bus, and the consumer behind it that keeps the highest sequence.

use std::collections::BTreeMap;

use spg_bus::PublishError;
use spg_domain::OutcomeEvent;

use crate::crash::Effect;
use crate::moment::{MINUTE, SECOND};
use crate::spec::Part;
use crate::world::{Event, Handle, State};

#[derive(Debug, Default)]
pub(crate) struct Bus {
    pub sent: Vec<OutcomeEvent>,
    pub consumer: BTreeMap<String, Known>,
}

/// What the consumer holds of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub sequence: u64,
    pub status: String,
    pub paid: bool,
}

impl State {
    /// An event is on the bus: it will be delivered, at some time, at least once.
    pub fn publish(&mut self, event: OutcomeEvent) {
        self.oracle_event(&event);
        self.bus.sent.push(event);
        let number = self.bus.sent.len() - 1;
        let copies = if self.fault(|f| f.event_twice) { 2 } else { 1 };
        for _ in 0..copies {
            let late = *self.rng.pick(&[50, SECOND, 10 * SECOND]);
            let at = self.now + self.rng.below(late);
            self.at(at, Event::Deliver(number));
        }
    }

    pub fn deliver(&mut self, number: usize) {
        if self.fault(|f| f.consumer_fails) {
            let again = self.now + self.rng.between(SECOND, 5 * MINUTE);
            return self.at(again, Event::Deliver(number));
        }
        let detail = &self.bus.sent[number].detail;
        let held = self.bus.consumer.get(detail.transaction_id.as_str()).map_or(0, |known| known.sequence);
        let (sequence, status, paid) = (detail.sequence, detail.payment_status.to_string(), detail.paid);
        let id = detail.event_id.clone();
        if sequence > held {
            let key = detail.transaction_id.to_string();
            self.bus.consumer.insert(key, Known { sequence, status: status.clone(), paid });
        }
        let taken = if sequence > held { "takes" } else { "ignores" };
        self.say("consumer", || format!("{taken} {id}: {status}{}", if paid { ", paid" } else { "" }));
    }
}

/// The bus as the publisher reaches it.
#[derive(Clone)]
pub(crate) struct SimBus(pub Handle);

impl spg_bus::Bus for SimBus {
    async fn put(&self, events: &[OutcomeEvent], _trace: Option<&str>) -> Result<(), PublishError> {
        let sent = events.len();
        let put = self.0.effect(Effect::Publish, |state| {
            if state.is_out(Part::Bus) || state.fault(|f| f.bus_fails) {
                return Err(PublishError::Call { sent, source: "throttled".into() });
            }
            let mut failed = 0;
            for event in events {
                if state.fault(|f| f.bus_partly) {
                    failed += 1;
                    continue;
                }
                let detail = &event.detail;
                let (id, status) = (detail.event_id.clone(), detail.payment_status.to_string());
                let kind = event.detail_type.as_str();
                state.say_of(self.0.process, || format!("{kind}: {id} {status}"));
                state.publish(event.clone());
            }
            if failed > 0 {
                return Err(PublishError::Entries { failed, sent, codes: "ThrottlingException".to_owned() });
            }
            if state.fault(|f| f.bus_answer_lost) {
                return Err(PublishError::Call { sent, source: "no answer".into() });
            }
            Ok(())
        });
        put.await
    }
}
