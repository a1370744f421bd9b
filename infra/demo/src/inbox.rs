//! A queue that is emptied in the background; what came is kept in the order in which it came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use serde_json::Value;

/// One call waits so long for a message.
const WAIT_SECONDS: i32 = 1;
const BATCH_MAX: i32 = 10;
/// Before the next call when one failed.
const FAILURE_WAIT: Duration = Duration::from_secs(1);

/// The bodies of all messages so far. Clones share them.
#[derive(Clone, Default)]
pub struct Inbox {
    bodies: Arc<Mutex<Vec<Value>>>,
}

impl Inbox {
    /// Empties `queue_url` until the program ends.
    pub fn open(client: Client, queue_url: String) -> Self {
        let inbox = Self::default();
        let bodies = inbox.clone();
        tokio::spawn(async move {
            loop {
                if bodies.take(&client, &queue_url).await.is_err() {
                    tokio::time::sleep(FAILURE_WAIT).await;
                }
            }
        });
        inbox
    }

    /// Everything so far, what is no JSON as a string.
    pub fn bodies(&self) -> Vec<Value> {
        self.lock().clone()
    }

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    async fn take(&self, client: &Client, queue_url: &str) -> Result<(), aws_sdk_sqs::Error> {
        let request = client.receive_message().queue_url(queue_url);
        let received = request.wait_time_seconds(WAIT_SECONDS).max_number_of_messages(BATCH_MAX).send().await?;
        for message in received.messages.unwrap_or_default() {
            let body = message.body.unwrap_or_default();
            self.lock().push(serde_json::from_str(&body).unwrap_or(Value::String(body)));
            if let Some(handle) = message.receipt_handle {
                client.delete_message().queue_url(queue_url).receipt_handle(handle).send().await?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Value>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn with(bodies: Vec<Value>) -> Self {
        Self { bodies: Arc::new(Mutex::new(bodies)) }
    }
}
