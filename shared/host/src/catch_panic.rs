//! One poisoned record never takes its batch along.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;

/// The future panicked. The panic hook has logged where; the message may hold data and is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("panicked")]
pub struct Panicked;

/// Runs a future and catches its panic. What it shared with others must stay usable after one: plain numbers, or its own copy.
///
/// # Errors
/// [`Panicked`] if it did.
pub async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panicked> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_before_and_after_a_wait() {
        assert_eq!(catch_panic(async { 1 }).await, Ok(1));
        let fails = |number: u32| assert_eq!(number, 1, "on purpose");
        assert_eq!(catch_panic(async { fails(2) }).await, Err(Panicked));
        let later = async {
            tokio::task::yield_now().await;
            fails(3);
        };
        assert_eq!(catch_panic(later).await, Err(Panicked));
    }
}
