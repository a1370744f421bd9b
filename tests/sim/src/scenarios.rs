//! Small lives without any fault of chance, for the tests that end a process at each effect and run each step twice.

use std::time::Duration;

use crate::crash::Crash;
use crate::moment::{DAY, HOUR, MINUTE, SECOND, START};
use crate::run::{Options, Report, run};
use crate::spec::{Faults, Kind, Moment, Payment, Spec};

/// A life with its name.
pub struct Scenario {
    pub name: &'static str,
    pub spec: Spec,
}

/// What a scenario's crashes came to.
#[derive(Debug, Default)]
pub struct Tried {
    /// Effects of the undisturbed run.
    pub effects: usize,
    /// Invocations of the undisturbed run.
    pub invocations: u64,
    /// Effects at which a process was ended, before and after.
    pub ended_at: usize,
    /// Invocations that were given their input twice.
    pub repeated: usize,
    /// Runs with a process ended, or a step repeated.
    pub runs: usize,
    /// What did not hold, and where.
    pub failures: Vec<String>,
}

impl Scenario {
    /// Ends the process before and after each effect, and gives each invocation its input twice.
    pub fn try_everywhere(&self) -> Tried {
        let undisturbed = self.run(Crash::default());
        let mut tried =
            Tried { effects: undisturbed.effects.len(), invocations: undisturbed.invocations, ..Tried::default() };
        tried.take(self.name, "undisturbed", &undisturbed);
        let stride = undisturbed.effects.len().div_ceil(EFFECTS_MAX).max(1);
        for (number, effect) in undisturbed.effects.iter().enumerate().step_by(stride) {
            tried.ended_at += 1;
            for after in [false, true] {
                let report = self.run(Crash::at_effect(number, after));
                let side = if after { "after" } else { "before" };
                tried.take(self.name, &format!("ended {side} effect {number}, {effect:?}"), &report);
            }
        }
        let stride = undisturbed.invocations.div_ceil(EFFECTS_MAX as u64).max(1);
        for invocation in (1..=undisturbed.invocations).step_by(usize::try_from(stride).unwrap_or(1)) {
            tried.repeated += 1;
            let report = self.run(Crash::repeating(invocation));
            tried.take(self.name, &format!("invocation {invocation} given twice"), &report);
        }
        tried
    }

    fn run(&self, crash: Crash) -> Report {
        run(&self.spec, &Options { crash, ..Options::default() })
    }
}

impl Tried {
    fn take(&mut self, name: &str, what: &str, report: &Report) {
        self.runs += 1;
        if let Some(violation) = &report.violation {
            self.failures.push(format!("{name}, {what}: {}: {}", violation.invariant, violation.text));
        }
    }
}

/// Effects of one scenario at which a process is ended, before and after; of more, every so many are taken.
const EFFECTS_MAX: usize = 100;

/// All of them.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("MB WAY, approved", purchase(Kind::MbWay, "Success")),
        scenario("MB WAY, declined, the webhooks lost", lost(purchase(Kind::MbWay, "Declined"))),
        scenario("card with 3-D Secure, the answer lags", lagging(purchase(Kind::Card, "Success"))),
        scenario("each webhook three times", thrice(purchase(Kind::Card, "Timeout"))),
        scenario("the final webhook first", swapped(purchase(Kind::Card, "Success"))),
        scenario("declined after authorisation", declined_later(purchase(Kind::MbWay, "Success"), true)),
        scenario(
            "declined after authorisation, the webhook lost",
            declined_later(purchase(Kind::MbWay, "Success"), false),
        ),
        scenario("Multibanco reference, paid a day later", reference()),
        scenario("an old Success after Declined", old_success()),
        scenario("another amount at SPG", Payment { mismatch: true, ..purchase(Kind::Card, "Success") }),
        scenario("one notificationID with two contents", conflicting(purchase(Kind::MbWay, "Success"))),
    ]
}

fn scenario(name: &'static str, payment: Payment) -> Scenario {
    let spec = Spec {
        seed: 1,
        payments: vec![payment],
        faults: Faults::default(),
        outages: Vec::new(),
        calm_at: START,
        skew_max: 0,
        deploy: None,
        rotation_at: None,
        recheck_success_after: Some(Duration::from_millis(DAY)),
        retention: Duration::from_millis(400 * DAY),
        own_terminals: false,
        until_expiry: false,
        through_items: true,
    };
    Scenario { name, spec }
}

fn purchase(kind: Kind, ending: &'static str) -> Payment {
    let life = vec![moment(0, "Pending", "PURS"), moment(MINUTE, ending, "PURS")];
    payment(kind, life)
}

fn payment(kind: Kind, life: Vec<Moment>) -> Payment {
    Payment {
        kind,
        id: "s2bfw1g1P1siCSUjVPP8".to_owned(),
        terminal: "1",
        cents: 1590,
        mismatch: false,
        registered_at: Some(START + 100),
        known_from: START,
        life,
        forgeries: Vec::new(),
    }
}

fn moment(after: u64, status: &'static str, payment_type: &'static str) -> Moment {
    let at = START + after;
    Moment { at, status, payment_type, reference_paid: None, shown_at: at, sent_at: vec![at + 200], conflicting: false }
}

fn lost(mut payment: Payment) -> Payment {
    payment.life.iter_mut().for_each(|m| m.sent_at.clear());
    payment
}

fn lagging(mut payment: Payment) -> Payment {
    payment.life[1].shown_at += 90 * SECOND;
    payment
}

fn thrice(mut payment: Payment) -> Payment {
    for moment in &mut payment.life {
        let first = moment.sent_at[0];
        moment.sent_at = vec![first, first + 5, first + 2 * DAY];
    }
    payment
}

fn swapped(mut payment: Payment) -> Payment {
    payment.life[0].sent_at = vec![payment.life[1].at + MINUTE];
    payment
}

fn declined_later(mut payment: Payment, told: bool) -> Payment {
    let mut decline = moment(3 * HOUR, "Declined", "PURS");
    if !told {
        decline.sent_at.clear();
    }
    payment.life.push(decline);
    payment
}

fn reference() -> Payment {
    let generated = Moment { reference_paid: Some(false), ..moment(0, "Success", "PURS") };
    let paid = Moment { reference_paid: Some(true), ..moment(DAY, "Success", "PURS") };
    payment(Kind::Reference, vec![generated, paid])
}

fn old_success() -> Payment {
    let mut payment = declined_later(purchase(Kind::Card, "Success"), true);
    payment.life[1].sent_at = vec![START + 5 * HOUR];
    payment
}

fn conflicting(mut payment: Payment) -> Payment {
    let first = payment.life[1].sent_at[0];
    payment.life[1].sent_at = vec![first, first + 30 * SECOND];
    payment.life[1].conflicting = true;
    payment
}
