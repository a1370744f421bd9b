//! What happened, as a hash that a replay must reach again, and as a story on demand.

use crate::moment::in_words;

/// Lines kept of a story; a run that tells more has lost its reader.
const LINES_MAX: usize = 20_000;

#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub fn new(story: bool) -> Self {
        Self { hash: 0, lines: story.then(Vec::new) }
    }

    /// The hash covers when and who; the words are made only where somebody reads them.
    pub fn say(&mut self, now: u64, actor: &str, text: impl FnOnce() -> String) {
        self.mix(now);
        self.mix(actor.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
        if let Some(lines) = self.lines.as_mut().filter(|lines| lines.len() < LINES_MAX) {
            lines.push(format!("{}  {actor:<14} {}", in_words(now), text()));
        }
    }

    pub fn mix(&mut self, value: u64) {
        // FNV with a turn: cheap, and no promise to anybody but a replay by the same build.
        self.hash = (self.hash ^ value).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
