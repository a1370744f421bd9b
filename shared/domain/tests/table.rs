//! The whole decision as one table: every kind of state against every kind of evidence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may give up loudly"
)]

mod support;

use std::fmt::Write as _;
use std::time::Duration;

use spg_domain::{Amount, Evidence, NoAnswerKind, ReferenceStatus, TransactionId};
use support::{Ledger, answer, id, no_answer, notification, notify, reference, register, short_text, status_answer};

#[test]
fn every_state_against_every_evidence() {
    let mut table = String::new();
    for (state, ledger) in states() {
        writeln!(table, "\n{state}").unwrap();
        for (name, evidence) in evidence(ledger.version()) {
            let cell = cell(ledger.clone(), &evidence);
            writeln!(table, "  {name:<42} {cell}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// What the evidence does, ten seconds after the state was made.
fn cell(mut ledger: Ledger, evidence: &Evidence) -> String {
    ledger.wait(Duration::from_secs(10));
    let published = ledger.published();
    let writes = ledger.writes.len();
    let disposition = ledger.apply(evidence);
    if ledger.writes.len() == writes {
        return format!("{disposition:?}, nothing written");
    }
    let transaction = ledger.transaction();
    let due = match transaction.next_check_at {
        None => "never".to_owned(),
        Some(at) if at <= ledger.now => "now".to_owned(),
        Some(at) => about(at.since(ledger.now)),
    };
    let mut text = format!("{disposition:?}: {}, {:?}, due {due}", transaction.status(), transaction.change);
    if transaction.is_disputed() {
        text.push_str(", disputed");
    }
    if ledger.published() > published {
        let published = transaction.published.as_ref().unwrap();
        let reason = published.reason.as_deref().unwrap_or("no reason");
        write!(text, ", published ({reason}, {})", if published.paid { "paid" } else { "not paid" }).unwrap();
    }
    text
}

/// The jitter takes up to a tenth off: said in round figures.
fn about(delay: Duration) -> String {
    let rounded = delay.as_secs() + delay.as_secs() / 10;
    match rounded {
        0..60 => format!("in ~{}s", rounded / 5 * 5 + 5),
        60..3600 => format!("in ~{}min", rounded / 60),
        _ => format!("in ~{}h", rounded / 3600),
    }
}

fn states() -> Vec<(&'static str, Ledger)> {
    let first = |status: &str| notify(notification("n-first", status));
    let finalised = |status: &str| Ledger::after([first("Pending"), answer(status, 1)]);
    let mut untyped = notification("n-first", "Pending");
    untyped.facts.payment_type = None;
    let mut untyped_answer = status_answer("Success");
    untyped_answer.facts.payment_type = None;
    let mut other_merchants = Ledger::new();
    other_merchants.rules.terminal_ids = Some(["77".to_owned()].into());
    other_merchants.apply(&first("Pending"));
    vec![
        ("nothing stored", Ledger::new()),
        ("Partial, a status that C.4 does not know", Ledger::after([first("Partial")])),
        ("Pending", Ledger::after([first("Pending")])),
        ("Pending, Success claimed", Ledger::after([first("Success")])),
        ("InProcessing", Ledger::after([first("InProcessing")])),
        ("InProcessing, said by the Status API", Ledger::after([first("Pending"), answer("InProcessing", 1)])),
        ("Success", finalised("Success")),
        ("Declined", finalised("Declined")),
        ("Error", finalised("Error")),
        ("Timeout", finalised("Timeout")),
        (
            "Success, disputed because Declined is claimed",
            Ledger::after([first("Pending"), answer("Success", 1), notify(notification("n-second", "Declined"))]),
        ),
        (
            "Success of an unknown paymentType",
            Ledger::after([notify(untyped), Evidence::Answer { answer: untyped_answer, queried_version: 1 }]),
        ),
        ("Pending, only of another merchant's terminal", other_merchants),
    ]
}

fn evidence(version: u64) -> Vec<(String, Evidence)> {
    const STATUSES: [&str; 7] = ["Partial", "Pending", "InProcessing", "Success", "Declined", "Error", "Timeout"];
    let fresh = |status: &str| notification("n-fresh", status);
    let mut all = vec![
        ("registration without a status".to_owned(), register(None)),
        ("registration says Pending".to_owned(), register(Some("Pending"))),
        ("registration says Success".to_owned(), register(Some("Success"))),
    ];
    for status in STATUSES {
        all.push((format!("notification says {status}"), notify(fresh(status))));
    }
    let mut silent = fresh("Success");
    silent.payment_status = None;
    let mut dearer = fresh("Success");
    dearer.facts.amount = Some(Amount::parse("20", "EUR").unwrap());
    let mut same_id = dearer.clone();
    same_id.notification_id = notification("n-first", "Pending").notification_id;
    let mut elsewhere = fresh("Success");
    elsewhere.facts.terminal_id = short_text("99");
    all.extend([
        ("notification without a status".to_owned(), notify(silent)),
        (
            "notification of an unpaid reference".to_owned(),
            notify(reference(fresh("Success"), ReferenceStatus::Unpaid)),
        ),
        ("notification of a paid reference".to_owned(), notify(reference(fresh("Success"), ReferenceStatus::Paid))),
        ("notification with another amount".to_owned(), notify(dearer)),
        ("the first notificationID with other content".to_owned(), notify(same_id)),
        ("notification of terminal 99".to_owned(), notify(elsewhere)),
    ]);
    for status in STATUSES {
        all.push((format!("answer {status}"), answer(status, version)));
    }
    let mut other_amount = status_answer("Success");
    other_amount.facts.amount = Some(Amount::parse("20", "EUR").unwrap());
    let mut other_currency = status_answer("Declined");
    other_currency.facts.amount = Some(Amount::parse("15.90", "USD").unwrap());
    let mut other_transaction = status_answer("Success");
    other_transaction.transaction_id = Some(TransactionId::new("t-2").unwrap());
    let mut unpaid = status_answer("Success");
    unpaid.facts.reference_status = Some(ReferenceStatus::Unpaid);
    let mut cancelled = status_answer("Success");
    cancelled.facts.payment_type = short_text("CANC");
    let said = |answer| Evidence::Answer { answer, queried_version: version };
    all.extend([
        ("answer Success of an unpaid reference".to_owned(), said(unpaid)),
        ("answer Success of type CANC".to_owned(), said(cancelled)),
        ("answer Success with another amount".to_owned(), said(other_amount)),
        ("answer Declined with another currency".to_owned(), said(other_currency)),
        (format!("answer about another transaction than {}", id()), said(other_transaction)),
        ("answer Timeout to an older query".to_owned(), answer("Timeout", version.saturating_sub(1))),
        ("no answer: not found".to_owned(), no_answer(NoAnswerKind::NotFound)),
        ("no answer: credentials refused".to_owned(), no_answer(NoAnswerKind::Unauthorised)),
        ("no answer: all is down".to_owned(), no_answer(NoAnswerKind::Outage)),
        ("no answer: only this one".to_owned(), no_answer(NoAnswerKind::Unavailable)),
    ]);
    all
}
