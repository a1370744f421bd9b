//! Where a process is ended on purpose.

use crate::world::Side;

/// What a process does to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    Send,
    Read,
    Query,
    Write,
    Publish,
    DeadLetter,
    Postpone,
    Secret,
    Delete,
}

/// Counts the effects of a run and ends the process before or after one of them.
#[derive(Debug, Clone, Default)]
pub struct Crash {
    /// The effect's number in the run, from 0, and whether it is done before the end.
    pub at: Option<(usize, bool)>,
    /// This invocation of the run, from 1, is given its input once more.
    pub repeated: Option<u64>,
    effects: Vec<Effect>,
}

impl Crash {
    pub fn at_effect(number: usize, after: bool) -> Self {
        Self { at: Some((number, after)), ..Self::default() }
    }

    pub fn repeating(invocation: u64) -> Self {
        Self { repeated: Some(invocation), ..Self::default() }
    }

    pub(crate) fn number(&mut self, effect: Effect) -> usize {
        self.effects.push(effect);
        self.effects.len() - 1
    }

    pub(crate) fn is_set(&self) -> bool {
        self.at.is_some() || self.repeated.is_some()
    }

    pub(crate) fn ends_at(&self, side: Side) -> bool {
        self.at == Some((side.number, side.after))
    }

    /// The effects of the run, in their order.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }
}
