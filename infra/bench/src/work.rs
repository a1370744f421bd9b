//! The work: what is sent, and what must have come of it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tests::events::{self, HttpAnswer, SqsRecord};
use tests::webhook;

use crate::contender::{Contender, Role};
use crate::stand::Stand;

/// A key that no secret holds.
const OTHER_KEY: webhook::WebhookKey = *b"a key that opens no envelope ...";
const OF_ONE: usize = 10;

/// One kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Row {
    /// A webhook that opens.
    Accepted,
    /// A webhook under another key.
    Rejected,
    /// One notification of a transaction that nobody knows yet; it claims Success and the Status API agrees.
    NewFinal,
    /// The same once more.
    Duplicate,
    /// Ten notifications of one new transaction in one batch.
    TenOfOne,
    /// A batch, each of another new transaction.
    Distinct,
}

/// One invocation.
pub struct Job {
    pub event: Value,
    pub notifications: Vec<Named>,
}

/// What one notification is about.
pub struct Named {
    pub transaction: String,
    pub notification: String,
}

impl Row {
    pub fn of(role: Role) -> &'static [Self] {
        match role {
            Role::Ack => &[Self::Accepted, Self::Rejected],
            Role::Processor => &[Self::NewFinal, Self::Duplicate, Self::TenOfOne, Self::Distinct],
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::NewFinal => "new final",
            Self::Duplicate => "duplicate",
            Self::TenOfOne => "ten of one transaction",
            Self::Distinct => "batch of distinct",
        }
    }

    /// The jobs with these numbers. A duplicate repeats the new one of the same number.
    pub fn jobs(self, numbers: std::ops::Range<usize>, batch: usize) -> Vec<Job> {
        numbers.map(|number| self.job(number, batch)).collect()
    }

    fn job(self, number: usize, batch: usize) -> Job {
        let named = |letter: char, transaction: usize, notification: usize| Named {
            transaction: format!("s2bench{letter}{number:06}{transaction:06}"),
            notification: format!("b6571d90-35d6-41a6-b7b1-{letter}{number:06}{notification:05}"),
        };
        let notifications: Vec<Named> = match self {
            Self::Accepted => vec![named('a', 0, 0)],
            Self::Rejected => vec![named('b', 0, 0)],
            Self::NewFinal | Self::Duplicate => vec![named('c', 0, 0)],
            Self::TenOfOne => (0..OF_ONE).map(|n| named('d', 0, n)).collect(),
            Self::Distinct => (0..batch).map(|n| named('e', n, n)).collect(),
        };
        let event = match self {
            Self::Accepted => posted(&webhook::KEY, &notifications),
            Self::Rejected => posted(&OTHER_KEY, &notifications),
            Self::NewFinal | Self::TenOfOne | Self::Distinct => received(&notifications, 1),
            Self::Duplicate => received(&notifications, 2),
        };
        Job { event, notifications }
    }

    /// Whether an invocation's answer is right.
    pub fn judge_answer(self, contender: Contender, job: &Job, answer: &Value) -> Result<(), String> {
        let right = match self {
            _ if contender.is_floor() => answer["statusCode"] == 200,
            Self::Accepted => {
                let id = &job.notifications[0].notification;
                let body = json!({"statusCode": "000", "statusMsg": "Success", "notificationID": id});
                let got = HttpAnswer::of(answer);
                got.status == 200 && got.json() == body
            }
            Self::Rejected => HttpAnswer::of(answer).status == 401,
            Self::NewFinal | Self::Duplicate | Self::TenOfOne | Self::Distinct => {
                answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty)
            }
        };
        if right { Ok(()) } else { Err(format!("the answer {answer}")) }
    }

    /// Whether what is queued and stored afterwards is right.
    pub fn judge_effect(self, contender: Contender, jobs: &[Job], stand: &Stand) -> Result<(), String> {
        match self {
            Self::Accepted => judge_queue(contender, jobs, stand),
            Self::Rejected => match stand.aws.queued().len() {
                0 => Ok(()),
                messages => judge_forged(contender, messages, jobs.len()),
            },
            Self::NewFinal | Self::Duplicate | Self::TenOfOne | Self::Distinct => {
                jobs.iter().flat_map(|job| &job.notifications).try_for_each(|named| judge_item(self, named, stand))
            }
        }
    }
}

/// The floor with one send passes on whatever comes.
fn judge_forged(contender: Contender, messages: usize, jobs: usize) -> Result<(), String> {
    if contender == Contender::FloorSend && messages == jobs {
        return Ok(());
    }
    Err(format!("{messages} messages of what does not open"))
}

fn judge_queue(contender: Contender, jobs: &[Job], stand: &Stand) -> Result<(), String> {
    let messages = stand.aws.queued();
    let expected = if contender == Contender::Floor { 0 } else { jobs.len() };
    if messages.len() != expected {
        return Err(format!("{} messages instead of {expected}", messages.len()));
    }
    if contender.is_floor() {
        return Ok(());
    }
    for (job, message) in jobs.iter().zip(messages) {
        let body: Value = serde_json::from_str(&message.body).map_err(|error| error.to_string())?;
        let named = &job.notifications[0];
        if body["transactionID"] != named.transaction.as_str() || body["notificationID"] != named.notification.as_str()
        {
            return Err(format!("the message {body}"));
        }
    }
    Ok(())
}

fn judge_item(row: Row, named: &Named, stand: &Stand) -> Result<(), String> {
    let item = stand.aws.table().item(&named.transaction).unwrap_or_default();
    let written_once = item["version"] == 1 || row == Row::TenOfOne;
    if item["paymentStatus"] != "Success" || !written_once {
        return Err(format!("the item {item} of {}", named.transaction));
    }
    Ok(())
}

/// A webhook of a purchase by MB WAY, as SPG encrypts it.
fn posted(key: &webhook::WebhookKey, notifications: &[Named]) -> Value {
    let Named { transaction, notification } = &notifications[0];
    let payload = webhook::payload(transaction, notification, "Success");
    let (headers, body) = webhook::encrypt(key, &payload);
    events::http_webhook(&headers, &body, false)
}

/// Messages as `ack` queues them; the peers' are the same.
fn received(notifications: &[Named], times: u32) -> Value {
    let record = |Named { transaction, notification }: &Named| {
        let message = json!({
            "schemaVersion": 1,
            "kind": "notification",
            "receivedAt": events::now_ms(),
            "transactionID": transaction,
            "notificationID": notification,
            "paymentStatus": "Success",
            "merchantTransactionId": format!("order-{transaction}"),
            "terminalId": "50994",
            "paymentMethod": "MBWAY",
            "paymentType": "PURS",
            "amount": {"value": "15.90", "currency": "EUR"},
        });
        SqsRecord::new(message.to_string()).received(times)
    };
    events::sqs(&notifications.iter().map(record).collect::<Vec<_>>())
}

/// What the Status API says about a transaction.
pub fn answer_about(transaction: &str) -> Value {
    json!({
        "merchant": {"terminalId": "50994", "merchantTransactionId": format!("order-{transaction}")},
        "transactionID": transaction,
        "amount": {"currency": "EUR", "value": "15.90"},
        "paymentType": "PURS",
        "paymentStatus": "Success",
        "paymentMethod": "MBWAY",
        "returnStatus": {"statusCode": "000", "statusMsg": "Success", "statusDescription": "Success"},
    })
}
