//! The function as it runs on Lambda.

use std::convert::Infallible;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::LambdaEvent;
use spg_domain::Timestamp;
use spg_host::{Aws, CallLimits, ManagedSecret, MetricSource, Service, invocation_span};
use spg_ledger::Ledger;
use spg_time::SystemClock;
use spg_wiring::{GuardedStatusApi, StatusApiError, reconciler};
use tracing::Instrument;

use crate::{Config, Processor, SqsQueue};

/// Longest wait for one status answer.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(8);
/// Kept for the answer itself.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// Ready to take batches.
pub type LambdaProcessor = Processor<Ledger, GuardedStatusApi<ManagedSecret>, SystemClock, SqsQueue>;

impl LambdaProcessor {
    /// Reads the Status API secret and warms the connections.
    ///
    /// # Errors
    /// [`StatusApiError`] where the Status API could never be asked.
    pub async fn new(config: Config) -> Result<Self, StatusApiError> {
        let aws = Aws::new(&config.settling.aws, CallLimits::USUAL);
        aws.warm(&[Service::DynamoDb, Service::Sqs]).await;
        let reconciler = reconciler(&config.settling, &aws, QUERY_TIMEOUT).await?;
        let queue = SqsQueue { client: aws.sqs(), queue_url: config.queue_url, dlq_url: config.dlq_url };
        Ok(Self { reconciler, queue })
    }

    /// Processes a batch; what was not done is named in the response.
    ///
    /// # Errors
    /// None.
    pub async fn handle(
        &self,
        event: LambdaEvent<SqsEvent>,
        source: &MetricSource,
    ) -> Result<SqsBatchResponse, Infallible> {
        let (event, context) = event.into_parts();
        let deadline = Timestamp::from_millis(context.deadline) - ANSWER_MARGIN;
        let span = invocation_span(&context.request_id);
        let (response, metrics) = self.process(event, deadline).instrument(span).await;
        metrics.flush(source);
        Ok(response)
    }
}
