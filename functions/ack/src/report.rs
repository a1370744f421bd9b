//! One log line per request, and a line of metrics where something is to be counted that AWS does not count.

use std::time::Duration;

use spg_domain::{NotificationId, PaymentStatus, RETURN_CODE_SUCCESS, ShortText, TransactionId};
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
    pub return_code: Option<ShortText>,
    /// Names of fields that could not be read.
    pub dropped: Vec<&'static str>,
}

impl Report {
    /// One line. What is usual is left out: the route and the answer of an accepted webhook, the return code of one without a problem.
    pub(crate) fn log(&self, rejection: Option<&Rejection>, http_status: u16, took: Duration) {
        let route = self.route.filter(|route| rejection.is_some() || *route != Route::Webhook).map(Route::as_str);
        let http_status = rejection.is_some().then_some(http_status);
        let notification_id = self.notification_id.as_ref().map(NotificationId::as_str);
        let transaction_id = self.transaction_id.as_ref().or_else(|| rejection.and_then(Rejection::transaction_id));
        let transaction_id = transaction_id.map(TransactionId::as_str);
        let payment_status = self.payment_status.as_ref().map(PaymentStatus::as_str);
        let return_code = self.return_code.as_ref().map(ShortText::as_str).filter(|code| *code != RETURN_CODE_SUCCESS);
        let dropped = (!self.dropped.is_empty()).then(|| self.dropped.join(","));
        let reason = rejection.map(Rejection::reason);
        let error = rejection.map(|rejection| spg_time::error_chain(rejection));
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // Level and message are part of what makes an event, so the fields stand here as often as there are of these.
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    route,
                    httpStatus = http_status,
                    notificationID = notification_id,
                    transactionID = transaction_id,
                    paymentStatus = payment_status,
                    returnStatusCode = return_code,
                    droppedFields = dropped,
                    reason,
                    error,
                    durationMs = duration_ms,
                    $message
                )
            };
        }
        match http_status {
            None => line!(info, "accepted"),
            Some(422 | 500..) => line!(error, "rejected"),
            Some(401) => line!(warn, "rejected"),
            Some(_) => line!(info, "rejected"),
        }
    }

    /// What AWS does not count itself: requests and their time are API Gateway's and Lambda's metrics, what was accepted is the queue's.
    pub(crate) fn metrics(&self, rejection: Option<&Rejection>) -> Metrics {
        let mut metrics = Metrics::default();
        if let Some(rejection) = rejection {
            metrics.count_by("Rejected", rejection.reason(), 1);
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
        metrics
    }
}
