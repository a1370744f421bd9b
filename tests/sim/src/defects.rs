//! Known-bad receivers: parts that replace or wrap the good ones. None of this is in what is deployed.

use std::collections::BTreeMap;

use ack::{Ack, HttpAnswer, HttpEvent, QueueError};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use processor::BatchOutcome;
use publisher::{Outgoing, PublishError};
use spg_domain::{Message, Timestamp, Transaction, TransactionId, Write};
use spg_reconcile::{Due, DueIndex, Question, Reply, StatusApi, Store, StoreError, Written};

use crate::api::SimApi;
use crate::bus::SimBus;
use crate::functions::{SimClock, SimKeys};
use crate::queue::SimQueue;
use crate::table::SimStore;

/// A deliberate mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    ForgetsTooSoon,
}

/// A part with a defect, or without.
pub(crate) struct Bent<T> {
    inner: T,
    defect: Option<Defect>,
}

impl<T> Bent<T> {
    pub fn new(inner: T, defect: Option<Defect>) -> Self {
        Self { inner, defect }
    }
}

impl Store for Bent<SimStore> {
    async fn read(&self, ids: &[TransactionId]) -> Result<BTreeMap<TransactionId, Transaction>, StoreError> {
        self.inner.read(ids).await
    }
    async fn write(&self, write: &Write) -> Result<Written, StoreError> {
        self.inner.write(write).await
    }
}

impl DueIndex for Bent<SimStore> {
    fn shards(&self) -> u32 {
        self.inner.shards()
    }
    async fn due(&self, shard: u32, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.inner.due(shard, until, limit).await
    }
}

impl StatusApi for Bent<SimApi> {
    async fn ask(&self, question: &Question) -> Reply {
        self.inner.ask(question).await
    }
}

impl ack::Queue for Bent<SimQueue> {
    async fn send(&self, message: &Message, trace: Option<&str>) -> Result<(), QueueError> {
        self.inner.send(message, trace).await
    }
}

impl publisher::Bus for Bent<SimBus> {
    async fn put(&self, events: &[Outgoing], trace: Option<&str>) -> Result<(), PublishError> {
        self.inner.put(events, trace).await
    }
}

pub(crate) async fn bend_answer(
    _defect: Option<Defect>,
    _ack: &Ack<SimKeys, Bent<SimQueue>, SimClock>,
    _event: &HttpEvent,
    answer: HttpAnswer,
) -> HttpAnswer {
    answer
}

pub(crate) fn bend_response(_: Option<Defect>, _: &SqsEvent, outcome: BatchOutcome) -> SqsBatchResponse {
    outcome.response
}
