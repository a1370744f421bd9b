//! `spgctl`: what an operator asks of spg-webhooks and does to it, alike on AWS and on the local stack.
//!
//! Decides nothing by itself: what changes a transaction goes through the domain, and what asks and writes is the functions'
//! own code. No secret is ever printed.

mod alarms;
mod cli;
mod clients;
pub mod commands;
mod duration;
mod error;
pub mod http;
pub mod inbox;
pub mod keys;
mod output;
mod run;
pub mod scan;
mod signed;
mod target;
pub mod view;

pub use cli::Cli;
pub use clients::Clients;
pub use duration::{Moment, parse_span};
pub use error::{Error, Exit};
pub use output::{Output, span};
pub use run::run;
pub use target::{Deployment, Target};
