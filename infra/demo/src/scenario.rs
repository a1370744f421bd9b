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
    /// One after the other when these are over, beside the slow ones.
    InTurn,
    /// With nothing else beside it: it takes something away from everybody.
    Alone,
}

/// A scenario in progress.
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

/// A list of scenarios and the fixture that they want.
pub struct Program {
    /// As it is called on the command line.
    pub name: &'static str,
    pub about: &'static str,
    /// The folder of the stack, under `target`.
    pub dir: &'static str,
    /// The emulator's port; 0 takes any that is free.
    pub port: u16,
    pub scenarios: fn() -> Vec<Scenario>,
    /// Of the table with the results.
    pub headings: [&'static str; 7],
    /// The file with the results, in the stack's folder.
    pub result_file: &'static str,
    /// How many of the webhook keys the stack knows from the start.
    pub keys: usize,
    /// Whether dead letters are taken off their queue and kept for the verdict; else they are left there for an operator.
    pub takes_dead_letters: bool,
}
