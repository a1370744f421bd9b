//! What the sweeper needs to know.

use spg_host::Env;
use spg_wiring::SettlingConfig;

/// SPG's rate limit is unpublished: more is not asked at once without being told to.
pub const QUERIES_CONCURRENT_DEFAULT: usize = 16;
const QUERIES_CONCURRENT_MAX: u64 = 64;

#[derive(Debug, Clone)]
pub struct Config {
    pub settling: SettlingConfig,
    /// Queries to the Status API in flight at once, at most.
    pub queries_concurrent: usize,
}

impl Config {
    /// `STATUS_API_CONCURRENCY` (1 to 64, default 16), and what settles.
    pub fn read(env: &mut Env) -> Option<Self> {
        let settling = SettlingConfig::read(env);
        let default = QUERIES_CONCURRENT_DEFAULT as u64;
        let concurrent = env.number("STATUS_API_CONCURRENCY", default, 1..=QUERIES_CONCURRENT_MAX);
        Some(Self { settling: settling?, queries_concurrent: usize::try_from(concurrent?).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_at_once_have_a_default_and_bounds() {
        const SETTLING: [(&str, &str); 6] = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("TABLE_NAME", "transactions"),
            ("STATUS_API_URL", "https://api.example.com/api/v2"),
            ("STATUS_API_SECRET", "status-api"),
        ];
        let read = |value| {
            let pairs = SETTLING.into_iter().chain([("STATUS_API_CONCURRENCY", value)]);
            Env::from_pairs(pairs).read(Config::read).map(|config| config.queries_concurrent)
        };
        for (value, expected) in [("", 16), ("1", 1), ("64", 64)] {
            assert_eq!(read(value).unwrap(), expected, "{value}");
        }
        for value in ["0", "65", "many"] {
            assert_eq!(read(value).unwrap_err().problems.len(), 1, "{value}");
        }
    }
}
