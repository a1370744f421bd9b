//! One module for each command.

pub mod check;
pub mod dlq;
pub mod doctor;
pub mod open;
pub mod register;
pub mod republish;
pub mod resolve;
pub mod restore;
pub mod rotate_key;
pub mod send_test;
pub mod transaction;
