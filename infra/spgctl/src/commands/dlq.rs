//! `spgctl dlq`: what the pipeline gave up, and what to do about it.
//!
//! SQS's own message move takes only messages that SQS itself moved to the dead-letter queue; the processor also writes there. So
//! this is a loop of its own: receive, send, delete. A message is deleted only after the other queue has accepted it: killed in
//! between, it is there twice, which the pipeline is made for, and never lost.

use std::collections::BTreeMap;

use serde::Serialize;
use spg_domain::Timestamp;

use crate::inbox::{Held, Inbox, Kind};
use crate::output::{Progress, relative, table};
use crate::scan::Pace;
use crate::{Error, Exit, Output};

/// The two queues.
#[derive(Debug)]
pub struct Queues {
    pub client: aws_sdk_sqs::Client,
    pub queue_url: String,
    pub dlq_url: String,
}

/// Which messages are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// By message id; empty: all.
    pub ids: Vec<String>,
    /// Only the dead letters that the processor wrote.
    pub dead_letters: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    message_id: String,
    kind: &'static str,
    can_be_redriven: bool,
    reason: String,
    #[serde(rename = "transactionID")]
    transaction_id: Option<String>,
    #[serde(rename = "notificationID")]
    notification_id: Option<String>,
    sent_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    messages: Vec<Row>,
    /// There are more: the limit was reached.
    more: bool,
}

/// What a redrive or a drop came to.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Moved {
    done: u64,
    /// Left in the dead-letter queue, by reason.
    left: BTreeMap<String, u64>,
    /// Done, but still in the dead-letter queue too, because it could not be deleted there.
    not_deleted: u64,
}

/// # Errors
/// SQS cannot be asked.
pub async fn list(queues: &Queues, limit: usize, now: Timestamp, output: &mut Output<'_>) -> Result<Exit, Error> {
    let mut inbox = Inbox::new(&queues.client, &queues.dlq_url);
    let mut messages = Vec::new();
    let mut more = false;
    while let Some(held) = inbox.next().await? {
        messages.extend(held.iter().map(|held| Row::of(held, false)));
        if messages.len() >= limit {
            more = messages.len() > limit || inbox.next().await?.is_some_and(|further| !further.is_empty());
            messages.truncate(limit);
            break;
        }
    }
    inbox.release().await;
    messages.sort_by(|a, b| (&a.sent_at, &a.message_id).cmp(&(&b.sent_at, &b.message_id)));
    let listing = Listing { messages, more };
    output.show(&listing, || listing.text(now))?;
    Ok(if listing.messages.is_empty() { Exit::Done } else { Exit::Findings })
}

/// # Errors
/// It is not there, or SQS cannot be asked.
pub async fn show(queues: &Queues, id: &str, output: &mut Output<'_>) -> Result<Exit, Error> {
    let mut inbox = Inbox::new(&queues.client, &queues.dlq_url);
    let mut found = None;
    while let (None, Some(held)) = (&found, inbox.next().await?) {
        found = held.iter().find(|held| held.message_id == id).map(|held| Row::of(held, true));
    }
    inbox.release().await;
    let row = found.ok_or_else(|| missing(&[id.to_owned()]))?;
    output.show(&row, || row.text())?;
    Ok(Exit::Done)
}

/// # Errors
/// SQS cannot be asked; or messages were named that are not there.
pub async fn redrive(
    queues: &Queues,
    choice: &Choice,
    per_second: u32,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    work(queues, choice, per_second, Work::Redrive, output).await
}

/// # Errors
/// As for [`redrive`].
pub async fn drop(queues: &Queues, choice: &Choice, per_second: u32, output: &mut Output<'_>) -> Result<Exit, Error> {
    work(queues, choice, per_second, Work::Drop, output).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Redrive,
    Drop,
}

async fn work(
    queues: &Queues,
    choice: &Choice,
    per_second: u32,
    work: Work,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let mut inbox = Inbox::new(&queues.client, &queues.dlq_url);
    let mut pace = Pace::new(per_second);
    let (mut moved, mut met) = (Moved::default(), Vec::new());
    let mut progress = Progress::new(work.name(), inbox.size().await);
    let ended = loop {
        let held = match inbox.next().await {
            Ok(Some(held)) => held,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        let chosen: Vec<Held> = held.into_iter().filter(|held| choice.takes(held)).collect();
        met.extend(chosen.iter().map(|held| held.message_id.clone()));
        let count = u64::try_from(chosen.len()).unwrap_or(u64::MAX);
        if let Err(error) = handle(queues, &mut inbox, chosen, work, &mut moved).await {
            break Err(error);
        }
        progress.at(moved.done, || format!("{} left", moved.left.values().sum::<u64>()));
        pace.spent(count).await;
        if !choice.ids.is_empty() && choice.ids.iter().all(|id| met.contains(id)) {
            break Ok(());
        }
    };
    progress.end();
    inbox.release().await;
    // What was done is reported, whatever ended it.
    output.show(&moved, || moved.text(work))?;
    ended?;
    let absent: Vec<String> = choice.ids.iter().filter(|id| !met.contains(id)).cloned().collect();
    if !absent.is_empty() {
        return Err(missing(&absent));
    }
    Ok(if moved.left.is_empty() && moved.not_deleted == 0 { Exit::Done } else { Exit::Findings })
}

async fn handle(
    queues: &Queues,
    inbox: &mut Inbox<'_>,
    chosen: Vec<Held>,
    work: Work,
    moved: &mut Moved,
) -> Result<(), Error> {
    let (able, unable): (Vec<Held>, Vec<Held>) =
        chosen.into_iter().partition(|held| work == Work::Drop || held.kind.can_be_redriven());
    for held in &unable {
        *moved.left.entry(held.kind.reason()).or_default() += 1;
    }
    let sent = match work {
        Work::Drop => able,
        Work::Redrive => {
            let (sent, refused) = send(queues, able).await?;
            if refused > 0 {
                *moved.left.entry("the queue did not take it: try again".to_owned()).or_default() += refused;
            }
            sent
        }
    };
    let count = u64::try_from(sent.len()).unwrap_or(u64::MAX);
    let deleted = inbox.delete(&sent).await;
    match work {
        Work::Redrive => {
            moved.done += count;
            moved.not_deleted += count - deleted;
        }
        Work::Drop => {
            moved.done += deleted;
            if deleted < count {
                *moved.left.entry("it could not be deleted: try again".to_owned()).or_default() += count - deleted;
            }
        }
    }
    Ok(())
}

/// Sends to the notification queue; returns what it has accepted, and how many it has not.
async fn send(queues: &Queues, held: Vec<Held>) -> Result<(Vec<Held>, u64), Error> {
    use aws_sdk_sqs::types::SendMessageBatchRequestEntry as Entry;
    if held.is_empty() {
        return Ok((held, 0));
    }
    let doing = "sending to the notification queue";
    let mut request = queues.client.send_message_batch().queue_url(&queues.queue_url);
    for (index, held) in held.iter().enumerate() {
        let entry = Entry::builder().id(index.to_string()).message_body(&held.body).build();
        request = request.entries(entry.map_err(Error::call(doing))?);
    }
    let answer = request.send().await.map_err(Error::call(doing))?;
    let accepted: Vec<&str> = answer.successful().iter().map(|entry| entry.id()).collect();
    let count = held.len();
    let sent: Vec<Held> = held
        .into_iter()
        .enumerate()
        .filter(|(index, _)| accepted.contains(&index.to_string().as_str()))
        .map(|(_, held)| held)
        .collect();
    let refused = u64::try_from(count - sent.len()).unwrap_or(u64::MAX);
    Ok((sent, refused))
}

fn missing(ids: &[String]) -> Error {
    Error::NotFound {
        what: format!("the message {} (one that somebody else looks at hides for a minute)", ids.join(", ")),
    }
}

impl Choice {
    fn takes(&self, held: &Held) -> bool {
        let dead_letter = matches!(held.kind, Kind::DeadLetter { .. });
        (self.ids.is_empty() || self.ids.contains(&held.message_id)) && (!self.dead_letters || dead_letter)
    }
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Redrive => "redriven",
            Self::Drop => "dropped",
        }
    }
}

impl Moved {
    fn text(&self, work: Work) -> String {
        let mut text = format!("{} {}", self.done, work.name());
        for (reason, count) in &self.left {
            text += &format!("\n{count} left: {reason}");
        }
        if self.not_deleted > 0 {
            text += &format!(
                "\n{} of the redriven are still in the dead-letter queue: redriving them again does no harm",
                self.not_deleted
            );
        }
        text
    }
}

impl Listing {
    fn text(&self, now: Timestamp) -> String {
        if self.messages.is_empty() {
            return "the dead-letter queue is empty".to_owned();
        }
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let cells = |row: &Row| {
            let sent_at = row.sent_at.as_deref().and_then(Timestamp::parse);
            vec![
                row.message_id.clone(),
                sent_at.map_or_else(|| "-".to_owned(), |at| relative(at, now)),
                or_dash(&row.transaction_id),
                or_dash(&row.notification_id),
                if row.can_be_redriven { "yes" } else { "no" }.to_owned(),
                row.reason.clone(),
            ]
        };
        let rows: Vec<_> = self.messages.iter().map(cells).collect();
        let mut text = table(&["message", "sent", "transaction", "notification", "redrive", "what it is"], &rows);
        text += &format!("\n{} messages", rows.len());
        if self.more {
            text += ", and more: raise --limit";
        }
        text
    }
}

impl Row {
    fn of(held: &Held, with_body: bool) -> Self {
        let (transaction_id, notification_id) = held.kind.ids();
        Self {
            message_id: held.message_id.clone(),
            kind: held.kind.name(),
            can_be_redriven: held.kind.can_be_redriven(),
            reason: held.kind.reason(),
            transaction_id,
            notification_id,
            sent_at: held.sent_at.map(|at| at.to_string()),
            body: with_body.then(|| held.body.clone()),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n  {:<14}{}\n", self.message_id, "what it is", self.reason);
        let redrive = if self.can_be_redriven { "yes" } else { "no" };
        let lines = [
            ("redrive", Some(redrive.to_owned())),
            ("transaction", self.transaction_id.clone()),
            ("notification", self.notification_id.clone()),
            ("sent", self.sent_at.clone()),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                text += &format!("  {name:<14}{value}\n");
            }
        }
        text + &format!("\n{}", self.body.as_deref().unwrap_or_default())
    }
}
