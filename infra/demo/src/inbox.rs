//! A queue that is emptied in the background; what came is kept in the order in which it came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use serde_json::Value;
use spg_time::{Clock as _, SystemClock};

/// One call waits so long for a message.
const WAIT_SECONDS: i32 = 1;
const BATCH_MAX: i32 = 10;
/// Before the next call when one failed.
const FAILURE_WAIT: Duration = Duration::from_secs(1);

/// All messages so far. Clones share them.
#[derive(Clone, Default)]
pub struct Inbox {
    messages: Arc<Mutex<Vec<Message>>>,
}

/// A message's body, what is no JSON as a string, and when it was received.
#[derive(Debug, Clone)]
pub struct Message {
    pub at_epoch_millis: u64,
    pub body: Value,
}

impl Inbox {
    /// Empties `queue_url` until the program ends.
    pub fn open(client: Client, queue_url: String) -> Self {
        let inbox = Self::default();
        let messages = inbox.clone();
        tokio::spawn(async move {
            loop {
                if messages.take(&client, &queue_url).await.is_err() {
                    tokio::time::sleep(FAILURE_WAIT).await;
                }
            }
        });
        inbox
    }

    /// Everything so far.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().clone()
    }

    /// The bodies of everything so far.
    pub fn bodies(&self) -> Vec<Value> {
        self.lock().iter().map(|message| message.body.clone()).collect()
    }

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    async fn take(&self, client: &Client, queue_url: &str) -> Result<(), aws_sdk_sqs::Error> {
        let request = client.receive_message().queue_url(queue_url);
        let received = request.wait_time_seconds(WAIT_SECONDS).max_number_of_messages(BATCH_MAX).send().await?;
        let at_epoch_millis = SystemClock.now().millis();
        let messages = received.messages.unwrap_or_default();
        let mut taken = Vec::new();
        for (number, message) in messages.into_iter().enumerate() {
            let body = message.body.unwrap_or_default();
            let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
            self.lock().push(Message { at_epoch_millis, body });
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            taken.extend(entry.set_receipt_handle(message.receipt_handle).build());
        }
        if !taken.is_empty() {
            // One call: what comes next is not kept waiting, and its moment is its own.
            client.delete_message_batch().queue_url(queue_url).set_entries(Some(taken)).send().await?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first is received at 1 ms, each next one a millisecond later.
    #[cfg(test)]
    pub fn with(bodies: Vec<Value>) -> Self {
        let messages = (1..).zip(bodies).map(|(at_epoch_millis, body)| Message { at_epoch_millis, body }).collect();
        Self { messages: Arc::new(Mutex::new(messages)) }
    }
}
