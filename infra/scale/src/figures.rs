//! Numbers for people and for files.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// Milliseconds of many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    pub count: usize,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl Times {
    pub fn of(all: impl IntoIterator<Item = Duration>) -> Self {
        let mut all: Vec<u64> = all.into_iter().map(millis).collect();
        all.sort_unstable();
        let at = |percent: usize| all.get((all.len() * percent / 100).min(all.len().saturating_sub(1))).copied();
        let [p50, p99] = [50, 99].map(|percent| at(percent).unwrap_or_default());
        Self { count: all.len(), p50, p99, max: all.last().copied().unwrap_or_default() }
    }
}

pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Hours, minutes and seconds, as far as they matter.
pub fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=99 => format!("{}.{} s", seconds, duration.subsec_millis() / 100),
        100..=7199 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Writes a result into `target/scale/` and returns where it lies.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn save(name: &str, result: &impl Serialize) -> std::io::Result<PathBuf> {
    let folder = ::tests::binaries::workspace().join("target/scale");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.json"));
    fs::write(&file, serde_json::to_vec_pretty(result)?)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_and_none() {
        let times = |all: Vec<u64>| Times::of(all.into_iter().map(Duration::from_millis));
        assert_eq!(times((1..=200).rev().collect()), Times { count: 200, p50: 101, p99: 199, max: 200 });
        assert_eq!(times(vec![7]), Times { count: 1, p50: 7, p99: 7, max: 7 });
        assert_eq!(times(Vec::new()), Times::default());
    }

    #[test]
    fn durations_are_told_as_far_as_they_matter() {
        let told = |millis| in_words(Duration::from_millis(millis));
        assert_eq!(told(1_250), "1.2 s");
        assert_eq!(told(150_000), "3 min");
        assert_eq!(told(7_260_000), "2 h 01 min");
    }
}
