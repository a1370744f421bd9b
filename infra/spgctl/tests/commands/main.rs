//! Commands against endpoints with real semantics, where things go wrong in between.

#![allow(clippy::unwrap_used, reason = "a test may give up loudly")]

mod dlq;
mod restore;
