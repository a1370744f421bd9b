//! Parts that are wrapped: straight, or with a defect.
#![allow(clippy::wildcard_enum_match_arm, reason = "each part has some of the defects")]

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ack::QueueError;
use spg_bus::PublishError;
use spg_domain::{
    ChangeKind, Claims, Confirmation, Final, FinalStatus, Lifecycle, Message, Open, OpenStatus, OutcomeEvent, Payload,
    PaymentStatus, ReferenceStatus, Reply, ShortText, Source, StatusAnswer, Timestamp, Transaction, TransactionId,
    Write,
};
use spg_reconcile::{Due, DueIndex, StatusApi, StatusQuery, Store, StoreError, Written};

use crate::api::SimApi;
use crate::bus::SimBus;
use crate::crash::Effect;
use crate::defects::Defect;
use crate::moment::MINUTE;
use crate::queue::SimQueue;
use crate::spg::PHONE;
use crate::table::SimStore;

/// How long a cached answer is good for.
const CACHED_FOR: u64 = 10 * MINUTE;

/// A part with a defect, or without.
pub(crate) struct Faulty<T> {
    inner: T,
    defect: Option<Defect>,
    cache: Mutex<BTreeMap<TransactionId, (u64, Reply)>>,
}

impl<T> Faulty<T> {
    pub fn new(inner: T, defect: Option<Defect>) -> Self {
        Self { inner, defect, cache: Mutex::default() }
    }
}

impl ack::Queue for Faulty<SimQueue> {
    async fn send(&self, message: &Message, trace: Option<&str>) -> Result<(), QueueError> {
        let status = match &message.payload {
            Payload::Notification(notification) => notification.payment_status.as_ref(),
            Payload::Registration(_) => None,
        };
        match self.defect {
            Some(Defect::AcknowledgesBeforeEnqueue) => {
                let mut state = self.inner.handle.lock();
                let process = state.beside("ack's rest");
                let (mut inner, message) = (self.inner.clone(), message.clone());
                inner.handle.process = process;
                let later = async move {
                    inner.handle.pause(50, None).await;
                    // Nobody is left to be told.
                    let _ = ack::Queue::send(&inner, &message, None).await;
                };
                state.detached.push((process, Box::pin(later)));
                Ok(())
            }
            Some(Defect::AcknowledgesDespiteRefusal) => {
                let _ = self.inner.send(message, trace).await;
                Ok(())
            }
            Some(Defect::DropsUnknownStatuses)
                if status.is_some_and(|s| matches!(s, PaymentStatus::Open(OpenStatus::Other(_)))) =>
            {
                Ok(())
            }
            Some(Defect::KeepsThePhone) => self.inner.send(&with_phone(message), trace).await,
            _ => self.inner.send(message, trace).await,
        }
    }
}

fn with_phone(message: &Message) -> Message {
    let mut message = message.clone();
    if let Payload::Notification(notification) = &mut message.payload {
        notification.facts.merchant_transaction_id = ShortText::new(PHONE).ok();
    }
    message
}

impl StatusApi for Faulty<SimApi> {
    async fn query(&self, query: &StatusQuery) -> Reply {
        let now = self.inner.0.lock().now;
        if self.defect == Some(Defect::CachesAnswers) {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let cached = cache.get(&query.transaction_id).filter(|(at, _)| now < at + CACHED_FOR);
            if let Some((_, reply)) = cached {
                return reply.clone();
            }
        }
        let mut reply = self.inner.query(query).await;
        let is_final = |reply: &Reply| reply.result.as_ref().is_ok_and(|a| a.payment_status.as_final().is_some());
        let mut more = 0;
        while self.defect == Some(Defect::QueriesUntilFinal) && !is_final(&reply) && more < 5 {
            reply = self.inner.query(query).await;
            more += 1;
        }
        self.corrupt(query, now, &mut reply);
        reply
    }
}

impl Faulty<SimApi> {
    fn corrupt(&self, query: &StatusQuery, now: u64, reply: &mut Reply) {
        let id = &query.transaction_id;
        let made = |status| StatusAnswer {
            payment_status: PaymentStatus::Final(status),
            transaction_id: None,
            facts: spg_domain::Facts::default(),
        };
        match (self.defect, &mut reply.result) {
            (Some(Defect::CachesAnswers), Ok(_)) => {
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.insert(id.clone(), (now, reply.clone()));
            }
            (Some(Defect::PollOverwritesFinal), Ok(answer)) => {
                let status = answer.payment_status.clone();
                self.inner.0.lock().shelf.answers.insert(id.clone(), status);
            }
            (Some(Defect::PaidWithoutPaid), Ok(answer)) => {
                answer.facts.reference_status = answer.facts.reference_status.map(|_| ReferenceStatus::Paid);
            }
            (Some(Defect::PaidWhateverType), Ok(answer)) => answer.facts.payment_type = ShortText::new("PURS").ok(),
            (Some(Defect::IgnoresAmounts), Ok(answer)) => answer.facts.amount = None,
            (Some(Defect::NotFoundIsDeclined), Err(spg_domain::NoAnswerKind::NotFound)) => {
                reply.result = Ok(made(FinalStatus::Declined));
            }
            (
                Some(Defect::OutageIsError),
                Err(spg_domain::NoAnswerKind::Unavailable | spg_domain::NoAnswerKind::RateLimited),
            ) => {
                reply.result = Ok(made(FinalStatus::Error));
            }
            _ => {}
        }
    }
}

impl Store for Faulty<SimStore> {
    async fn read(&self, ids: &[TransactionId]) -> Result<BTreeMap<TransactionId, Transaction>, StoreError> {
        let mut found = self.inner.read(ids).await?;
        if self.defect == Some(Defect::AppliesOldAnswers) {
            found.values_mut().for_each(|t| t.answered_version = None);
        }
        Ok(found)
    }

    async fn write(&self, write: &Write) -> Result<Written, StoreError> {
        let process = self.inner.0.process;
        let id = &write.transaction.id;
        match self.defect {
            Some(Defect::ChecksThenInserts) => {
                let ids = std::slice::from_ref(id);
                let stored = self.inner.0.effect(Effect::Read, |state| state.table.items.get(&ids[0]).cloned()).await;
                if stored.as_ref().map(|t| t.version) != write.expected_version {
                    return Ok(Written::Lost(stored.map(Box::new)));
                }
                self.inner.forced(write).await.map(|()| Written::Done)
            }
            Some(Defect::LastWriteWins) => self.inner.forced(write).await.map(|()| Written::Done),
            Some(Defect::TimestampInsteadOfVersion) => {
                let stored = {
                    let mut state = self.inner.0.lock();
                    let now = state.clock_of(process);
                    let last = state.shelf.updated_at.entry(id.clone()).or_default();
                    let wins = now > *last;
                    *last = (*last).max(now);
                    if wins { None } else { Some(state.table.items.get(id).cloned().map(Box::new)) }
                };
                match stored {
                    Some(stored) => Ok(Written::Lost(stored)),
                    None => self.inner.forced(write).await.map(|()| Written::Done),
                }
            }
            Some(Defect::DedupesBeforeTheEffect) => self.mark_then_write(write).await,
            Some(Defect::PublishesBeforeCommit) => {
                self.publish(write).await;
                self.inner.write(write).await
            }
            Some(Defect::PublishesByItself) => {
                let written = self.inner.write(write).await?;
                if written == Written::Done {
                    self.publish(write).await;
                }
                Ok(written)
            }
            Some(defect) => {
                let stored = self.inner.0.lock().table.items.get(id).cloned();
                let answer = self.inner.0.lock().shelf.answers.get(id).cloned();
                let faulty = corrupt_write(defect, write.clone(), stored.as_ref(), answer);
                let written = self.inner.write(&faulty).await?;
                Ok(forget_answers(defect, &faulty, written))
            }
            None => self.inner.write(write).await,
        }
    }
}

impl Faulty<SimStore> {
    /// A second table says what was seen.
    async fn mark_then_write(&self, write: &Write) -> Result<Written, StoreError> {
        let new = self.inner.0.effect(Effect::Write, |state| {
            let seen = write.recorded.iter().any(|n| state.shelf.seen.contains(n));
            state.shelf.seen.extend(write.recorded.iter().cloned());
            !seen
        });
        if new.await { self.inner.write(write).await } else { Ok(Written::Done) }
    }

    async fn publish(&self, write: &Write) {
        if let Some(event) =
            OutcomeEvent::latest(&write.transaction).filter(|_| write.transaction.change.is_published())
        {
            self.inner.0.effect(Effect::Publish, |state| state.publish(event)).await;
        }
    }
}

/// A write that lost to itself stays: that is another matter.
fn forget_answers(defect: Defect, write: &Write, written: Written) -> Written {
    match written {
        Written::Lost(Some(mut stored)) if defect == Defect::AppliesOldAnswers && *stored != write.transaction => {
            stored.answered_version = None;
            Written::Lost(Some(stored))
        }
        written => written,
    }
}

/// The write as a bad domain would have concluded it.
fn corrupt_write(
    defect: Defect,
    mut write: Write,
    stored: Option<&Transaction>,
    answer: Option<PaymentStatus>,
) -> Write {
    let new = &mut write.transaction;
    match defect {
        Defect::TrustsTheWebhook => {
            let Lifecycle::Open(open) = &new.lifecycle else { return write };
            if let Some((status, at)) = open.claims.iter().next().map(|(status, at)| (*status, *at)) {
                let confirmation = Confirmation::At(at);
                new.lifecycle = Lifecycle::Final(Final { status, confirmation, dispute: None, recheck_at: None });
                new.history.iter_mut().last().into_iter().for_each(|change| change.source = Source::Notification);
            }
        }
        Defect::PollOverwritesFinal => {
            let quiet = new.lifecycle.as_final().is_some() && new.change == ChangeKind::Noted;
            if let Some(PaymentStatus::Open(status)) = answer.filter(|_| quiet) {
                let told = new.published_facts();
                new.published.iter_mut().for_each(|published| published.facts.clone_from(&told));
                new.lifecycle = Lifecycle::Open(Open { status, claims: Claims::new() });
            }
        }
        Defect::RefusesCorrections => {
            let corrected = |old: &&Transaction| old.lifecycle.as_final().is_some() && old.status() != new.status();
            if let Some(old) = stored.filter(corrected) {
                let version = new.version;
                let (notifications, answered) = (new.notifications.clone(), new.answered_version);
                *new = Transaction { version, notifications, answered_version: answered, ..old.clone() };
                new.change = ChangeKind::Noted;
                forget_dispute(new);
                new.next_check_at = None;
            }
        }
        Defect::ForgetsDisputes => {
            if let Some(recheck_at) = forget_dispute(new) {
                new.next_check_at = recheck_at;
            }
        }
        Defect::ForgetsTheDueDate if new.lifecycle.as_final().is_none() => new.next_check_at = None,
        Defect::RepublishesWithWhatItLearned => {
            new.published.iter_mut().for_each(|published| published.facts = None);
        }
        Defect::EvictsNotifications => {
            while new.notifications.len() > 2 {
                let oldest = new.notifications.iter().min_by_key(|(_, n)| n.received_at).map(|(id, _)| id.clone());
                oldest.iter().for_each(|id| {
                    new.notifications.remove(id);
                });
            }
        }
        _ => {}
    }
    write
}

/// What is left to ask of a final transaction.
fn forget_dispute(transaction: &mut Transaction) -> Option<Option<Timestamp>> {
    let Lifecycle::Final(is) = &mut transaction.lifecycle else { return None };
    is.dispute = None;
    Some(is.recheck_at)
}

impl DueIndex for Faulty<SimStore> {
    fn shards(&self) -> u32 {
        self.inner.shards()
    }

    async fn due(&self, shard: u32, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.inner.due(shard, until, limit).await
    }
}

impl spg_bus::Bus for Faulty<SimBus> {
    async fn put(&self, events: &[OutcomeEvent], trace: Option<&str>) -> Result<(), PublishError> {
        let mut events = events.to_vec();
        if self.defect == Some(Defect::NewIdOnRedelivery) {
            let mut state = self.inner.0.lock();
            for event in &mut events {
                let times = state.shelf.put.entry(event.detail.event_id.clone()).or_default();
                *times += 1;
                if *times > 1 {
                    event.detail.event_id = format!("{}-{times}", event.detail.event_id);
                }
            }
        }
        match self.inner.put(&events, trace).await {
            Err(PublishError::Entries { .. }) if self.defect == Some(Defect::IgnoresPartialFailures) => Ok(()),
            put => put,
        }
    }
}
