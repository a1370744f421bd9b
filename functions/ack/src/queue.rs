//! The queue: one message a request, in bounded time.

use std::time::Duration;

use aws_sdk_sqs::Client;
use spg_domain::Message;
use spg_host::Deadline;

/// Longest that a sender waits for the queue.
const SEND_MAX: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct Queue {
    pub client: Client,
    pub url: String,
}

/// The message is not on the queue, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    #[error("the queue refused the message: {0}")]
    Refused(String),
    #[error("the queue was too slow")]
    TooSlow,
    #[error("the message cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

impl Queue {
    /// # Errors
    /// [`QueueError`] when SQS has not accepted the message within three seconds or by the deadline.
    pub(crate) async fn send(&self, message: &Message, trace: Option<&str>, by: Deadline) -> Result<(), QueueError> {
        let sending = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(message.to_json()?)
            .set_message_system_attributes(spg_host::sqs_trace_attributes(trace))
            .send();
        match tokio::time::timeout(SEND_MAX.min(by.remaining()), sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(QueueError::Refused(spg_host::chain(&error))),
            Err(_) => Err(QueueError::TooSlow),
        }
    }
}
