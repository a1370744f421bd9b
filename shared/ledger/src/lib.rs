//! The transactions table in DynamoDB. Nothing else in the product knows what an item looks like.
//!
//! One item per transaction. [`Ledger`] reads items in batches, writes each change as one conditional update and
//! queries the sparse index of what is due; [`read_record`] reads the same items from the table's stream. It
//! decides nothing: what is written, and on which condition, comes in as a [`spg_domain::Write`].

mod attribute;
#[cfg(feature = "table")]
mod due;
mod item;
mod read;
#[cfg(feature = "table")]
mod replace;
#[cfg(feature = "table")]
mod scan;
mod shard;
#[cfg(feature = "table")]
mod store;
mod stream;
#[cfg(feature = "table")]
mod update;

pub use item::{SCHEMA_VERSION, to_item};
pub use read::{UnreadableItem, from_stream_image};
#[cfg(feature = "table")]
pub use scan::{ScanPage, Segment};
pub use shard::{SHARDS, shard_among, shard_of};
#[cfg(feature = "table")]
pub use store::{Ledger, ReadIncomplete};
pub use stream::{StreamEvent, UnreadableRecord, read_record};
