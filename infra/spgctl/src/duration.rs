//! Spans and moments on the command line: `90s`, `15min`, `2h`, `3d`, and RFC 3339.

use std::time::Duration;

use spg_domain::Timestamp;

/// Reads a whole number with its unit.
///
/// # Errors
/// What is expected instead.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text:?} is no span: write a whole number with s, min, h or d, such as 90s or 2h");
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let seconds = match unit.trim() {
        "s" => 1,
        "min" | "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(expected()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(expected)
}

/// A moment as a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    At(Timestamp),
    /// This long before now.
    Ago(Duration),
}

impl Moment {
    /// Reads `2026-03-12T10:48:44Z` or a span that counts back from now.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(at) = Timestamp::parse(text) {
            return Ok(Self::At(at));
        }
        parse_span(text)
            .map(Self::Ago)
            .map_err(|_| format!("{text:?} is no moment: write 2026-03-12T10:48:44Z, or 2h for two hours ago"))
    }

    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => {
                let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
                Timestamp::from_millis(now.millis().saturating_sub(millis))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, seconds) in [("90s", 90), ("15 min", 900), ("2h", 7200), ("3d", 259_200), ("5m", 300)] {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "2", "-2h", "2.5h", "2 weeks", "99999999999999999999s", "18446744073709551615d"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments() {
        let now = Timestamp::parse("2026-03-12T12:00:00Z").unwrap();
        let at = |text: &str| Moment::parse(text).map(|moment| moment.seen_from(now).to_string());
        assert_eq!(at("2h").as_deref(), Ok("2026-03-12T10:00:00.000Z"));
        assert_eq!(at("2026-03-12T11:48:44+01:00").as_deref(), Ok("2026-03-12T10:48:44.000Z"));
        assert!(at("yesterday").is_err_and(|error| error.contains("2026-03-12T10:48:44Z")));
    }
}
