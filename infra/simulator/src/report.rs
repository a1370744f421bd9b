//! What SPG knows at the end, and what it would have reported to the merchant.

use std::fmt::Write as _;

use serde::Serialize;

use crate::acknowledgement::Verdict;
use crate::amount::Amount;
use crate::clock::SimTime;
use crate::delivery::{DeliveryResult, Tamper};
use crate::payment::{Kind, Payment, Status};
use crate::state::{NotificationRecord, Shared, StatusQuery};

/// Above so many payments the table shows only those that did not go as expected.
pub const ROWS_MAX: usize = 60;

/// Everything, for machines (it serialises) and for people ([`Report::table`]).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub seed: u64,
    pub time_scale: u32,
    #[serde(rename = "atMilliseconds")]
    pub at: SimTime,
    pub summary: Summary,
    pub payments: Vec<PaymentReport>,
    /// Queries about transactions that do not exist.
    pub other_queries: Vec<StatusQuery>,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub payments: usize,
    pub notifications: usize,
    /// Attempts that were sent, tampered ones included.
    pub attempts: usize,
    /// Notifications acknowledged at least once.
    pub delivered: usize,
    /// Notifications sent, genuine, and never acknowledged: this is what the merchant would hear of.
    pub failed: usize,
    /// Notifications lost on purpose.
    pub lost: usize,
    /// Tampered webhooks that were answered and not acknowledged, as must be.
    pub refused: usize,
    /// Tampered webhooks that were acknowledged, as must never be.
    pub forgeries_acknowledged: usize,
    pub queries: u64,
}

/// One payment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentReport {
    #[serde(rename = "transactionID")]
    pub transaction_id: String,
    pub kind: Kind,
    pub terminal: String,
    pub amount: Amount,
    pub currency: String,
    pub truth: Vec<TruthReport>,
    pub notifications: Vec<NotificationReport>,
    pub queries: Vec<StatusQuery>,
}

/// What was true from when on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TruthReport {
    #[serde(rename = "atMilliseconds")]
    pub at: SimTime,
    pub status: Status,
}

/// One notification with all its attempts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationReport {
    pub number: u64,
    #[serde(rename = "notificationID")]
    pub notification_id: String,
    pub claims: Status,
    #[serde(rename = "madeAtMilliseconds")]
    pub made_at: SimTime,
    pub outcome: Outcome,
    /// In words, with the reason of the last attempt.
    pub reported: String,
    pub attempts: Vec<DeliveryResult>,
}

/// What became of a notification. Tampered attempts do not count here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    NotSent,
    Lost,
    OnlyTampered,
    Failed,
    Delivered,
}

impl Report {
    /// Takes stock.
    pub fn of(shared: &Shared) -> Self {
        let state = shared.lock();
        let mut payments: Vec<_> = state.payments.iter().map(PaymentReport::of).collect();
        let mut summary = Summary { payments: payments.len(), queries: state.queries_total, ..Summary::default() };
        for record in &state.notifications {
            let notification = NotificationReport::of(record);
            summary.count(&notification);
            if let Some(payment) =
                state.index.get(&record.notification.transaction_id).and_then(|at| payments.get_mut(*at))
            {
                payment.notifications.push(notification);
            }
        }
        let mut other_queries = Vec::new();
        for query in &state.queries {
            match state.index.get(&query.transaction_id).and_then(|at| payments.get_mut(*at)) {
                Some(payment) => payment.queries.push(query.clone()),
                None => other_queries.push(query.clone()),
            }
        }
        let (seed, time_scale) = (shared.config.seed.0, shared.clock.scale());
        Self { seed, time_scale, at: shared.clock.now(), summary, payments, other_queries }
    }

    /// Whether every genuine notification that was sent was acknowledged, and no other.
    pub fn is_as_expected(&self) -> bool {
        self.summary.failed == 0 && self.summary.forgeries_acknowledged == 0
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = format!("seed {}, time x{}, after {}\n\n", self.seed, self.time_scale, self.at);
        let mut rows: Vec<&PaymentReport> = self.payments.iter().collect();
        let hidden = rows.len() > ROWS_MAX;
        if hidden {
            rows.retain(|payment| !payment.is_as_expected());
        }
        if !rows.is_empty() {
            let (id, truth) = ("transaction", "truth");
            line(
                &mut text,
                &format!("{id:<22} {:<14} {:>10} {truth:<34} {:<30} queries", "kind", "amount", "webhooks"),
            );
            for payment in &rows {
                line(&mut text, &payment.row());
            }
            text.push('\n');
        }
        if hidden {
            let others = self.payments.len() - rows.len();
            line(&mut text, &format!("{others} payments whose webhooks went as expected are not shown\n"));
        }
        self.complaints(&mut text);
        let sum = &self.summary;
        let counts = format!(
            "{} payments, {} notifications in {} attempts: {} delivered, {} failed, {} lost on purpose; {} tampered webhooks refused, {} acknowledged; {} queries to the Status API",
            sum.payments,
            sum.notifications,
            sum.attempts,
            sum.delivered,
            sum.failed,
            sum.lost,
            sum.refused,
            sum.forgeries_acknowledged,
            sum.queries
        );
        line(&mut text, &counts);
        text
    }

    fn complaints(&self, text: &mut String) {
        let mut first = true;
        for attempt in self.payments.iter().flat_map(|payment| &payment.notifications).flat_map(|made| &made.attempts) {
            if attempt.is_as_expected() {
                continue;
            }
            if std::mem::take(&mut first) {
                line(text, "what SPG would report to the merchant:");
            }
            line(text, &format!("  {attempt}"));
        }
        if !first {
            text.push('\n');
        }
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _written = writeln!(text, "{}", line.trim_end_matches(' '));
}

impl Summary {
    fn count(&mut self, notification: &NotificationReport) {
        self.notifications += 1;
        match notification.outcome {
            Outcome::Delivered => self.delivered += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Lost => self.lost += 1,
            Outcome::NotSent | Outcome::OnlyTampered => {}
        }
        for attempt in &notification.attempts {
            self.attempts += usize::from(!attempt.is_lost());
            self.refused += usize::from(attempt.is_refused_forgery());
            let forged = attempt.tamper != Tamper::None && attempt.verdict.is_delivered();
            self.forgeries_acknowledged += usize::from(forged);
        }
    }
}

impl PaymentReport {
    fn of(payment: &Payment) -> Self {
        let truth =
            payment.truths.iter().map(|moment| TruthReport { at: moment.at, status: moment.truth.status.clone() });
        Self {
            transaction_id: payment.transaction_id.clone(),
            kind: payment.spec.kind,
            terminal: payment.spec.terminal.clone(),
            amount: payment.truth().amount,
            currency: payment.spec.currency.clone(),
            truth: truth.collect(),
            notifications: Vec::new(),
            queries: Vec::new(),
        }
    }

    fn is_as_expected(&self) -> bool {
        self.notifications.iter().flat_map(|notification| &notification.attempts).all(DeliveryResult::is_as_expected)
    }

    fn row(&self) -> String {
        let truth: Vec<_> = self.truth.iter().map(|truth| truth.status.as_str()).collect();
        let queries: Vec<_> = self.queries.iter().map(|query| query.answered.as_str()).collect();
        format!(
            "{:<22} {:<14} {:>10} {:<34} {:<30} {}",
            self.transaction_id,
            format!("{:?}", self.kind),
            self.amount,
            truth.join(" > "),
            self.webhooks(),
            queries.join(", "),
        )
    }

    fn webhooks(&self) -> String {
        let attempts = || self.notifications.iter().flat_map(|notification| &notification.attempts);
        let number = |wanted: &dyn Fn(&DeliveryResult) -> bool| attempts().filter(|attempt| wanted(attempt)).count();
        let genuine = |attempt: &DeliveryResult| attempt.tamper == Tamper::None && !attempt.is_lost();
        let counts = [
            ("delivered", number(&|attempt| genuine(attempt) && attempt.verdict.is_delivered())),
            ("failed", number(&|attempt| genuine(attempt) && !attempt.verdict.is_delivered())),
            ("lost", number(&DeliveryResult::is_lost)),
            ("refused", number(&DeliveryResult::is_refused_forgery)),
            ("FORGED", number(&|attempt| attempt.tamper != Tamper::None && attempt.verdict.is_delivered())),
        ];
        let some = counts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} {what}"));
        some.collect::<Vec<_>>().join(", ")
    }
}

impl NotificationReport {
    fn of(record: &NotificationRecord) -> Self {
        let genuine: Vec<_> = record.deliveries.iter().filter(|attempt| attempt.tamper == Tamper::None).collect();
        let sent = || genuine.iter().filter(|attempt| !attempt.is_lost());
        let outcome = if sent().any(|attempt| attempt.verdict.is_delivered()) {
            Outcome::Delivered
        } else if sent().next().is_some() {
            Outcome::Failed
        } else if !genuine.is_empty() {
            Outcome::Lost
        } else if record.deliveries.is_empty() {
            Outcome::NotSent
        } else {
            Outcome::OnlyTampered
        };
        let last = record.deliveries.last().map(|attempt| attempt.verdict.to_string());
        let reported = match outcome {
            Outcome::Delivered => Verdict::Delivered.to_string(),
            Outcome::NotSent => "not sent".to_owned(),
            Outcome::Failed | Outcome::Lost | Outcome::OnlyTampered => last.unwrap_or_default(),
        };
        let notification = &record.notification;
        Self {
            number: notification.number,
            notification_id: notification.notification_id.clone(),
            claims: notification.claims.clone(),
            made_at: record.made_at,
            outcome,
            reported,
            attempts: record.deliveries.clone(),
        }
    }
}
