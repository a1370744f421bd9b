//! The ledger on a table with real conditional semantics, behind the real client: DynamoDB embedded in this process, or the one
//! that `SPG_LEDGER_ENDPOINT` names (`http://localhost:5002`), in a table of its own that is deleted at the end.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test at once, with the reason"
)]

mod arbitrary;
mod lost_answers;
mod races;
mod reading;
mod round_trip;
mod scanning;
mod size;
mod stand;
mod update;
