//! The function as it runs on Lambda.

use std::convert::Infallible;
use std::time::Duration;

use lambda_runtime::LambdaEvent;
use spg_domain::Timestamp;
use spg_host::{Aws, CallLimits, Deadline, MetricSource, SecretSource, Service, SystemClock, invocation_span};
use spg_reconcile::Clock;
use tracing::Instrument;

use crate::answer::HttpAnswer;
use crate::keys::KeyRing;
use crate::queue::SqsQueue;
use crate::request::HttpEvent;
use crate::{Ack, Config, Invocation};

/// Kept for the answer itself.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);

/// Ready to take requests.
pub type LambdaAck = Ack<SecretSource, SqsQueue, SystemClock>;

impl LambdaAck {
    /// Reads the keys and warms the connection to the queue.
    pub async fn new(config: Config) -> Self {
        let aws = Aws::new(&config.aws, CallLimits::QUICK);
        let keys = KeyRing::load(SecretSource::new(aws.secrets(), config.keys_secret), SystemClock.now());
        let (keys, ()) = tokio::join!(keys, aws.warm(&[Service::Sqs]));
        let queue = SqsQueue { client: aws.sqs(), url: config.queue_url };
        Self { keys, queue, clock: SystemClock, status_code: config.ack_status_code }
    }

    /// Answers one request; a rejection is an answer too.
    ///
    /// # Errors
    /// None.
    pub async fn handle(&self, event: LambdaEvent<HttpEvent>, source: &MetricSource) -> Result<HttpAnswer, Infallible> {
        let (event, context) = event.into_parts();
        let deadline = Deadline::at_millis(context.deadline).less(ANSWER_MARGIN);
        let deadline = Timestamp::from_millis(deadline.millis());
        let invocation = Invocation { trace: context.xray_trace_id.as_deref(), deadline };
        let mut answered = self.answer(&event, invocation).instrument(invocation_span(&context.request_id)).await;
        answered.metrics.flush(source);
        Ok(answered.answer)
    }
}
