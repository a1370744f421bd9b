//! Payments by MB WAY, as the real rules make them.

use spg_domain::{
    Amount, Decision, Evidence, Facts, NoAnswer, NoAnswerKind, Notification, NotificationId, PaymentStatus, Rules,
    ShortText, StatusAnswer, Timestamp, Transaction, TransactionId,
};

/// The n-th payment's id, of SPG's length and alphabet; payments of different series never share one.
pub fn id(series: char, n: u64) -> TransactionId {
    // An odd multiplier walks through all numbers of 64 bits: neighbours look unrelated, and none comes twice.
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    #[expect(clippy::expect_used, reason = "18 plain characters")]
    TransactionId::new(format!("{series}{mixed:017x}")).expect("a valid id")
}

/// What everybody says of such a payment.
pub fn facts() -> Facts {
    let short_text = |text: &str| ShortText::new(text).ok();
    Facts {
        merchant_transaction_id: short_text("Order 2026-03-12/000482"),
        terminal_id: short_text("50994"),
        payment_method: short_text("MBWAY"),
        payment_type: short_text("PURS"),
        amount: Amount::parse("15.90", "EUR").ok(),
        reference_status: None,
        transaction_date_time: None,
    }
}

/// A webhook that says so.
pub fn claims_success(id: &TransactionId, received_at: Timestamp) -> Evidence {
    #[expect(clippy::expect_used, reason = "fixed characters")]
    let notification = Notification {
        notification_id: NotificationId::new(format!("{id}-8f14e45f")).expect("a valid id"),
        payment_status: PaymentStatus::parse("Success").ok(),
        facts: facts(),
        return_code: ShortText::new("000").ok(),
    };
    Evidence::Notification { notification, received_at }
}

/// What the Status API answers about it.
pub fn success(id: &TransactionId) -> StatusAnswer {
    #[expect(clippy::expect_used, reason = "one of the six states")]
    let payment_status = PaymentStatus::parse("Success").expect("a status");
    StatusAnswer { payment_status, transaction_id: Some(id.clone()), facts: facts() }
}

/// As it is stored after a webhook that came while the Status API was away.
pub fn unconfirmed(id: &TransactionId, seen_at: Timestamp) -> Transaction {
    let no_answer = NoAnswer { kind: NoAnswerKind::Outage, retry_after: None };
    stored(id, None, &[claims_success(id, seen_at), Evidence::NoAnswer(no_answer)], seen_at)
}

/// As it is stored after a webhook and its confirmation.
pub fn confirmed(id: &TransactionId, seen_at: Timestamp) -> Transaction {
    let answer = Evidence::Answer { answer: success(id), queried_version: 0 };
    stored(id, None, &[claims_success(id, seen_at), answer], seen_at)
}

/// As it is stored when it was queried once more a day later, too: nothing is due any more.
pub fn rechecked(id: &TransactionId, seen_at: Timestamp) -> Transaction {
    let confirmed = confirmed(id, seen_at);
    let again = confirmed.next_check_at.unwrap_or(seen_at);
    let answer = Evidence::Answer { answer: success(id), queried_version: confirmed.version };
    stored(id, Some(confirmed), &[answer], again)
}

fn stored(id: &TransactionId, before: Option<Transaction>, evidence: &[Evidence], now: Timestamp) -> Transaction {
    let rules = Rules::default();
    let mut decision = Decision::new(id.clone(), before, &rules);
    for piece in evidence {
        decision.apply(piece, now);
    }
    #[expect(clippy::expect_used, reason = "each of these changes something")]
    decision.into_write().expect("a write").transaction
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn payments_are_as_their_names_say() {
        let (id, now) = (id('a', 7), Timestamp::from_millis(1_780_000_000_000));
        assert_eq!(unconfirmed(&id, now).status().as_str(), "Pending");
        assert!(unconfirmed(&id, now).next_check_at.is_some());
        assert_eq!(confirmed(&id, now).status().as_str(), "Success");
        assert!(confirmed(&id, now).next_check_at.is_some_and(|at| at.since(now).as_secs() > 20 * 3600));
        assert_eq!((rechecked(&id, now).next_check_at, rechecked(&id, now).version), (None, 2));
    }

    #[test]
    fn no_id_comes_twice() {
        let ids: BTreeSet<_> = (0..10_000).map(|n| id('a', n)).chain((0..10_000).map(|n| id('b', n))).collect();
        assert_eq!(ids.len(), 20_000);
    }
}
