//! What the processor asks of SQS beyond its poller: dead letters, and when a failed message comes back.

use std::future::Future;

use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;

use crate::DeadLetter;

/// The two queues as the processor sees them.
pub trait Queue {
    /// Keeps a dead letter for people.
    fn dead_letter(&self, dead_letter: &DeadLetter) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Lets failed messages come back after a wait of their own; at most ten receipt handles and seconds. Best effort: without it
    /// they come back when their visibility ends.
    fn postpone(&self, messages: &[(String, u32)]) -> impl Future<Output = Result<(), QueueError>> + Send;
}

#[derive(Debug, thiserror::Error)]
#[error("SQS failed: {operation}")]
pub struct QueueError {
    pub operation: &'static str,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The queues on SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    pub client: aws_sdk_sqs::Client,
    pub queue_url: String,
    pub dlq_url: String,
}

impl Queue for SqsQueue {
    async fn dead_letter(&self, dead_letter: &DeadLetter) -> Result<(), QueueError> {
        let failed = |source| QueueError { operation: "SendMessage to the dead-letter queue", source };
        let body = serde_json::to_string(dead_letter).map_err(|error| failed(error.into()))?;
        // Boxed: a call of the SDK is kilobytes, which every future around it would carry and copy (docs/evidence/performance.md).
        let request = self.client.send_message().queue_url(&self.dlq_url).message_body(body);
        let sent = Box::pin(request.send()).await;
        sent.map(|_| ()).map_err(|error| failed(error.into()))
    }

    async fn postpone(&self, messages: &[(String, u32)]) -> Result<(), QueueError> {
        let failed = |source| QueueError { operation: "ChangeMessageVisibilityBatch", source };
        let mut request = self.client.change_message_visibility_batch().queue_url(&self.queue_url);
        for (index, (receipt_handle, seconds)) in messages.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt_handle)
                .visibility_timeout(i32::try_from(*seconds).unwrap_or(i32::MAX))
                .build()
                .map_err(|error| failed(error.into()))?;
            request = request.entries(entry);
        }
        Box::pin(request.send()).await.map(|_| ()).map_err(|error| failed(error.into()))
    }
}
