//! `spgctl open`: what is open, disputed or needs attention.

use std::time::Duration;

use serde::Serialize;
use spg_domain::{Timestamp, Transaction};
use spg_ledger::Ledger;

use crate::output::{span, table};
use crate::scan::{Rate, scan};
use crate::{Error, Exit, Output};

/// What is listed. Filters are joined by "and"; without any it is all that is open, disputed or needs attention.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub older_than: Option<Duration>,
    pub attention: bool,
    pub disputed: bool,
    pub method: Option<String>,
    pub terminal: Option<String>,
    /// Also what is known of other merchants' terminals only.
    pub other_merchants: bool,
}

impl Filter {
    pub fn lets(&self, transaction: &Transaction, now: Timestamp) -> bool {
        let facts = &transaction.facts;
        let is = |wanted: &Option<String>, found: &Option<spg_domain::ShortText>| {
            wanted.as_ref().is_none_or(|wanted| found.as_ref().is_some_and(|found| found.as_str() == wanted))
        };
        let concern = match (self.attention, self.disputed) {
            (false, false) => {
                !concerns(transaction).is_empty() || (self.other_merchants && transaction.is_other_merchants())
            }
            (attention, disputed) => {
                (!attention || !transaction.attention.is_empty()) && (!disputed || transaction.is_disputed())
            }
        };
        concern
            && is(&self.method, &facts.payment_method)
            && is(&self.terminal, &facts.terminal_id)
            && self.older_than.is_none_or(|age| now.since(transaction.first_seen_at) >= age)
    }
}

/// A line of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(rename = "transactionID")]
    transaction_id: String,
    payment_status: String,
    age_seconds: u64,
    payment_method: Option<String>,
    terminal_id: Option<String>,
    amount: Option<String>,
    next_check_at: Option<String>,
    /// `open`, `disputed` and the reasons for attention.
    concerns: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    transactions: Vec<Row>,
    scanned: u64,
    /// Items that cannot be read, by transactionID.
    unreadable: Vec<String>,
}

/// # Errors
/// The table cannot be read.
pub async fn run(
    ledger: &Ledger,
    filter: &Filter,
    rate: Rate,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let mut matching: Vec<Transaction> = Vec::new();
    let (scanned, unreadable) = scan(ledger, rate, "scanned", |transaction| {
        if filter.lets(&transaction, now) {
            matching.push(transaction);
        }
    })
    .await?;
    matching.sort_by(|a, b| (a.first_seen_at, &a.id).cmp(&(b.first_seen_at, &b.id)));
    let transactions = matching.iter().map(|transaction| Row::of(transaction, now)).collect();
    let found = Found { transactions, scanned, unreadable };
    output.show(&found, || text(&found))?;
    Ok(Exit::Done)
}

fn text(found: &Found) -> String {
    let rows: Vec<_> = found.transactions.iter().map(Row::cells).collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text = table(&["transaction", "status", "age", "method", "terminal", "amount", "next check", "why"], &rows);
        text.push('\n');
    }
    text.push_str(&format!("{} of {} transactions", rows.len(), found.scanned));
    if !found.unreadable.is_empty() {
        text.push_str(&format!("; {} items cannot be read: {}", found.unreadable.len(), found.unreadable.join(", ")));
    }
    text
}

/// Why a transaction is listed; nothing where it is settled.
fn concerns(transaction: &Transaction) -> Vec<&'static str> {
    let closed = transaction.is_closed();
    let open = transaction.is_unsettled() && !transaction.is_disputed() && !closed;
    let (open, disputed) = (open.then_some("open"), (transaction.is_disputed() && !closed).then_some("disputed"));
    let attention = transaction.attention.keys().map(|reason| reason.as_str());
    open.into_iter().chain(disputed).chain(attention).collect()
}

impl Row {
    fn of(transaction: &Transaction, now: Timestamp) -> Self {
        let short_text = |text: &Option<spg_domain::ShortText>| text.as_ref().map(ToString::to_string);
        let mut concerns = concerns(transaction);
        if transaction.is_other_merchants() {
            concerns.insert(0, "otherMerchants");
        }
        Self {
            transaction_id: transaction.id.to_string(),
            payment_status: transaction.status().to_string(),
            age_seconds: now.since(transaction.first_seen_at).as_secs(),
            payment_method: short_text(&transaction.facts.payment_method),
            terminal_id: short_text(&transaction.facts.terminal_id),
            amount: transaction.facts.amount.as_ref().map(ToString::to_string),
            next_check_at: transaction.next_check_at.map(|at| at.to_string()),
            concerns,
        }
    }

    fn cells(&self) -> Vec<String> {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.transaction_id.clone(),
            self.payment_status.clone(),
            span(Duration::from_secs(self.age_seconds)),
            or_dash(&self.payment_method),
            or_dash(&self.terminal_id),
            or_dash(&self.amount),
            or_dash(&self.next_check_at),
            self.concerns.join(", "),
        ]
    }
}
