//! One batch of the stream: read, sent, counted.

use spg_bus::{Bus, ENTRIES_MAX, PublishError};
use spg_domain::OutcomeEvent;
use spg_host::{Metrics, Panicked, catch_panic};
use spg_ledger::{StreamEvent, UnreadableRecord, read_record};
use spg_time::error_chain;

/// The function's logic, over any bus.
#[derive(Debug)]
pub struct Publisher<B> {
    pub bus: B,
}

impl<B: Bus> Publisher<B> {
    /// Publishes every change of a batch. [`PublishError`]: an event is not on the bus, and Lambda must give the whole batch again, of
    /// which consumers ignore what they have. A record that can never be read is logged and counted instead, because it would stop the
    /// stream's shard for a day and take the others with it.
    pub async fn publish(&self, event: &StreamEvent, trace: Option<&str>) -> (Result<(), PublishError>, Metrics) {
        let mut metrics = Metrics::default();
        let mut events = Vec::new();
        for record in &event.records {
            match catch_panic(async { read_record(record) }).await {
                Ok(Ok(read)) => events.extend(read),
                Ok(Err(error)) => log_unreadable(&error, &mut metrics),
                Err(Panicked) => log_unreadable(&UnreadableRecord::of(record, "reading it panicked"), &mut metrics),
            }
        }
        for chunk in events.chunks(ENTRIES_MAX) {
            let put = self.bus.put(chunk, trace).await;
            let failed = put.as_ref().err().map_or(0, PublishError::failed);
            let published = put.as_ref().err().map_or(chunk.len(), PublishError::published);
            metrics.count("Published", count(published));
            metrics.count("PublishFailures", count(failed));
            if let Err(error) = put {
                let ids: Vec<_> = chunk.iter().map(|event| event.detail.event_id.as_str()).collect();
                let event_ids = ids.join(",");
                tracing::error!(error = error_chain(&error), failed, eventIds = event_ids, "the batch comes again");
                return (Err(error), metrics);
            }
            chunk.iter().for_each(log_published);
        }
        (Ok(()), metrics)
    }
}

fn log_published(event: &OutcomeEvent) {
    let detail = &event.detail;
    tracing::info!(
        transactionID = detail.transaction_id.as_str(),
        eventId = detail.event_id,
        detailType = event.detail_type.as_str(),
        paymentStatus = detail.payment_status.as_str(),
        paid = detail.paid,
        reason = detail.reason,
        "published"
    );
}

fn log_unreadable(error: &UnreadableRecord, metrics: &mut Metrics) {
    metrics.count("UnreadableImages", 1);
    tracing::error!(
        transactionID = error.transaction_id,
        sequenceNumber = error.sequence_number,
        error = %error,
        "a change was not published: publish it again from the table"
    );
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
