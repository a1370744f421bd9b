//! The scenarios of a payment's life, played against the real system on one machine and judged by what is stored,
//! published, asked and answered.
//!
//! A simulated SPG runs in this process. What is stored is read from the table, what is published from a queue behind
//! the event bus, what is asked from the simulator: none of it by the code that is being shown.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "shows people what it does")]

mod audit;
mod check;
mod clients;
mod inbox;
mod item;
mod keep;
mod outcomes;
mod report;
mod run;
mod scenario;
mod scenarios;
mod scene;
mod stage;
mod table;

pub use check::{Check, Checks};
pub use clients::Clients;
pub use inbox::Inbox;
pub use item::Item;
pub use outcomes::{Event, Outcomes};
pub use report::{Report, Row};
pub use run::{Options, run};
pub use scenario::{Phase, Scenario};
pub use scene::Scene;
pub use stage::Stage;

/// Whatever keeps the demo from going on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
