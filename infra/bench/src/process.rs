//! What the kernel says about a process.

use std::fs;
use std::io;
use std::time::Duration;

/// Processor time of all its threads, user and system together, to the nanosecond. A thread that has ended in between is missing:
/// none of what is measured here ends threads between two invocations.
pub fn processor_time(pid: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        let running = schedule.split_ascii_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        nanoseconds += running.ok_or_else(|| io::Error::other("schedstat has no number"))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Memory that is resident now, in bytes.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| io::Error::other("no VmRSS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_time_and_memory() {
        let pid = std::process::id();
        let before = processor_time(pid).unwrap();
        let sum = (0..3_000_000_u64).fold(0_u64, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        assert_ne!(sum, 1);
        assert!(processor_time(pid).unwrap() > before);
        assert!(resident_bytes(pid).unwrap() > 1024 * 1024);
    }
}
