//! What a scenario is.

use std::pin::Pin;

use crate::{Failure, Scene};

/// When a scenario is played. All of one phase are played at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Over within seconds.
    Quick,
    /// Waits for the sweeper or the clock; runs on beside the others.
    Slow,
    /// Begins when the quick ones are over.
    Crowd,
    /// With nothing else beside it: it takes something away from everybody.
    Alone,
}

/// A scenario under way.
pub type Playing<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// What SPG does, in words.
    pub spg: &'static str,
    pub phase: Phase,
    pub play: for<'a> fn(&'a mut Scene) -> Playing<'a>,
}
