//! `spgctl transaction`: everything that is stored of one transaction.

use std::fmt::Write as _;

use spg_domain::{Lifecycle, Timestamp, Transaction, TransactionId};
use spg_ledger::Ledger;
use spg_reconcile::Store as _;

use crate::output::relative;
use crate::view::{View, timeline};
use crate::{Error, Exit, Output};

/// # Errors
/// It is not stored, or the table cannot be read.
pub async fn run(ledger: &Ledger, id: &TransactionId, now: Timestamp, output: &mut Output<'_>) -> Result<Exit, Error> {
    let transaction = read(ledger, id).await?;
    let transaction = transaction.ok_or_else(|| Error::NotFound { what: format!("the transaction {id}") })?;
    output.show(&View::of(&transaction), || text(&transaction, now))?;
    Ok(Exit::Done)
}

pub(crate) async fn read(ledger: &Ledger, id: &TransactionId) -> Result<Option<Transaction>, Error> {
    let mut found = ledger.read(std::slice::from_ref(id)).await.map_err(Error::call(format!("reading {id}")))?;
    Ok(found.remove(id))
}

/// What is stored, for a person.
pub fn text(transaction: &Transaction, now: Timestamp) -> String {
    let mut text = format!("{}\n  {:<14}{}\n", transaction.id, "status", summary(transaction));
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name:<14}{value}");
        }
    };
    let facts = &transaction.facts;
    let short_text = |text: &Option<spg_domain::ShortText>| text.as_ref().map(ToString::to_string);
    line("order", short_text(&facts.merchant_transaction_id));
    line("terminal", short_text(&facts.terminal_id));
    let of_what =
        [short_text(&facts.payment_method), short_text(&facts.payment_type)].into_iter().flatten().collect::<Vec<_>>();
    line("method, type", (!of_what.is_empty()).then(|| of_what.join(", ")));
    line("amount", facts.amount.as_ref().map(ToString::to_string));
    line("reference", facts.reference_status.map(|status| status.as_str().to_owned()));
    let moment = |at: Timestamp| format!("{at} ({})", relative(at, now));
    line("first seen", Some(moment(transaction.first_seen_at)));
    line("confirmed", transaction.confirmed_at().map(moment));
    line("next check", Some(next_check(transaction, now)));
    let reasons: Vec<_> = transaction.attention.keys().map(|reason| reason.as_str()).collect();
    line(
        "attention",
        (!reasons.is_empty()).then(|| format!("{}: look at it, then `spgctl resolve`", reasons.join(", "))),
    );
    line("kept until", transaction.expires_at.map(moment));
    line("version", Some(transaction.version.to_string()));
    line("sequence", Some(transaction.sequence).filter(|sequence| *sequence > 0).map(|sequence| sequence.to_string()));
    text.push_str("\ntimeline\n");
    for entry in timeline(transaction) {
        let version = entry.version.map(|version| format!("v{version}")).unwrap_or_default();
        let _ = writeln!(text, "  {}  {version:<4} {:<13} {}", entry.at, entry.what, entry.text);
    }
    text
}

/// The status with what it means.
pub fn summary(transaction: &Transaction) -> String {
    let mut text = transaction.status().to_string();
    text.push_str(match &transaction.lifecycle {
        Lifecycle::OtherMerchants(_) => ", of another merchant's terminal: never queried",
        Lifecycle::Open(_) if transaction.is_closed() => ", closed by a person; never confirmed",
        Lifecycle::Open(_) => ", open: no status answer has made it final",
        Lifecycle::Final(_) if transaction.paid() => ", paid",
        Lifecycle::Final(_) => ", not paid",
    });
    if let Some(dispute) = transaction.lifecycle.as_final().and_then(|is| is.dispute.as_ref()) {
        let claims: Vec<_> = dispute.claims.keys().map(|status| status.as_str()).collect();
        let _ = write!(text, ", disputed: {} is claimed", claims.join(" and "));
    }
    text
}

fn next_check(transaction: &Transaction, now: Timestamp) -> String {
    match transaction.next_check_at {
        Some(at) if at <= now => format!("{at} (due for {})", crate::output::span(now.since(at))),
        Some(at) => format!("{at} ({})", relative(at, now)),
        None => "none: nothing is left to ask".to_owned(),
    }
}
