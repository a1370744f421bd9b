//! What a batch says of its records: a log line for each, and numbers.

use spg_domain::{Disposition, Evidence, PaymentStatus, TransactionId};
use spg_reconcile::{AnswerFields, SettleError, Settlement, Tally};
use spg_time::error_chain;

use crate::record::{Record, RecordResult};

/// The results of some records, by their place in the batch, and what it took.
pub(crate) type Settled = (Vec<(usize, RecordResult)>, Vec<Tally>);

/// The results of the records that one write has settled, logged one line each. The one query about the one record is in its
/// line; otherwise queries have lines of their own, before the records'.
pub(crate) fn settled(id: &TransactionId, records: &[Record], settlement: &Settlement) -> Settled {
    let mut tallies = settlement.tallies();
    let answer = match (records, settlement.queries.as_slice()) {
        ([_], [queried]) => Some(queried.fields()),
        (_, queries) => {
            queries.iter().for_each(|queried| queried.log(id));
            None
        }
    };
    let mut results = Vec::with_capacity(records.len());
    for (record, disposition) in records.iter().zip(&settlement.dispositions) {
        log_processed(id, record, *disposition, answer.as_ref(), settlement);
        if is_unusual(*disposition) {
            tallies.push(Tally::CountBy("UnusualNotifications", disposition.as_str()));
        }
        let conflicting = *disposition == Disposition::Conflicting;
        let result =
            if conflicting { RecordResult::DeadLetter(record.conflicting(String::new())) } else { RecordResult::Done };
        results.push((record.index, result));
    }
    (results, tallies)
}

/// What is worth a metric: people look for its reason. Of everything else the log has a line.
fn is_unusual(disposition: Disposition) -> bool {
    use Disposition::{Conflicting, Disputed, OtherMerchants, Unrecorded};
    matches!(disposition, Disputed | Conflicting | Unrecorded | OtherMerchants)
}

fn log_processed(
    id: &TransactionId,
    record: &Record,
    disposition: Disposition,
    answer: Option<&AnswerFields<'_>>,
    settlement: &Settlement,
) {
    let (notification_id, claim) = describe(&record.evidence);
    let transaction = settlement.write.as_ref().map(|write| &write.transaction);
    let status = transaction.map(spg_domain::Transaction::status);
    tracing::info!(
        transactionID = id.as_str(),
        notificationID = notification_id,
        claimed = claim,
        disposition = disposition.as_str(),
        answered = answer.map(|it| it.answered),
        answer = answer.map(|it| it.answer),
        httpStatus = answer.and_then(|it| it.http_status),
        returnStatusCode = answer.and_then(|it| it.return_code),
        problem = answer.and_then(|it| it.problem),
        queryMs = answer.map(|it| it.query_ms),
        paymentStatus = status.as_ref().map(PaymentStatus::as_str),
        version = transaction.map(|t| t.version),
        sequence = transaction.map(|t| t.sequence).filter(|sequence| *sequence > 0),
        "processed"
    );
}

pub(crate) fn failed(id: &TransactionId, records: &[Record], error: &SettleError) -> Settled {
    tracing::error!(transactionID = %id, records = records.len(), error = %error_chain(error), "not stored; back to the queue");
    (records.iter().map(|record| (record.index, RecordResult::Failed)).collect(), vec![Tally::Count("StoreFailures")])
}

/// The notification's id, which a registration has not, and the status that is claimed.
fn describe(evidence: &Evidence) -> (Option<&str>, Option<&str>) {
    match evidence {
        Evidence::Notification { notification, .. } => {
            let claim = notification.payment_status.as_ref().map(PaymentStatus::as_str);
            (Some(notification.notification_id.as_str()), claim)
        }
        Evidence::Registration { registration, .. } => {
            (None, registration.payment_status.as_ref().map(PaymentStatus::as_str))
        }
        Evidence::Answer { .. } | Evidence::NoAnswer(_) => (None, None),
    }
}
