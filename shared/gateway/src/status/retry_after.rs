//! `Retry-After`: how long SPG wants no query.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Longest wait that is passed on: checks go on daily at the slowest.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Seconds, or a date, which counts from the answer's own date: clocks of different machines disagree. None where there is no wait.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, RETRY_AFTER)?;
    let wait = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits are a long wait too.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        Duration::try_from(date(text)? - date(self::text(headers, DATE)?)?).ok()?
    };
    Some(wait.min(WAIT_MAX)).filter(|wait| !wait.is_zero())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc2822).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, date: Option<&str>, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{value}");
    }

    #[test]
    fn seconds() {
        check("120", None, Some(120));
        check(" 7 ", None, Some(7));
        check("0", None, None);
        check("99999999999999999999999999", None, Some(86_400));
        for nonsense in ["", "-1", "1.5", "soon", "1e9"] {
            check(nonsense, None, None);
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn dates_count_from_the_answers_own() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        check("Sun, 06 Nov 1994 08:50:37 GMT", date, Some(60));
        check("Sun, 07 Nov 1999 08:49:37 GMT", date, Some(86_400));
        check("Sun, 06 Nov 1994 08:49:36 GMT", date, None);
        check("Sun, 06 Nov 1994 08:50:37 GMT", None, None);
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some("yesterday"), None);
    }
}
