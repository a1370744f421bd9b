//! The whole system in one thread and under one seed: the real ack, processor, sweeper and publisher, over a simulated queue,
//! table, stream, bus, Status API and SPG, in virtual time. See `docs/evidence/reliability.md`.

mod api;
mod bus;
mod campaign;
pub mod crash;
mod defects;
mod faulty;
mod functions;
mod invariant;
mod lifecycles;
pub mod moment;
mod oracle;
mod queue;
mod quiescence;
mod rng;
mod run;
pub mod scenarios;
mod shrink;
pub mod spec;
mod spg;
mod stream;
mod table;
mod trace;
mod wake;
mod world;

pub use campaign::{Campaign, campaign};
pub use defects::Defect;
pub use invariant::{Invariant, Violation};
pub use run::{Options, Report, run};
pub use shrink::shrink;
pub use spec::Spec;
