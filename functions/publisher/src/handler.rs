//! One batch of the stream: read, sent, counted.

use lambda_runtime::{Diagnostic, LambdaEvent};
use spg_bus::{Bus, ENTRIES_MAX, Outgoing, PublishError};
use spg_domain::OutcomeDetail;
use spg_host::{Aws, CallLimits, Metrics, Panicked, Service, invocation_span, isolate};
use tracing::Instrument;

use crate::Config;
use crate::stream::{self, StreamEvent, UnreadableRecord};

/// The function, ready to take batches.
#[derive(Debug)]
pub struct Publisher {
    bus: Bus,
}

/// Not every event is on the bus: Lambda must give the whole batch again.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unpublished(#[from] PublishError);

/// What Lambda is told.
impl From<Unpublished> for Diagnostic {
    fn from(error: Unpublished) -> Self {
        Self { error_type: "PublishError".to_owned(), error_message: error.to_string() }
    }
}

impl Publisher {
    /// Warms the connection to the bus.
    pub async fn new(config: Config) -> Self {
        let aws = Aws::new(&config.aws, CallLimits::USUAL);
        aws.warm(&[Service::EventBridge]).await;
        Self { bus: Bus { client: aws.events(), name: config.event_bus } }
    }

    /// Publishes every change of a batch.
    ///
    /// # Errors
    /// [`Unpublished`] if an event is not on the bus: Lambda then gives the whole batch again, and consumers ignore what they
    /// have. A record that can never be read is logged and counted instead, because it would stop the stream's shard for a day and
    /// take the others with it.
    pub async fn handle(&self, event: LambdaEvent<StreamEvent>) -> Result<(), Unpublished> {
        let (event, context) = event.into_parts();
        let span = invocation_span(&context.request_id);
        let mut metrics = Metrics::new("publisher");
        let done = self.publish(&event, context.xray_trace_id.as_deref(), &mut metrics).instrument(span).await;
        metrics.flush();
        Ok(done?)
    }

    async fn publish(
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
