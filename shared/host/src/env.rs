//! The environment, read once into typed values. All problems are reported at once, and never a value: it may be a secret.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

/// The environment and what is wrong with it so far.
///
/// A configuration reads all of its variables first and only then gives up with `?`, so that every problem is found:
///
/// ```
/// # use spg_host::Env;
/// struct Config { queue_url: String, days: u64 }
/// let read = |env: &mut Env| {
///     let queue_url = env.required("QUEUE_URL", "the URL of a queue");
///     let days = env.number("DAYS", 400, 70..=3650);
///     Some(Config { queue_url: queue_url?, days: days? })
/// };
/// let error = Env::from_pairs([("DAYS", "3")]).read(read).err().map(|e| e.to_string());
/// assert_eq!(error.as_deref(), Some("QUEUE_URL is not set: expected the URL of a queue; DAYS is out of range: expected a whole number from 70 to 3650"));
/// ```
#[derive(Default)]
pub struct Env {
    variables: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

/// What is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub variable: &'static str,
    pub wrong: &'static str,
    pub expected: String,
}

/// The configuration cannot be used: every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

impl Env {
    /// The environment of this process. Variables that are not Unicode count as absent.
    pub fn from_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self { variables: variables.collect(), problems: Vec::new() }
    }

    /// An environment for tests.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables = pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned()));
        Self { variables: variables.collect(), problems: Vec::new() }
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem that `read` met.
    pub fn read<C>(mut self, read: impl FnOnce(&mut Self) -> Option<C>) -> Result<C, ConfigError> {
        match read(&mut self) {
            Some(config) if self.problems.is_empty() => Ok(config),
            Some(_) | None => Err(ConfigError { problems: self.problems }),
        }
    }

    /// A variable that may be absent; an empty one counts as absent, because that is how a template leaves one out.
    pub fn optional(&self, variable: &str) -> Option<String> {
        self.variables.get(variable).map(|value| value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// A variable that must be there. None: a problem was noted.
    pub fn required(&mut self, variable: &'static str, expected: &str) -> Option<String> {
        let value = self.optional(variable);
        if value.is_none() {
            self.problem(variable, "is not set", expected);
        }
        value
    }

    /// A variable with a default. None: it is there and `parse` refused it, and a problem was noted.
    pub fn parsed<T>(
        &mut self,
        variable: &'static str,
        default: T,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(value) = self.optional(variable) else { return Some(default) };
        let parsed = parse(&value);
        if parsed.is_none() {
            self.problem(variable, "cannot be used", expected);
        }
        parsed
    }

    /// A whole number with a default and bounds. None: a problem was noted.
    pub fn number(&mut self, variable: &'static str, default: u64, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let number = self.parsed(variable, default, &expected, |value| value.parse().ok())?;
        if !range.contains(&number) {
            self.problem(variable, "is out of range", &expected);
            return None;
        }
        Some(number)
    }

    /// An address that must be there, without a trailing slash: https, or http on this machine only. None: a problem was noted.
    pub fn url(&mut self, variable: &'static str) -> Option<String> {
        const EXPECTED: &str = "an https address without a query (http is for localhost only)";
        let url = self.required(variable, EXPECTED)?;
        if !is_safe_url(&url) {
            self.problem(variable, "cannot be used", EXPECTED);
            return None;
        }
        Some(url.trim_end_matches('/').to_owned())
    }

    /// Notes a problem that only the configuration itself can see.
    pub fn problem(&mut self, variable: &'static str, wrong: &'static str, expected: &str) {
        self.problems.push(Problem { variable, wrong, expected: expected.to_owned() });
    }
}

fn is_safe_url(url: &str) -> bool {
    let plain = url.bytes().all(|b| b.is_ascii_graphic()) && !url.contains(['?', '#', '@']);
    let host_of = |rest: &str| rest.split(['/', ':']).next().unwrap_or_default().to_owned();
    if let Some(rest) = url.strip_prefix("https://") {
        return plain && !host_of(rest).is_empty();
    }
    let local = |rest| matches!(host_of(rest).as_str(), "localhost" | "127.0.0.1");
    plain && url.strip_prefix("http://").is_some_and(local)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: expected {}", self.variable, self.wrong, self.expected)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Names only.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("names", &self.variables.keys()).field("problems", &self.problems).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_found_at_once_and_no_value_is_told() {
        let env = Env::from_pairs([("A", "  "), ("B", "geheim"), ("C", "11"), ("D", "ftp://geheim")]);
        let shown = format!("{env:?}");
        let error = env
            .read(|env| {
                let a = env.required("A", "something");
                let b = env.number("B", 1, 0..=10);
                let c = env.number("C", 1, 0..=10);
                let d = env.url("D");
                Some((a?, b?, c?, d?))
            })
            .unwrap_err();
        let wrong: Vec<_> = error.problems.iter().map(|p| (p.variable, p.wrong)).collect();
        assert_eq!(
            wrong,
            [("A", "is not set"), ("B", "cannot be used"), ("C", "is out of range"), ("D", "cannot be used")]
        );
        assert!(!error.to_string().contains("geheim"));
        assert!(!shown.contains("geheim"));
    }

    #[test]
    fn a_problem_counts_even_if_the_configuration_was_made() {
        let error = Env::default().read(|env| {
            env.problem("A", "contradicts B", "either");
            Some(())
        });
        assert!(error.is_err());
    }

    #[test]
    fn numbers_have_a_default_and_bounds() {
        let check = |value, expected| {
            let read = Env::from_pairs([("N", value)]).read(|env| env.number("N", 5, 1..=10));
            assert_eq!(read.ok(), expected, "{value}");
        };
        for (value, expected) in [("", Some(5)), ("1", Some(1)), (" 10 ", Some(10)), ("0", None), ("11", None)] {
            check(value, expected);
        }
        for value in ["-1", "1.0", "1e1", "0x1", "99999999999999999999"] {
            check(value, None);
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let check = |value, expected: Option<&str>| {
            let read = Env::from_pairs([("U", value)]).read(|env| env.url("U"));
            assert_eq!(read.ok().as_deref(), expected, "{value}");
        };
        check("https://api.sibspayments.com/api/v2/", Some("https://api.sibspayments.com/api/v2"));
        check("http://localhost:4566", Some("http://localhost:4566"));
        check("http://127.0.0.1:80/x", Some("http://127.0.0.1:80/x"));
        for bad in [
            "http://api.sibspayments.com",
            "http://localhost.example.com",
            "https://",
            "https://a/?b",
            "https://a@b",
            "a",
        ] {
            check(bad, None);
        }
    }
}
