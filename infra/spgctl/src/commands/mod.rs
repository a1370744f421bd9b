//! One module for each command.

pub mod check;
pub mod dlq;
pub mod open;
pub mod republish;
pub mod send_test;
pub mod transaction;
