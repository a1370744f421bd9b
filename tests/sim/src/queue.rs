//! SQS: at least once, in any order, until it has been received too often.

use std::collections::BTreeMap;

use ack::QueueError as SendError;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use processor::{DeadLetter, QueueError};
use spg_domain::{Message, Payload};

use crate::crash::Effect;
use crate::moment::{DAY, SECOND};
use crate::spec::Part;
use crate::world::{Event, Handle, State};

/// As the template says.
const VISIBILITY: u64 = 180 * SECOND;
const RETENTION: u64 = 4 * DAY;
const RECEIVES_MAX: u32 = 30;
/// Messages in a batch.
const BATCH_MAX: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    messages: BTreeMap<u64, Held>,
    next: u64,
    /// Received too often: on the dead-letter queue, until somebody takes it back.
    dead: Vec<String>,
    /// What was given up because it was too old.
    pub given_up: Vec<String>,
    /// What the processor sent to the dead-letter queue.
    pub dead_letters: Vec<DeadLetter>,
}

#[derive(Debug)]
struct Held {
    body: String,
    sent_at: u64,
    visible_at: u64,
    received: u32,
    receipt: u64,
}

/// What the poller gave to a processor.
#[derive(Debug, Clone)]
pub(crate) struct Batch(pub Vec<Given>);

#[derive(Debug, Clone)]
pub(crate) struct Given {
    id: u64,
    receipt: u64,
    received: u32,
    pub body: String,
}

impl Given {
    pub fn message_id(&self) -> String {
        format!("m{}", self.id)
    }
}

impl Batch {
    /// As Lambda delivers it. Newer code reads the newer schema, which differs in its number only.
    pub fn event(&self, newer_code: bool) -> SqsEvent {
        let mut event = SqsEvent::default();
        event.records = self.0.iter().map(|given| given.record(newer_code)).collect();
        event
    }
}

impl Given {
    fn record(&self, newer_code: bool) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(self.message_id());
        record.receipt_handle = Some(format!("{}/{}", self.id, self.receipt));
        let body = self.body.clone();
        record.body = Some(if newer_code { body.replace(NEWER_SCHEMA, PRESENT_SCHEMA) } else { body });
        record.attributes.insert("ApproximateReceiveCount".to_owned(), self.received.to_string());
        record
    }
}

const PRESENT_SCHEMA: &str = "\"schemaVersion\":1";
const NEWER_SCHEMA: &str = "\"schemaVersion\":2";

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

impl State {
    fn enqueue(&mut self, body: String) {
        self.oracle_enqueue(&body);
        let id = self.queue.next;
        self.queue.next += 1;
        let now = self.now;
        self.queue.messages.insert(id, Held { body, sent_at: now, visible_at: now, received: 0, receipt: 0 });
        let soon = self.rng.between(1, 300);
        self.at(now + soon, Event::PollQueue);
    }

    /// A batch of what is visible, in any order; none if there is nothing.
    pub fn receive(&mut self) -> Option<Batch> {
        let now = self.now;
        let old: Vec<u64> =
            self.queue.messages.iter().filter(|(_, m)| m.sent_at + RETENTION <= now).map(|(id, _)| *id).collect();
        let spent = |m: &Held| m.received >= RECEIVES_MAX && m.visible_at <= now;
        let spent: Vec<u64> = self.queue.messages.iter().filter(|(_, m)| spent(m)).map(|(id, _)| *id).collect();
        for id in old.into_iter().chain(spent) {
            if let Some(message) = self.queue.messages.remove(&id) {
                self.say("queue", || format!("m{id} is given up after {} receives", message.received));
                if message.received >= RECEIVES_MAX {
                    self.queue.dead.push(message.body);
                    self.at(now.max(self.spec.calm_at), Event::Redrive);
                } else {
                    self.queue.given_up.push(message.body);
                }
            }
        }
        let mut visible: Vec<u64> =
            self.queue.messages.iter().filter(|(_, m)| m.visible_at <= now).map(|(id, _)| *id).collect();
        self.rng.shuffle(&mut visible);
        visible.truncate(self.rng.index(BATCH_MAX) + 1);
        let mut batch = Vec::new();
        for id in visible {
            let twice = self.fault(|f| f.queue_twice);
            let again = self.now + if twice { self.rng.between(1, 40 * SECOND) } else { VISIBILITY };
            if let Some(message) = self.queue.messages.get_mut(&id) {
                message.visible_at = again;
                message.received += 1;
                message.receipt += 1;
                batch.push(Given {
                    id,
                    receipt: message.receipt,
                    received: message.received,
                    body: message.body.clone(),
                });
            }
            self.at(again, Event::PollQueue);
        }
        (!batch.is_empty()).then_some(Batch(batch))
    }

    /// `spgctl dlq redrive`, once the faults are over. What is never done comes back for ever, and nothing becomes quiescent.
    pub fn redrive(&mut self) {
        for body in std::mem::take(&mut self.queue.dead) {
            self.enqueue(body);
        }
    }

    /// Takes off the queue what the answer does not name. Returns whether Lambda could use the answer.
    pub fn settle(&mut self, batch: &Batch, response: &SqsBatchResponse) -> bool {
        let failed: Vec<&str> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        let known = |id: &&str| batch.0.iter().any(|given| given.message_id() == **id);
        if !failed.iter().all(known) {
            return false;
        }
        for given in &batch.0 {
            if failed.contains(&given.message_id().as_str()) {
                continue;
            }
            // An older receipt may or may not delete.
            let current = self.queue.messages.get(&given.id).is_some_and(|m| m.receipt == given.receipt);
            if current || self.rng.chance(500) {
                self.queue.messages.remove(&given.id);
            }
        }
        true
    }
}

/// The queue as ack reaches it.
#[derive(Clone)]
pub(crate) struct SimQueue {
    pub handle: Handle,
    /// Writes messages of a newer schema.
    pub newer_code: bool,
}

impl ack::Queue for SimQueue {
    async fn send(&self, message: &Message, _trace: Option<&str>) -> Result<(), SendError> {
        let mut body = message.to_json()?;
        if self.newer_code {
            body = body.replace(PRESENT_SCHEMA, NEWER_SCHEMA);
        }
        let process = self.handle.process;
        let slow = {
            let mut state = self.handle.lock();
            if let Some(calls) = state.calls(process) {
                calls.sends += 1;
            }
            if state.fault(|f| f.queue_slow) { state.rng.between(SECOND, 6 * SECOND) } else { 0 }
        };
        if slow > 0 {
            self.handle.pause(slow, None).await;
        }
        let sent = self.handle.effect(Effect::Send, |state| {
            if state.is_out(Part::Queue) || state.fault(|f| f.queue_refuses) {
                state.say_of(process, || "the queue refuses".to_owned());
                return Err(SendError::Refused("refused".into()));
            }
            state.say_of(process, || format!("sends {}", describe(message)));
            state.enqueue(body);
            if state.fault(|f| f.queue_answer_lost) {
                return Err(SendError::Refused("no answer".into()));
            }
            Ok(())
        });
        sent.await
    }
}

fn describe(message: &Message) -> String {
    match &message.payload {
        Payload::Notification(n) => {
            let status = n.payment_status.as_ref().map_or("no status", |s| s.as_str());
            format!("notification {} ({status})", n.notification_id)
        }
        Payload::Registration(_) => "a registration".to_owned(),
    }
}

/// The queues as the processor reaches them.
#[derive(Clone)]
pub(crate) struct SimQueues(pub Handle);

impl processor::Queue for SimQueues {
    async fn dead_letter(&self, dead_letter: &DeadLetter) -> Result<(), QueueError> {
        let sent = self.0.effect(Effect::DeadLetter, |state| {
            if state.is_out(Part::Queue) || state.fault(|f| f.queue_refuses) {
                return Err(QueueError { operation: "dead letter", source: "refused".into() });
            }
            state.say_of(self.0.process, || {
                format!("sends {} to the dead-letter queue as {:?}", dead_letter.message_id, dead_letter.reason)
            });
            state.oracle_dead_letter(dead_letter);
            state.queue.dead_letters.push(dead_letter.clone());
            Ok(())
        });
        sent.await
    }

    async fn postpone(&self, messages: &[(String, u32)]) -> Result<(), QueueError> {
        let postponed = self.0.effect(Effect::Postpone, |state| {
            if state.is_out(Part::Queue) || state.fault(|f| f.queue_refuses) {
                return Err(QueueError { operation: "postpone", source: "refused".into() });
            }
            for (handle, seconds) in messages {
                let Some((id, receipt)) = handle.split_once('/') else { continue };
                let (id, receipt): (u64, u64) = (id.parse().unwrap_or(u64::MAX), receipt.parse().unwrap_or(0));
                let visible_at = state.now + u64::from(*seconds) * SECOND;
                if let Some(message) = state.queue.messages.get_mut(&id).filter(|m| m.receipt == receipt) {
                    message.visible_at = visible_at;
                    state.at(visible_at, Event::PollQueue);
                }
            }
            Ok(())
        });
        postponed.await
    }
}
