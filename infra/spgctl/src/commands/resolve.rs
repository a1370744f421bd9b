//! `spgctl resolve`: a person has looked at what needed attention.

use serde::Serialize;
use spg_domain::{AttentionReason, Note, Rules, Timestamp, TransactionId, Write, resolve};
use spg_reconcile::{Store, Written};

use crate::{Error, Exit, Output};

/// Lost races before it is given up: somebody writes this transaction all the time.
const ATTEMPTS_MAX: u32 = 6;

#[derive(Debug, Clone)]
pub struct Arguments {
    pub id: TransactionId,
    pub note: Note,
    /// Only this reason, by its name.
    pub only: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resolved {
    #[serde(rename = "transactionID")]
    transaction_id: String,
    payment_status: String,
    ended: Vec<&'static str>,
    left: Vec<&'static str>,
    /// It was open or disputed with its checks over, and is closed now.
    closed: bool,
    next_check_at: Option<String>,
}

/// # Errors
/// It is not stored, needs no attention, or cannot be written.
pub async fn run<S: Store>(
    store: &S,
    rules: &Rules,
    arguments: &Arguments,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let id = &arguments.id;
    let only = arguments.only.as_deref().map(reason).transpose()?;
    let mut found = store.read(std::slice::from_ref(id)).await.map_err(Error::call(format!("reading {id}")))?;
    let mut stored = found.remove(id);
    for _ in 0..ATTEMPTS_MAX {
        let transaction = stored.take().ok_or_else(|| Error::NotFound { what: format!("the transaction {id}") })?;
        let before: Vec<AttentionReason> = transaction.attention.keys().copied().collect();
        let Some(write) = resolve(transaction, only, &arguments.note, rules, now) else {
            return Err(Error::Refused(nothing_to_end(id, &before)));
        };
        match store.write(&write).await.map_err(Error::call(format!("writing {id}")))? {
            Written::Done => {
                let resolved = Resolved::of(&before, &write);
                output.show(&resolved, || resolved.text())?;
                return Ok(Exit::Done);
            }
            // What is stored now may need other attention: it is decided anew.
            Written::Lost(now_stored) => stored = now_stored.map(|it| *it),
        }
    }
    Err(Error::Refused(format!("{id} is being written all the time: try again")))
}

fn reason(name: &str) -> Result<AttentionReason, Error> {
    serde_json::from_value(name.into()).map_err(|error| Error::input("--only", error))
}

fn nothing_to_end(id: &TransactionId, reasons: &[AttentionReason]) -> String {
    let reasons: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
    match reasons.as_slice() {
        [] => format!("{id} needs no attention: there is nothing to resolve"),
        some => format!("{id} needs attention for other reasons: {}", some.join(", ")),
    }
}

impl Resolved {
    fn of(before: &[AttentionReason], write: &Write) -> Self {
        let transaction = &write.transaction;
        let ended = before.iter().filter(|reason| !transaction.attention.contains_key(reason));
        Self {
            transaction_id: transaction.id.to_string(),
            payment_status: transaction.status().to_string(),
            ended: ended.map(|reason| reason.as_str()).collect(),
            left: transaction.attention.keys().map(|reason| reason.as_str()).collect(),
            closed: transaction.is_closed(),
            next_check_at: transaction.next_check_at.map(|at| at.to_string()),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}: {} is resolved", self.transaction_id, self.ended.join(", "));
        if !self.left.is_empty() {
            text += &format!("; {} still needs attention", self.left.join(", "));
        }
        match (&self.next_check_at, self.closed) {
            (Some(at), _) => text += &format!("\nit is {} and is queried next at {at}", self.payment_status),
            (None, true) => {
                text += &format!(
                    "\nits checks have ended: it is closed as {}, and expires like a final one",
                    self.payment_status
                );
            }
            (None, false) => text += &format!("\nit is {}, and nothing is left to ask", self.payment_status),
        }
        text
    }
}
