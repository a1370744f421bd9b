//! The harness that drives the real function binaries inside a test process.
//!
//! A test starts the counting AWS endpoint ([`Aws`]), a scripted Status API ([`StatusApi`]) and one or more function
//! processes ([`Function`]), invokes them with events made by [`events`], and asserts what they answered, wrote and how
//! often they called whom:
//!
//! ```no_run
//! use tests::{Aws, Reply, StatusApi, deployed, events};
//!
//! let aws = Aws::start();
//! let status_api = StatusApi::start();
//! status_api.script("s2bfw1g1P1siCSUjVPP8", [Reply::status("Success")]);
//! let processor = deployed::launch("processor", &aws, &status_api).start().unwrap();
//!
//! processor.invoke(events::sqs(&[events::SqsRecord::new("{...}")])).unwrap();
//! assert_eq!(aws.count("dynamodb:UpdateItem"), 1);
//! assert_eq!(status_api.queries().len(), 1);
//! ```
//!
//! All servers run on a runtime of their own, so every call here is a plain blocking one that works in `#[test]` and in
//! `#[tokio::test]` alike. Everything listens on loopback only and ends with the value that owns it.

#![expect(clippy::expect_used, reason = "a harness that cannot go on fails its test at once, with the reason")]

pub mod alarm;
pub mod aws;
pub mod binaries;
pub mod deployed;
pub mod events;
mod expression;
mod function;
mod gate;
mod logs;
pub mod published;
mod runtime_api;
pub mod schema;
mod server;
mod status_api;
mod stream_mapping;
pub mod template;
mod tls;
pub mod webhook;

pub use aws::{Aws, Call, Fault, Injected, Outcome, Table};
pub use function::{Function, FunctionError, Invocation, Launch, StartError};
pub use gate::Gate;
pub use logs::Logs;
pub use runtime_api::Phase;
pub use server::until;
pub use status_api::{Reply, StatusApi, StatusQuery};
pub use stream_mapping::StreamMapping;
pub use tls::Tls;
