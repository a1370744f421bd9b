//! One request: checked, put on the queue, answered.

use std::time::Duration;

use lambda_http::{Body, Request, Response};
use spg_domain::{Message, Payload, Timestamp};
use spg_gateway::registration::parse_registration;
use spg_gateway::webhook::{
    Acknowledgement, EnvelopeError, IV_HEADER, Plaintext, TAG_HEADER, WebhookKeys, open, parse_notification,
};
use spg_host::{Metrics, Secret, SecretSource, catch_panic};
use spg_time::{Clock, before_deadline};

use crate::answer;
use crate::queue::{Queue, QueueError};
use crate::rejection::Rejection;
use crate::report::Report;
use crate::request::{self, Route};

/// Longest that a sender waits for the queue.
const SEND_MAX: Duration = Duration::from_secs(3);

/// Longest that a sender waits for keys that he did not need.
const RENEW_MAX: Duration = Duration::from_millis(500);

/// A key that was taken out of the secret is good for no longer than this and one more webhook.
const KEYS_AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// The function's logic, over any source of keys, queue and clock.
#[derive(Debug)]
pub struct Ack<K, Q, C> {
    pub keys: Secret<WebhookKeys, K>,
    pub queue: Q,
    pub clock: C,
    /// The acknowledgement's statusCode.
    pub status_code: String,
}

/// What a request brings with it from Lambda.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    pub trace: Option<&'a str>,
    /// When the answer must have been given.
    pub deadline: Timestamp,
}

/// The answer to the HTTP API and what it means in numbers.
#[derive(Debug)]
pub struct Answered {
    pub answer: Response<Body>,
    pub metrics: Metrics,
}

impl<K: SecretSource, Q: Queue, C: Clock> Ack<K, Q, C> {
    /// Answers one request by the deadline; a rejection is an answer too.
    pub async fn answer(&self, request: &Request, invocation: Invocation<'_>) -> Answered {
        let started = self.clock.now();
        let mut report = Report::default();
        let taken = catch_panic(self.take(request, invocation, &mut report)).await;
        let taken = taken.unwrap_or(Err(Rejection::Panicked));
        let (answer, rejection) = match taken {
            Ok(answer) => (answer, None),
            Err(rejection) => (answer::rejected(&rejection), Some(rejection)),
        };
        let took = self.clock.now().since(started);
        report.log(rejection.as_ref(), answer.status().as_u16(), took);
        Answered { answer, metrics: report.metrics(rejection.as_ref()) }
    }

    async fn take(
        &self,
        request: &Request,
        invocation: Invocation<'_>,
        report: &mut Report,
    ) -> Result<Response<Body>, Rejection> {
        let route = Route::of(request)?;
        report.route = Some(route);
        match route {
            Route::Webhook => self.webhook(request, invocation, report).await,
            Route::Registration => self.registration(request, invocation, report).await,
        }
    }

    async fn webhook(
        &self,
        request: &Request,
        invocation: Invocation<'_>,
        report: &mut Report,
    ) -> Result<Response<Body>, Rejection> {
        let received_at = self.clock.now();
        let plaintext = self.open(request).await?;
        let parsed = parse_notification(plaintext.as_ref())?;
        drop(plaintext);
        let id = parsed.notification.notification_id.clone();
        report.notification_id = Some(id.clone());
        report.transaction_id.clone_from(&parsed.transaction_id);
        report.payment_status.clone_from(&parsed.notification.payment_status);
        report.return_code.clone_from(&parsed.notification.return_code);
        report.dropped = parsed.dropped;
        let message = Message::new(parsed.transaction_id, Payload::Notification(parsed.notification), received_at);
        let (sent, ()) = tokio::join!(self.send(&message, invocation), self.renew_keys());
        sent?;
        let acknowledgement = Acknowledgement::new(&self.status_code, &id);
        Ok(answer::acknowledged(&acknowledgement).map_err(QueueError::from)?)
    }

    async fn registration(
        &self,
        request: &Request,
        invocation: Invocation<'_>,
        report: &mut Report,
    ) -> Result<Response<Body>, Rejection> {
        let received_at = self.clock.now();
        let (id, registration) = parse_registration(request::body(request)?)?;
        report.transaction_id = Some(id.clone());
        report.payment_status.clone_from(&registration.payment_status);
        let message = Message::new(Some(id.clone()), Payload::Registration(registration), received_at);
        self.send(&message, invocation).await?;
        Ok(answer::registered(&id))
    }

    /// Opens the envelope with the keys that there are, and once more if the secret holds others by now.
    async fn open(&self, request: &Request) -> Result<Plaintext, Rejection> {
        let body = request::body(request)?;
        let (iv, tag) = (request::header(request, IV_HEADER), request::header(request, TAG_HEADER));
        let keys = self.keys.current();
        let refused = match &keys {
            Some(keys) => match open(body, iv, tag, keys) {
                Err(EnvelopeError::Refused) => Rejection::Envelope(EnvelopeError::Refused),
                opened => return Ok(opened?),
            },
            None => Rejection::NoKeys,
        };
        match self.keys.other_than(keys.as_ref(), self.clock.now()).await {
            Some(keys) => Ok(open(body, iv, tag, &keys)?),
            None => Err(refused),
        }
    }

    /// Old keys are read again beside the call of the queue, for the requests that follow: this one was opened.
    async fn renew_keys(&self) {
        let now = self.clock.now();
        if self.keys.is_older_than(KEYS_AGE_MAX, now) {
            let keys = self.keys.current();
            // Without an answer in this time the next request tries again, at most one a minute.
            let _ = before_deadline(&self.clock, now + RENEW_MAX, self.keys.other_than(keys.as_ref(), now)).await;
        }
    }

    /// Accepted within three seconds and by the deadline, or answered as failed.
    async fn send(&self, message: &Message, invocation: Invocation<'_>) -> Result<(), QueueError> {
        let now = self.clock.now();
        let deadline = invocation.deadline.min(now + SEND_MAX);
        let sent = before_deadline(&self.clock, deadline, self.queue.send(message, invocation.trace)).await;
        sent.unwrap_or(Err(QueueError::TooSlow))
    }
}
