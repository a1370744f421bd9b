//! Thousands of payments with every fault of delivery, while function processes are killed, their connections to AWS are cut and
//! the Status API is away; then every transaction and every event is compared with what SPG knows.

mod compare;
mod cutter;
mod faults;
mod figures;
mod latency;
mod run;
mod traffic;

pub use run::{LoadOptions, run};
