//! One log line and one line of metrics per request.

use std::time::Duration;

use spg_domain::{NotificationId, PaymentStatus, TransactionId, Word};
use spg_host::Metrics;

use crate::rejection::Rejection;
use crate::request::Route;

/// What is known of a request so far. Ids and values of authentic requests only.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub route: Option<Route>,
    pub notification_id: Option<NotificationId>,
    pub transaction_id: Option<TransactionId>,
    /// The status that it claims.
    pub payment_status: Option<PaymentStatus>,
    pub return_code: Option<Word>,
    /// Names of fields that could not be read.
    pub dropped: Vec<&'static str>,
}

impl Report {
    pub(crate) fn log(&self, rejection: Option<&Rejection>, http_status: u16, took: Duration) {
        let route = self.route.map(Route::as_str);
        let notification_id = self.notification_id.as_ref().map(NotificationId::as_str);
        let transaction_id = self.transaction_id.as_ref().or_else(|| rejection.and_then(Rejection::transaction_id));
        let transaction_id = transaction_id.map(TransactionId::as_str);
        let payment_status = self.payment_status.as_ref().map(PaymentStatus::as_str);
        let return_code = self.return_code.as_ref().map(Word::as_str);
        let dropped = (!self.dropped.is_empty()).then(|| self.dropped.join(","));
        let reason = rejection.map(Rejection::reason);
        let error = rejection.map(|rejection| spg_host::chain(rejection));
        let disposition = if rejection.is_some() { "rejected" } else { "accepted" };
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // The level is part of what makes an event, so the fields stand here as often as there are levels.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    route,
                    httpStatus = http_status,
                    notificationID = notification_id,
                    transactionID = transaction_id,
                    paymentStatus = payment_status,
                    returnStatusCode = return_code,
                    droppedFields = dropped,
                    disposition,
                    reason,
                    error,
                    durationMs = duration_ms,
                    "request"
                )
            };
        }
        match http_status {
            422 | 500.. => line!(error),
            401 => line!(warn),
            _ => line!(info),
        }
    }

    pub(crate) fn metrics(&self, rejection: Option<&Rejection>, took: Duration) -> Metrics {
        let mut metrics = Metrics::default();
        metrics.count("Received", 1);
        if self.route == Some(Route::Registration) {
            metrics.count("Registrations", 1);
        }
        match rejection {
            None => metrics.count("Accepted", 1),
            Some(rejection) => metrics.count_by("Rejected", rejection.reason(), 1),
        }
        match rejection {
            // What these count is alarmed: only we, or SPG, can cause it.
            Some(Rejection::Payload(_)) => metrics.count("Unprocessable", 1),
            Some(Rejection::Queue(_)) => metrics.count("QueueFailures", 1),
            Some(Rejection::NoKeys) => metrics.count("KeysUnavailable", 1),
            Some(Rejection::Request(_) | Rejection::Envelope(_) | Rejection::Registration(_) | Rejection::Panicked)
            | None => {}
        }
        for field in &self.dropped {
            metrics.count_by("DroppedFields", *field, 1);
        }
        metrics.duration("AckDuration", took);
        metrics
    }
}
