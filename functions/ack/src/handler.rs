//! One request: checked, put on the queue, answered.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use lambda_runtime::LambdaEvent;
use spg_domain::{Message, Payload, Timestamp};
use spg_gateway::registration::parse_registration;
use spg_gateway::webhook::{
    Acknowledgement, EnvelopeError, IV_HEADER, Plaintext, TAG_HEADER, open, parse_notification,
};
use spg_host::{Aws, CallLimits, Deadline, SecretSource, Service, SystemClock, invocation_span, isolate};
use tracing::Instrument;

use crate::Config;
use crate::answer::HttpAnswer;
use crate::keys::KeyRing;
use crate::queue::{Queue, QueueError};
use crate::rejection::Rejection;
use crate::report::Report;
use crate::request::{HttpEvent, Route};

/// Kept for the answer itself.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);

/// The function, ready to take requests.
#[derive(Debug)]
pub struct Ack {
    keys: KeyRing,
    queue: Queue,
    status_code: String,
    clock: SystemClock,
}

/// What a request brings with it from Lambda.
#[derive(Debug, Clone, Copy)]
struct Invocation<'a> {
    trace: Option<&'a str>,
    deadline: Deadline,
}

impl Ack {
    /// Reads the keys and warms the connection to the queue.
    pub async fn new(config: Config) -> Self {
        let aws = Aws::new(&config.aws, CallLimits::QUICK);
        let keys = KeyRing::load(SecretSource::new(aws.secrets(), config.keys_secret));
        let (keys, ()) = tokio::join!(keys, aws.warm(&[Service::Sqs]));
        let queue = Queue { client: aws.sqs(), url: config.queue_url };
        Self { keys, queue, status_code: config.ack_status_code, clock: SystemClock }
    }

    /// Answers one request; a rejection is an answer too.
    ///
    /// # Errors
    /// None.
    pub async fn handle(&self, event: LambdaEvent<HttpEvent>) -> Result<HttpAnswer, Infallible> {
        let started = Instant::now();
        let (event, context) = event.into_parts();
        let deadline = Deadline::at_millis(context.deadline).less(ANSWER_MARGIN);
        let invocation = Invocation { trace: context.xray_trace_id.as_deref(), deadline };
        let span = invocation_span(&context.request_id);
        let mut report = Report::default();
        let taken = isolate(self.take(&event, invocation, &mut report)).instrument(span.clone()).await;
        let taken = taken.unwrap_or(Err(Rejection::Panicked));
        let (answer, rejection) = match taken {
            Ok(answer) => (answer, None),
            Err(rejection) => (HttpAnswer::rejected(&rejection), Some(rejection)),
        };
        let took = started.elapsed();
        span.in_scope(|| report.log(rejection.as_ref(), answer.status_code, took));
        report.metrics(rejection.as_ref(), took).flush();
        Ok(answer)
    }

    async fn take(
        &self,
        event: &HttpEvent,
        invocation: Invocation<'_>,
        report: &mut Report,
    ) -> Result<HttpAnswer, Rejection> {
        let route = event.route()?;
        report.route = Some(route);
        match route {
            Route::Webhook => self.webhook(event, invocation, report).await,
            Route::Registration => self.registration(event, invocation, report).await,
        }
    }

    async fn webhook(
        &self,
        event: &HttpEvent,
        invocation: Invocation<'_>,
        report: &mut Report,
    ) -> Result<HttpAnswer, Rejection> {
        let received_at = self.now();
        let plaintext = self.open(event).await?;
        let parsed = parse_notification(plaintext.as_ref())?;
        drop(plaintext);
        let id = parsed.notification.notification_id.clone();
        report.notification_id = Some(id.clone());
        report.transaction_id.clone_from(&parsed.transaction_id);
        report.payment_status.clone_from(&parsed.notification.payment_status);
        report.return_code.clone_from(&parsed.notification.return_code);
        report.dropped = parsed.dropped;
        let message = Message::new(parsed.transaction_id, Payload::Notification(parsed.notification), received_at);
        self.queue.send(&message, invocation.trace, invocation.deadline).await?;
        let acknowledgement = Acknowledgement::new(&self.status_code, &id);
        Ok(HttpAnswer::acknowledged(&acknowledgement).map_err(QueueError::from)?)
    }

    async fn registration(
        &self,
        event: &HttpEvent,
        invocation: Invocation<'_>,
        report: &mut Report,
    ) -> Result<HttpAnswer, Rejection> {
        let received_at = self.now();
        let (id, registration) = parse_registration(&event.body()?)?;
        report.transaction_id = Some(id.clone());
        report.payment_status.clone_from(&registration.payment_status);
        let message = Message::new(Some(id.clone()), Payload::Registration(registration), received_at);
        self.queue.send(&message, invocation.trace, invocation.deadline).await?;
        Ok(HttpAnswer::registered(&id))
    }

    /// Opens the envelope with the keys that there are, and once more if the secret holds others by now.
    async fn open(&self, event: &HttpEvent) -> Result<Plaintext, Rejection> {
        let body = event.body()?;
        let (iv, tag) = (event.header(IV_HEADER), event.header(TAG_HEADER));
        let refused = match self.keys.current() {
            Some(keys) => match open(&body, iv, tag, &keys) {
                Err(EnvelopeError::Refused) => Rejection::Envelope(EnvelopeError::Refused),
                opened => return Ok(opened?),
            },
            None => Rejection::NoKeys,
        };
        match self.keys.newer().await {
            Some(keys) => Ok(open(&body, iv, tag, &keys)?),
            None => Err(refused),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }
}
