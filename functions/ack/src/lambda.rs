//! The function as it runs on Lambda.

use std::convert::Infallible;
use std::time::Duration;

use lambda_http::{Body, Request, RequestExt as _, Response};
use spg_domain::Timestamp;
use spg_gateway::webhook::WebhookKeys;
use spg_host::{Aws, CallLimits, ManagedSecret, MetricSource, Secret, Service, invocation_span};
use spg_time::{Clock, SystemClock};
use tracing::Instrument;

use crate::queue::SqsQueue;
use crate::{Ack, Config, Invocation};

/// Kept for the answer itself.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);

/// Ready to take requests.
pub type LambdaAck = Ack<ManagedSecret, SqsQueue, SystemClock>;

impl LambdaAck {
    /// Reads the keys and warms the connection to the queue.
    pub async fn new(config: Config) -> Self {
        let aws = Aws::new(&config.aws, CallLimits::QUICK);
        let source = ManagedSecret { client: aws.secrets(), id: config.keys_secret };
        let parse = |text: &str| WebhookKeys::parse(text).map_err(|error| error.to_string());
        let keys = Secret::load("webhook keys", source, parse, SystemClock.now());
        let (keys, ()) = tokio::join!(keys, aws.warm(&[Service::Sqs]));
        let queue = SqsQueue { client: aws.sqs(), url: config.queue_url };
        Self { keys, queue, clock: SystemClock, status_code: config.ack_status_code }
    }

    /// Answers one request; a rejection is an answer too.
    ///
    /// # Errors
    /// None.
    pub async fn handle(&self, request: Request, source: &MetricSource) -> Result<Response<Body>, Infallible> {
        let context = request.lambda_context();
        let deadline = Timestamp::from_millis(context.deadline) - ANSWER_MARGIN;
        let invocation = Invocation { trace: context.xray_trace_id.as_deref(), deadline };
        let answered = self.answer(&request, invocation).instrument(invocation_span(&context.request_id)).await;
        answered.metrics.flush(source);
        Ok(answered.answer)
    }
}
