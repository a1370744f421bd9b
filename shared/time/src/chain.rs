//! Errors as one line.

use std::error::Error;

/// Longest line that is made of an error, in bytes.
const BYTES_MAX: usize = 1000;

/// An error and its sources, `service error: AccessDeniedException: ...`, at most 1,000 bytes. It never uses `Debug`: the `Debug` of an
/// AWS client's error holds the whole answer of the service, and an answer of Secrets Manager is a secret.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        if text.len() >= BYTES_MAX {
            break;
        }
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text.truncate(text.floor_char_boundary(BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("level {0}")]
    struct Level(usize, #[source] Option<Box<Level>>);

    #[test]
    fn all_sources_in_one_bounded_line() {
        let error = Level(2, Some(Box::new(Level(1, None))));
        assert_eq!(error_chain(&error), "level 2: level 1");
        let deep = (0..1000).fold(Level(0, None), |inner, n| Level(n, Some(Box::new(inner))));
        assert!(error_chain(&deep).len() <= BYTES_MAX);
    }
}
