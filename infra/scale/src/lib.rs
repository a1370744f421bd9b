//! What the system does when there is very much of everything: `cargo xtask scale`.

pub mod figures;
pub mod latency;
pub mod model;
pub mod outage;
pub mod payments;
pub mod rate;
pub mod steady;
pub mod sweep;
pub mod system;
pub mod virtual_time;
