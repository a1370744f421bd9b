use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// Asks again and again until there is an answer or `limit` is over.
pub fn until<T>(limit: Duration, mut query: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = query() {
            return Some(answer);
        }
        if start.elapsed() >= limit {
            return None;
        }
        pause();
    }
}

/// The wait between two looks at something that cannot tell by itself when it changes.
#[expect(clippy::disallowed_methods, reason = "the one place that waits; what is waited for is looked at each time")]
pub(crate) fn pause() {
    std::thread::sleep(PAUSE);
}
