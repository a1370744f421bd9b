//! The Status API: the truth, late, sometimes old, and not always.

use std::time::Duration;

use spg_domain::{
    Amount, Facts, FinalStatus, NoAnswerKind, PaymentStatus, ReferenceStatus, Reply, ShortText, StatusAnswer,
    TransactionId,
};
use spg_reconcile::{StatusApi, StatusQuery};

use crate::crash::Effect;
use crate::moment::{HOUR, MINUTE, SECOND};
use crate::oracle::Said;
use crate::spec::{Kind, Moment, Part, Payment};
use crate::world::{Handle, State};

/// The oldest that a stale answer is.
const STALE_MAX: u64 = 10 * MINUTE;

/// The Status API as a process reaches it.
#[derive(Clone)]
pub(crate) struct SimApi(pub Handle);

impl StatusApi for SimApi {
    async fn query(&self, query: &StatusQuery) -> Reply {
        let (queried, latency) = self.0.lock().queried(self.0.process, &query.transaction_id);
        let timeout = millis(query.timeout);
        if latency >= timeout {
            self.0.pause(timeout, None).await;
            self.0.lock().say_of(self.0.process, || format!("no status of {} in time", query.transaction_id));
            return silent(NoAnswerKind::Unavailable, None, "timed out");
        }
        self.0.pause(latency / 2, None).await;
        let reply = self.0.effect(Effect::Query, |state| state.status(&query.transaction_id)).await;
        // The answer is in flight: a later one may be stored first.
        self.0.pause(latency - latency / 2, None).await;
        self.0.lock().status_answered(self.0.process, queried, &query.transaction_id, &reply);
        reply
    }
}

impl State {
    fn queried(&mut self, process: u64, id: &TransactionId) -> (u64, u64) {
        if let Some(calls) = self.calls(process) {
            *calls.queries.entry(id.to_string()).or_default() += 1;
        }
        self.say_of(process, || format!("queries {id}"));
        let latency =
            if self.fault(|f| f.api_slow) { self.rng.between(SECOND, 40 * SECOND) } else { self.rng.between(20, 400) };
        (self.oracle.now(), latency)
    }

    fn status(&mut self, id: &TransactionId) -> Reply {
        if self.is_out(Part::StatusApi) || self.fault(|f| f.api_fails) {
            return silent(NoAnswerKind::Unavailable, Some(503), "server error");
        }
        if self.fault(|f| f.api_limits) {
            let wait = *self.rng.pick(&[SECOND, 30 * SECOND, MINUTE, HOUR]);
            let mut reply = silent(NoAnswerKind::RateLimited, Some(429), "rate limited");
            reply.retry_after = Some(Duration::from_millis(wait));
            return reply;
        }
        if self.fault(|f| f.api_refuses) {
            return silent(NoAnswerKind::Unauthorised, Some(401), "token refused");
        }
        if self.fault(|f| f.api_garbage) {
            return silent(NoAnswerKind::Unavailable, None, "not JSON");
        }
        let stale = if self.fault(|f| f.api_stale) { self.rng.below(STALE_MAX) } else { 0 };
        let as_of = self.now - stale;
        let hidden = self.fault(|f| f.api_not_found);
        let spec = self.spec.clone();
        let payment = spec.payments.iter().find(|p| p.id == id.as_str());
        match payment.filter(|p| p.known_from <= as_of && !hidden) {
            Some(payment) => Reply {
                result: Ok(answer(payment, payment.shown(as_of))),
                http_status: None,
                return_code: None,
                retry_after: None,
                problem: None,
            },
            None => silent(NoAnswerKind::NotFound, Some(404), "not found"),
        }
    }

    fn status_answered(&mut self, process: u64, queried: u64, id: &TransactionId, reply: &Reply) {
        match &reply.result {
            Ok(answer) => {
                let said = said(answer, queried);
                self.say_of(process, || format!("hears that {id} is {}", answer.payment_status));
                self.oracle.answered(id, said);
            }
            Err(kind) => self.say_of(process, || format!("hears nothing of {id}: {kind:?} {:?}", reply.retry_after)),
        }
    }
}

/// What an answer means, read without the product's rules: SPG's words alone.
pub(crate) fn said(answer: &StatusAnswer, queried: u64) -> Said {
    let facts = &answer.facts;
    let paying = facts.payment_type.as_ref().is_some_and(|t| matches!(t.as_str(), "PURS" | "PREF"));
    let unpaid = facts.reference_status == Some(ReferenceStatus::Unpaid);
    let success = answer.payment_status.as_final() == Some(FinalStatus::Success);
    let waits = success && unpaid && paying;
    Said {
        queried,
        is: answer.payment_status.as_final().filter(|_| !waits),
        pays: success && paying && !unpaid,
        amount: facts.amount.clone(),
    }
}

impl Payment {
    /// What the Status API shows at a moment.
    pub fn shown(&self, at: u64) -> &Moment {
        self.life.iter().rfind(|m| m.shown_at <= at).unwrap_or(&self.life[0])
    }

    pub fn method(&self) -> &'static str {
        match self.kind {
            Kind::MbWay => "MBWAY",
            Kind::Card | Kind::Authorisation | Kind::Cancellation => "CARD",
            Kind::Reference => "REFERENCE",
        }
    }

    pub fn amount(&self, of_the_api: bool) -> String {
        let cents = if of_the_api && self.mismatch { self.cents + 1 } else { self.cents };
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

fn answer(payment: &Payment, moment: &Moment) -> StatusAnswer {
    let short_text = |text: &str| ShortText::new(text).ok();
    StatusAnswer {
        payment_status: PaymentStatus::parse(moment.status).unwrap_or(PaymentStatus::PENDING),
        transaction_id: TransactionId::new(payment.id.as_str()).ok(),
        facts: Facts {
            merchant_transaction_id: short_text(&format!("order-{}", payment.id)),
            terminal_id: short_text(payment.terminal),
            payment_method: short_text(payment.method()),
            payment_type: short_text(moment.payment_type),
            amount: Amount::parse(&payment.amount(true), "EUR").ok(),
            reference_status: moment
                .reference_paid
                .map(|paid| if paid { ReferenceStatus::Paid } else { ReferenceStatus::Unpaid }),
            transaction_date_time: None,
        },
    }
}

fn silent(kind: NoAnswerKind, http_status: Option<u16>, problem: &'static str) -> Reply {
    Reply { http_status, ..Reply::none(kind, problem) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
