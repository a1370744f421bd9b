//! Fuzz targets: one for each way in. Each takes any bytes, and panics when something does not hold that always must.
//!
//! A target is an ordinary function, so that the same code runs under libFuzzer (`cargo xtask fuzz`, in the folder `fuzz`) and, over
//! the kept corpora and seeded mutations of them, in every `cargo xtask test`.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a target panics on purpose: that is how it reports")]

mod amounts;
mod answer;
mod decision;
mod envelope;
mod http_event;
mod input;
mod message;
mod payload;
mod stream;

pub use answer::status_answer;
pub use envelope::envelope;
pub use http_event::http_event;
pub use message::queue_message;
pub use payload::payload;
pub use stream::stream_record;

/// A target by its name: that of its corpus and of its program.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 6] = [
    Target { name: "envelope", run: envelope },
    Target { name: "payload", run: payload },
    Target { name: "queue_message", run: queue_message },
    Target { name: "stream_record", run: stream_record },
    Target { name: "status_answer", run: status_answer },
    Target { name: "http_event", run: http_event },
];
