//! The function as it runs on Lambda.

use lambda_runtime::{Diagnostic, LambdaEvent};
use spg_bus::{EventBus, PublishError};
use spg_host::{Aws, CallLimits, MetricSource, Service, invocation_span};
use spg_ledger::StreamEvent;
use spg_time::error_chain;
use tracing::Instrument;

use crate::{Config, Publisher};

/// Ready to take batches.
pub type LambdaPublisher = Publisher<EventBus>;

/// Not every event is on the bus: Lambda must give the whole batch again.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unpublished(#[from] PublishError);

/// What Lambda gets.
impl From<Unpublished> for Diagnostic {
    fn from(error: Unpublished) -> Self {
        Self { error_type: "PublishError".to_owned(), error_message: error_chain(&error) }
    }
}

impl LambdaPublisher {
    /// Warms the connection to the bus.
    pub async fn new(config: Config) -> Self {
        let aws = Aws::new(&config.aws, CallLimits::USUAL);
        aws.warm(&[Service::EventBridge]).await;
        Self { bus: EventBus { client: aws.events(), name: config.event_bus } }
    }

    /// Publishes every change of a batch.
    ///
    /// # Errors
    /// [`Unpublished`] if an event is not on the bus: Lambda then gives the whole batch again.
    pub async fn handle(&self, event: LambdaEvent<StreamEvent>, source: &MetricSource) -> Result<(), Unpublished> {
        let (event, context) = event.into_parts();
        let span = invocation_span(&context.request_id);
        let (published, metrics) = self.publish(&event, context.xray_trace_id.as_deref()).instrument(span).await;
        metrics.flush(source);
        Ok(published?)
    }
}
