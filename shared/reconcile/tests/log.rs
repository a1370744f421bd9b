//! What a sweep logs of its queries: one line for each, by which a transaction is found.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use spg_domain::NoAnswerKind;
use support::Said;
use support::timed::{open, sweep, timed_reconciler};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

type Line = BTreeMap<&'static str, String>;

/// Keeps every line.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(Line::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields(Line);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn each_query_of_a_sweep_has_its_line() {
    let reconciler = timed_reconciler();
    open(&reconciler, "paid", 0, 250, [Said::Status("Success")]).await;
    let known_later = [Said::Silent(NoAnswerKind::NotFound), Said::Status("Declined")];
    open(&reconciler, "unknown", 0, 400, known_later).await;
    let lines = Lines::default();
    let guard = tracing::subscriber::set_default(lines.clone());
    sweep(&reconciler, 16).await;
    drop(guard);

    let line = |id: &str, answered: &str, answer: &str, millis: &str| {
        Line::from(
            [
                ("message", "status answer"),
                ("transactionID", id),
                ("answered", answered),
                ("answer", answer),
                ("queryMs", millis),
            ]
            .map(|(name, value)| (name, value.to_owned())),
        )
    };
    let expected = [
        line("paid", "Success", "Finalised", "250"),
        line("unknown", "not found", "Unanswered", "400"),
        line("unknown", "Declined", "Finalised", "400"),
    ];
    assert_eq!(*lines.0.lock().unwrap(), expected);
}
