//! One batch: parse, group, read once, settle each transaction, answer for each record.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::StreamExt;
use spg_domain::{Evidence, NotificationId, Timestamp, Transaction, TransactionId};
use spg_host::{Metrics, catch_panic};
use spg_reconcile::{QueryMode, Reconciler, StatusApi, Store, Tally};
use spg_time::{Clock, before_deadline, error_chain};
use spg_wiring::count;

use crate::queue::Queue;
use crate::record::{Parsed, Record, RecordResult, parse};
use crate::report::{Settled, failed, settled};

/// What settling leaves of the time for the calls of the queue, which are given up with it.
const QUEUE_MARGIN: Duration = Duration::from_secs(2);
/// Transactions of one batch that are settled at the same time.
const GROUPS_CONCURRENT: usize = 10;
/// A failed message comes back after this many seconds, doubled with each attempt, and up to as much again as jitter.
const RETRY_SECONDS_MIN: u32 = 5;
const RETRY_SECONDS_MAX: u32 = 900;

/// The processor's logic, over any store, Status API, clock and queue.
#[derive(Debug)]
pub struct Processor<S, A, C, Q> {
    pub reconciler: Reconciler<S, A, C>,
    pub queue: Q,
}

impl<S, A, C, Q> Processor<S, A, C, Q>
where
    S: Store + Sync,
    A: StatusApi + Sync,
    C: Clock + Sync,
    Q: Queue + Sync,
{
    /// Processes a batch before `deadline`. Never fails as a whole: what was not done is named in the response.
    pub async fn process(&self, event: SqsEvent, deadline: Timestamp) -> (SqsBatchResponse, Metrics) {
        let mut tallies = Vec::new();
        let mut results = vec![RecordResult::Done; event.records.len()];
        let mut groups: BTreeMap<TransactionId, Vec<Record>> = BTreeMap::new();
        for (index, message) in event.records.iter().enumerate() {
            match parse(index, message) {
                Parsed::Evidence(record) => groups.entry(record.transaction_id.clone()).or_default().push(*record),
                Parsed::PermanentError(dead_letter) => results[index] = RecordResult::DeadLetter(dead_letter),
                Parsed::TooNew(error) => {
                    tracing::warn!(messageId = message.message_id, %error, "left on the queue for a newer version");
                    results[index] = RecordResult::Failed;
                }
            }
        }
        for (index, result) in self.settle_groups(groups, deadline - QUEUE_MARGIN, &mut tallies).await {
            results[index] = result;
        }
        self.send_dead_letters(&event.records, &mut results, deadline, &mut tallies).await;
        let response = self.answer(&event.records, &results, deadline, &mut tallies).await;
        let mut metrics = Metrics::default();
        count(tallies, &mut metrics);
        (response, metrics)
    }

    async fn settle_groups(
        &self,
        groups: BTreeMap<TransactionId, Vec<Record>>,
        deadline: Timestamp,
        tallies: &mut Vec<Tally>,
    ) -> Vec<(usize, RecordResult)> {
        let ids: Vec<TransactionId> = groups.keys().cloned().collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let mut stored = match self.reconciler.before_deadline(deadline, "read", self.reconciler.store.read(&ids)).await
        {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(error = %error_chain(&error), "the transactions of a batch could not be read; all go back to the queue");
                tallies.push(Tally::Count("StoreFailures"));
                return groups.into_values().flatten().map(|record| (record.index, RecordResult::Failed)).collect();
            }
        };
        let settled: Vec<Settled> = futures::stream::iter(groups)
            .map(|(id, records)| {
                let stored = stored.remove(&id);
                async move { self.settle_each(&id, stored, records, deadline).await }
            })
            .buffer_unordered(GROUPS_CONCURRENT)
            .collect()
            .await;
        settled
            .into_iter()
            .flat_map(|(results, more)| {
                tallies.extend(more);
                results
            })
            .collect()
    }

    /// A panic stays with its record: if a whole group fails, each of its records is tried alone.
    async fn settle_each(
        &self,
        id: &TransactionId,
        stored: Option<Transaction>,
        records: Vec<Record>,
        deadline: Timestamp,
    ) -> Settled {
        if let Some(done) = self.settle_caught(id, stored, &records, deadline).await {
            return done;
        }
        if let [record] = records.as_slice() {
            return (vec![(record.index, RecordResult::Failed)], vec![Tally::Count("Panics")]);
        }
        let (mut results, mut tallies) = (Vec::new(), Vec::new());
        for record in &records {
            let read = self.reconciler.store.read(std::slice::from_ref(id));
            let stored = match self.reconciler.before_deadline(deadline, "read", read).await {
                Ok(mut found) => found.remove(id),
                Err(_) => {
                    results.push((record.index, RecordResult::Failed));
                    continue;
                }
            };
            let alone = self.settle_caught(id, stored, std::slice::from_ref(record), deadline).await;
            let (result, more) =
                alone.unwrap_or_else(|| (vec![(record.index, RecordResult::Failed)], vec![Tally::Count("Panics")]));
            results.extend(result);
            tallies.extend(more);
        }
        (results, tallies)
    }

    /// None where it panicked; the panic hook has logged where.
    async fn settle_caught(
        &self,
        id: &TransactionId,
        stored: Option<Transaction>,
        records: &[Record],
        deadline: Timestamp,
    ) -> Option<Settled> {
        let evidence: Vec<Evidence> = records.iter().map(|record| record.evidence.clone()).collect();
        let settling = self.reconciler.settle(id, stored, &evidence, QueryMode::Claims, deadline);
        // What a panic leaves behind is only this call's: nothing shared is half changed.
        let result = catch_panic(settling).await.ok()?;
        Some(match result {
            Ok(settlement) => settled(id, records, &settlement),
            Err(error) => failed(id, records, &error),
        })
    }

    /// Sends what can never succeed to the dead-letter queue; what cannot be sent goes back.
    async fn send_dead_letters(
        &self,
        messages: &[SqsMessage],
        results: &mut [RecordResult],
        deadline: Timestamp,
        tallies: &mut Vec<Tally>,
    ) {
        for (message, result) in messages.iter().zip(results) {
            let RecordResult::DeadLetter(dead_letter) = result else { continue };
            dead_letter.message_id = message.message_id.clone().unwrap_or_default();
            tracing::error!(
                reason = dead_letter.reason.as_str(),
                transactionID = dead_letter.transaction_id.as_ref().map(TransactionId::as_str),
                notificationID = dead_letter.notification_id.as_ref().map(NotificationId::as_str),
                messageId = dead_letter.message_id,
                "sent to the dead-letter queue"
            );
            tallies.push(Tally::CountBy("DeadLetters", dead_letter.reason.as_str()));
            *result = match before_deadline(&self.reconciler.clock, deadline, self.queue.dead_letter(dead_letter)).await
            {
                Some(Ok(())) => RecordResult::Done,
                Some(Err(error)) => {
                    tracing::error!(error = %error_chain(&error), "the dead-letter queue did not take it; it goes back to the queue");
                    RecordResult::Failed
                }
                None => {
                    tracing::error!("no time was left for the dead-letter queue; it goes back to the queue");
                    RecordResult::Failed
                }
            };
        }
    }

    /// Names the failed records and spreads out when they come back.
    async fn answer(
        &self,
        messages: &[SqsMessage],
        results: &[RecordResult],
        deadline: Timestamp,
        tallies: &mut Vec<Tally>,
    ) -> SqsBatchResponse {
        let failed: Vec<&SqsMessage> = messages
            .iter()
            .zip(results)
            .filter(|(_, result)| **result == RecordResult::Failed)
            .map(|(message, _)| message)
            .collect();
        tallies.extend(failed.iter().map(|_| Tally::Count("RecordsReturned")));
        let postponed: Vec<(String, u32)> =
            failed.iter().filter_map(|m| Some((m.receipt_handle.clone()?, retry_seconds(m)))).collect();
        for some in postponed.chunks(10) {
            if let Some(Err(error)) = before_deadline(&self.reconciler.clock, deadline, self.queue.postpone(some)).await
            {
                tracing::warn!(error = %error_chain(&error), "failed messages come back when their visibility ends");
            }
        }
        let mut response = SqsBatchResponse::default();
        // An empty identifier would make Lambda retry the whole batch; SQS always sends one.
        response.batch_item_failures = failed
            .iter()
            .filter_map(|message| message.message_id.clone().filter(|id| !id.is_empty()))
            .map(|id| {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                failure
            })
            .collect();
        response
    }
}

/// Doubles with each attempt and spreads by the message's id, so that a failed batch does not come back as one.
fn retry_seconds(message: &SqsMessage) -> u32 {
    let received: u32 =
        message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let wait = RETRY_SECONDS_MIN.saturating_mul(1 << received.saturating_sub(1).min(16)).min(RETRY_SECONDS_MAX / 2);
    let spread = message
        .message_id
        .as_deref()
        .unwrap_or_default()
        .bytes()
        .fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    wait + spread % wait
}
