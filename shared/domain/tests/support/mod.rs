//! Builders for transactions and evidence.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input must fail")]

use std::time::Duration;

use spg_domain::{
    Amount, Decision, Disposition, Evidence, Facts, Final, FinalStatus, NoAnswer, NoAnswerKind, Notification,
    NotificationId, PaymentStatus, ReferenceStatus, Registration, Rules, ShortText, StatusAnswer, Timestamp,
    Transaction, TransactionId, Write,
};

pub const START: u64 = 1_780_000_000_000;

pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

pub fn id() -> TransactionId {
    TransactionId::new("t-1").unwrap()
}

pub fn short_text(text: &str) -> Option<ShortText> {
    Some(ShortText::new(text).unwrap())
}

pub fn status(text: &str) -> PaymentStatus {
    PaymentStatus::parse(text).unwrap()
}

pub fn facts() -> Facts {
    Facts {
        amount: Some(Amount::parse("15.9", "EUR").unwrap()),
        payment_method: short_text("MBWAY"),
        payment_type: short_text("PURS"),
        terminal_id: short_text("1562569"),
        ..Facts::default()
    }
}

pub fn notification(notification_id: &str, payment_status: &str) -> Notification {
    Notification {
        notification_id: NotificationId::new(notification_id).unwrap(),
        payment_status: Some(status(payment_status)),
        facts: facts(),
        return_code: None,
    }
}

pub fn notify(notification: Notification) -> Evidence {
    Evidence::Notification { notification, received_at: at(0) }
}

pub fn reference(mut notification: Notification, reference_status: ReferenceStatus) -> Notification {
    notification.facts.payment_method = short_text("REFERENCE");
    notification.facts.reference_status = Some(reference_status);
    notification
}

pub fn register(payment_status: Option<&str>) -> Evidence {
    let registration = Registration { payment_status: payment_status.map(status), facts: facts() };
    Evidence::Registration { registration, received_at: at(0) }
}

pub fn status_answer(payment_status: &str) -> StatusAnswer {
    StatusAnswer { payment_status: status(payment_status), transaction_id: Some(id()), facts: facts() }
}

pub fn answer(payment_status: &str, queried_version: u64) -> Evidence {
    Evidence::Answer { answer: status_answer(payment_status), queried_version }
}

pub fn no_answer(kind: NoAnswerKind) -> Evidence {
    Evidence::NoAnswer(NoAnswer { kind, retry_after: None })
}

/// A store of one transaction: decides, writes, keeps.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub rules: Rules,
    pub stored: Option<Transaction>,
    pub writes: Vec<Write>,
    pub now: Timestamp,
}

impl Ledger {
    pub fn new() -> Self {
        Self { rules: Rules::default(), stored: None, writes: Vec::new(), now: at(0) }
    }

    /// After some evidence, each in a write of its own.
    pub fn after(evidence: impl IntoIterator<Item = Evidence>) -> Self {
        let mut ledger = Self::new();
        for piece in evidence {
            ledger.apply(&piece);
        }
        ledger
    }

    pub fn apply(&mut self, evidence: &Evidence) -> Disposition {
        self.apply_all(std::slice::from_ref(evidence))[0]
    }

    /// Several pieces in one write.
    pub fn apply_all(&mut self, evidence: &[Evidence]) -> Vec<Disposition> {
        let mut decision = Decision::new(id(), self.stored.clone(), &self.rules);
        let dispositions = evidence.iter().map(|piece| decision.apply(piece, self.now)).collect();
        if let Some(write) = decision.into_write() {
            self.stored = Some(write.transaction.clone());
            self.writes.push(write);
        }
        dispositions
    }

    pub fn answer(&mut self, payment_status: &str) -> Disposition {
        self.apply(&answer(payment_status, self.version()))
    }

    pub fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
    }

    pub fn transaction(&self) -> &Transaction {
        self.stored.as_ref().unwrap()
    }

    pub fn version(&self) -> u64 {
        self.stored.as_ref().map_or(0, |t| t.version)
    }

    /// How many changes were published.
    pub fn published(&self) -> usize {
        self.writes.iter().filter(|write| write.transaction.change.is_published()).count()
    }

    /// The final state, of a transaction that has one.
    pub fn as_final(&self) -> &Final {
        self.transaction().lifecycle.as_final().unwrap()
    }

    pub fn claims(&self) -> Vec<FinalStatus> {
        self.transaction().lifecycle.claims().into_iter().flat_map(|claims| claims.keys().copied()).collect()
    }

    pub fn last_write(&self) -> &Write {
        self.writes.last().unwrap()
    }
}
