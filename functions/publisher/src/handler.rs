//! One batch of the stream: read, sent, counted.

use spg_bus::{Bus, ENTRIES_MAX, Outgoing, PublishError};
use spg_domain::OutcomeDetail;
use spg_host::{Metrics, Panicked, isolate};

use crate::stream::{self, StreamEvent, UnreadableRecord};

/// The function's logic, over any bus.
#[derive(Debug)]
pub struct Publisher<B> {
    pub bus: B,
}

impl<B: Bus> Publisher<B> {
    /// Publishes every change of a batch.
    ///
    /// # Errors
    /// [`PublishError`] if an event is not on the bus: Lambda then gives the whole batch again, and consumers ignore what they
    /// have. A record that can never be read is logged and counted instead, because it would stop the stream's shard for a day and
    /// take the others with it.
    pub async fn publish(
        &self,
        event: &StreamEvent,
        trace: Option<&str>,
        metrics: &mut Metrics,
    ) -> Result<(), PublishError> {
        let mut outgoing = Vec::new();
        for record in &event.records {
            match isolate(async { stream::read(record) }).await {
                Ok(Ok(read)) => outgoing.extend(read),
                Ok(Err(error)) => log_unreadable(&error, metrics),
                Err(Panicked) => log_unreadable(&UnreadableRecord::of(record, "reading it panicked"), metrics),
            }
        }
        for chunk in outgoing.chunks(ENTRIES_MAX) {
            let put = self.bus.put(chunk, trace).await;
            let failed = put.as_ref().err().map_or(0, PublishError::failed);
            let published = put.as_ref().err().map_or(chunk.len(), PublishError::published);
            metrics.count("Published", count(published));
            metrics.count("PublishFailures", count(failed));
            if let Err(error) = put {
                let ids: Vec<_> = chunk.iter().map(|outgoing| outgoing.event.detail.event_id.as_str()).collect();
                tracing::error!(error = %error, failed, eventIds = ids.join(","), "the batch comes again");
                return Err(error);
            }
            chunk.iter().for_each(log_published);
        }
        Ok(())
    }
}

fn log_published(outgoing: &Outgoing) {
    let detail: &OutcomeDetail = &outgoing.event.detail;
    tracing::info!(
        transactionID = detail.transaction_id.as_str(),
        eventId = detail.event_id,
        detailType = outgoing.event.detail_type.as_str(),
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
