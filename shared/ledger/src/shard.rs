//! The due index's partitions.

use sha2::{Digest, Sha256};
use spg_domain::TransactionId;

/// Partitions of the due index. One takes about 1,000 writes a second and a write moves its entry with two of them, so
/// eight carry some 4,000 writes a second; a sweep that finds nothing pays for eight empty queries a minute, which is
/// nothing. More can be had at any time, each item moves with its next write; with fewer, what is in the last shards
/// would not be swept any more.
pub const SHARDS: u32 = 8;

/// The shard of a transaction, below [`SHARDS`]. It is stored, so it must be the same in every build and on every
/// machine, which the standard library's hashers do not promise; and ids that differ in their last digit only must
/// spread.
pub fn shard_of(id: &TransactionId) -> u32 {
    shard_among(id, SHARDS)
}

/// The shard of a transaction if there were so many, from 1 to 256.
pub fn shard_among(id: &TransactionId, shards: u32) -> u32 {
    u32::from(Sha256::digest(id.as_str())[0]) % shards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str) -> u32 {
        shard_of(&TransactionId::new(id).unwrap())
    }

    #[test]
    fn the_shard_of_an_id_never_changes() {
        for (id, expected) in [("s2bfw1g1P1siCSUjVPP8", 0), ("a", 2), ("b", 6), ("ação", 6)] {
            assert_eq!(shard(id), expected, "{id}");
        }
    }

    #[test]
    fn ids_spread_over_all_shards() {
        for prefix in ["", "s2bfw1g1P1siCSUjVPP", "2026-03-12T10:48:"] {
            let mut counts = [0_usize; SHARDS as usize];
            (0..8000).for_each(|n| counts[shard(&format!("{prefix}{n}")) as usize] += 1);
            assert!(counts.iter().all(|count| (800..1200).contains(count)), "{prefix}: {counts:?}");
        }
    }
}
