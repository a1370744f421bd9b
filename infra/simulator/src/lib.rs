//! An SPG of one's own: payments with true lifecycles, genuine encrypted webhooks with every fault of delivery, SPG's
//! retries on a scaled clock, a strict check of the acknowledgement, and a Status API with faults. A seed replays a run.
//!
//! It is an independent reading of the wire format: it shares no code with the receiver, so that a mistake in one is not
//! cancelled out by the same mistake in the other.
//!
//! ```no_run
//! # async fn run() -> Result<(), spg_simulator::SimulatorError> {
//! use spg_simulator::{Config, Kind, PaymentSpec, Simulator, Status};
//!
//! let spg = Simulator::start(Config::default()).await?;
//! spg.set_webhook_url("http://127.0.0.1:9000/webhook");
//! let id = spg.create(PaymentSpec::new(Kind::MbWay, 1590))?;
//! spg.notify(&id).await?;
//! spg.set_status(&id, Status::Success)?;
//! spg.notify(&id).await?;
//! let table = spg.report().table();
//! # drop(table);
//! # Ok(())
//! # }
//! ```

pub mod acknowledgement;
pub mod amount;
pub mod answer;
pub mod clock;
pub mod config;
mod control;
pub mod crypto;
pub mod delivery;
pub mod event;
pub mod lifecycle;
pub mod notification;
pub mod orders;
pub mod payment;
pub mod report;
pub mod retry;
pub mod seed;
mod server;
mod simulator;
pub mod spec;
mod state;
pub mod status_api;
pub mod traffic;
pub mod wire;

pub use acknowledgement::{Reason, Verdict};
pub use amount::Amount;
pub use answer::{Answer, Fault, FaultRule};
pub use clock::{Clock, SimTime};
pub use config::{Config, Credentials};
pub use crypto::WebhookKey;
pub use delivery::{DeliveryPlan, DeliveryResult, Tamper};
pub use event::Event;
pub use lifecycle::{Ending, Step, lifecycle};
pub use notification::{Notification, Overrides};
pub use orders::Bodies;
pub use payment::{Change, Kind, Moment, Payment, PaymentSpec, Status, Truth};
pub use report::Report;
pub use seed::Seed;
pub use simulator::{Simulator, SimulatorError};
pub use state::StatusQuery;
pub use traffic::{Burst, TrafficSpec, TrafficSummary};
pub use wire::{DateStyle, NumberStyle, WireStyle};
