//! The queue: one message a request.

use std::future::Future;

use aws_sdk_sqs::Client;
use spg_domain::Message;

/// The notification queue as its sender sees it.
pub trait Queue {
    /// Puts one message on it.
    fn send(&self, message: &Message, trace: Option<&str>) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// The queue on SQS.
#[derive(Debug)]
pub struct SqsQueue {
    pub client: Client,
    pub url: String,
}

/// The message is not on the queue, as far as is known.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the queue refused the message")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the queue was too slow")]
    TooSlow,
    #[error("the message cannot be written")]
    Unwritable(#[from] serde_json::Error),
}

impl Queue for SqsQueue {
    async fn send(&self, message: &Message, trace: Option<&str>) -> Result<(), QueueError> {
        let request = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(message.to_json()?)
            .set_message_system_attributes(spg_host::sqs_trace_attributes(trace));
        // Boxed: a call of the SDK is kilobytes, which every future around it would carry and copy (docs/evidence/performance.md).
        let sent = Box::pin(request.send()).await;
        sent.map(|_| ()).map_err(|error| QueueError::Refused(error.into()))
    }
}
