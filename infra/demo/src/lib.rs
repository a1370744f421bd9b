//! The scenarios of a payment's life, and the rehearsals of recoveries, played against the real system on one machine and judged by what is stored,
//! published, asked and answered.
//!
//! A simulated SPG runs in this process. What is stored is read from the table, what is published from a queue behind
//! the event bus, what is asked from the simulator: none of it by the code that is being shown.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "shows people what it does")]

mod audit;
mod check;
mod cli;
mod clients;
mod fixture;
mod inbox;
mod interactive;
mod item;
pub mod load;
mod operator;
mod outcomes;
mod rehearsals;
mod report;
mod run;
mod scenario;
mod scenarios;
mod scene;
mod table;

pub use check::{Check, Checks};
pub use cli::main;
pub use clients::Clients;
pub use fixture::Fixture;
pub use inbox::Inbox;
pub use item::Item;
pub use outcomes::{Event, Outcomes};
pub use report::{Report, Row};
pub use run::{Options, run};
pub use scenario::{Phase, Program, Scenario};
pub use scene::Scene;

/// Whatever keeps the demo from going on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A payment's life in every way that it can go.
pub const DEMO: Program = Program {
    name: "demo",
    about: "Play the scenarios against the whole system on this machine; exit code 0 only if all held",
    dir: "local",
    port: spg_local::PORT_DEFAULT,
    scenarios: || scenarios::all().collect(),
    headings: [
        "scenario",
        "what SPG did",
        "what was delivered",
        "what was stored, by which evidence",
        "events published",
        "to final",
        "verdict",
    ],
    result_file: "demo.json",
    keys: 2,
    takes_dead_letters: true,
};

/// What breaks in production, and how it is fixed.
pub const REHEARSALS: Program = Program {
    name: "rehearse",
    about: "Rehearse the recoveries of docs/operate/recovery.md on this machine; exit code 0 only if all held",
    dir: "rehearse",
    // A stack that somebody plays with may be up.
    port: 0,
    scenarios: || rehearsals::all().collect(),
    headings: [
        "rehearsal",
        "what was broken",
        "how it was seen",
        "what was done",
        "how it was over",
        "took",
        "verdict",
    ],
    result_file: "rehearse.json",
    keys: 1,
    takes_dead_letters: false,
};
