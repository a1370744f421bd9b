//! A verdict is a list of named checks; one that failed says what was expected and what was found.

use std::fmt::{self, Display};

use serde::Serialize;

/// One thing that had to be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: String,
    pub expected: String,
    pub found: String,
    pub held: bool,
}

/// All checks of one scenario, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Holds if both are the same in words.
    pub fn equal(&mut self, name: impl Into<String>, expected: impl Display, found: impl Display) {
        let (expected, found) = (expected.to_string(), found.to_string());
        let held = expected == found;
        self.0.push(Check { name: name.into(), expected, found, held });
    }

    /// Holds if `held`; `expected` says in words what that takes.
    pub fn that(&mut self, name: impl Into<String>, held: bool, expected: impl Display, found: impl Display) {
        self.0.push(Check { name: name.into(), expected: expected.to_string(), found: found.to_string(), held });
    }

    /// What kept the scenario from being played to its end.
    pub fn broke(&mut self, what: impl Display) {
        self.that("played to its end", false, "no error", what);
    }

    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.0.iter().filter(|check| !check.held)
    }

    /// Nothing checked is nothing shown: that does not hold either.
    pub fn held(&self) -> bool {
        !self.0.is_empty() && self.failed().next().is_none()
    }
}

/// The verdict in one cell: how many held of how many.
impl Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, failed) = (self.0.len(), self.failed().count());
        match (all, failed) {
            (0, _) => f.write_str("FAILED: nothing was checked"),
            (_, 0) => write!(f, "held ({all})"),
            (_, _) => write!(f, "FAILED ({failed} of {all})"),
        }
    }
}

impl Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, found, held } = self;
        if *held { write!(f, "{name}: {found}") } else { write!(f, "{name}: expected {expected}, found {found}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_fails_the_verdict() {
        let mut checks = Checks::default();
        checks.equal("status", "Success", "Success");
        assert!(checks.held());
        assert_eq!(checks.to_string(), "held (1)");
        checks.equal("events", 1, 2);
        checks.that("in time", true, "within 10 s", "2 s");
        assert!(!checks.held());
        assert_eq!(checks.to_string(), "FAILED (1 of 3)");
        let failed: Vec<String> = checks.failed().map(ToString::to_string).collect();
        assert_eq!(failed, ["events: expected 1, found 2"]);
    }

    #[test]
    fn what_broke_is_a_failed_check() {
        let mut checks = Checks::default();
        checks.broke("no connection");
        assert_eq!(checks.to_string(), "FAILED (1 of 1)");
    }

    #[test]
    fn nothing_checked_does_not_hold() {
        let checks = Checks::default();
        assert!(!checks.held());
        assert_eq!(checks.to_string(), "FAILED: nothing was checked");
    }
}
