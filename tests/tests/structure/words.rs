//! One name for one thing: the words that were replaced do not come back. `words.json` has them, and where each may stand.

use std::fs;

use regex_lite::Regex;
use serde::Deserialize;
use tests::binaries::workspace;

use crate::{assert_none, output};

#[derive(Deserialize)]
struct Word {
    /// A pattern of whole words, in any case. An underscore and a change of case part words as well.
    banned: String,
    say: String,
    /// Files and folders that must name it.
    may_stand_in: Vec<String>,
}

/// The text with the words inside its identifiers parted.
fn parted(line: &str) -> String {
    let inside = Regex::new("([a-z])([A-Z])").unwrap();
    inside.replace_all(line, "$1 $2").replace('_', " ").to_lowercase()
}

fn findings(path: &str, text: &str, words: &[(Regex, Word)]) -> Vec<String> {
    let here = words.iter().filter(|(_, word)| !word.may_stand_in.iter().any(|place| path.starts_with(place.as_str())));
    let here: Vec<_> = here.collect();
    let lines = text.lines().zip(1..).map(|(line, number)| (parted(line), number));
    let found = lines.flat_map(|(line, number)| {
        let banned = here.iter().filter(move |(pattern, _)| pattern.is_match(&line));
        banned.map(move |(_, word)| format!("{path}:{number}: instead of \"{}\" say {}", word.banned, word.say))
    });
    found.collect()
}

fn words() -> Vec<(Regex, Word)> {
    let words: Vec<Word> = serde_json::from_str(include_str!("words.json")).unwrap();
    words.into_iter().map(|word| (Regex::new(&format!(r"\b({})\b", word.banned)).unwrap(), word)).collect()
}

#[test]
fn no_word_comes_back_that_was_replaced() {
    let words = words();
    let listed = ["*.rs", "*.py", "*.md", "*.yaml", "*.snap"];
    let listed = output("git", &[&["ls-files", "--cached", "--others", "--exclude-standard"], &listed[..]].concat());
    let read = |path: &str| Some((path.to_owned(), fs::read_to_string(workspace().join(path)).ok()?));
    let found: Vec<String> =
        listed.lines().filter_map(read).flat_map(|(path, text)| findings(&path, &text, &words)).collect();
    assert_none(&found, "Use the word that is said beside it, or name the file in tests/tests/structure/words.json.");
}

#[test]
fn a_banned_word_is_found_in_prose_and_in_names() {
    for planted in ["/// It is under way.", "let is_foreign = true;", "struct ForgetsDoubts;", "Overtaken"] {
        assert_eq!(findings("shared/domain/src/lib.rs", planted, &words()).len(), 1, "{planted}");
    }
    assert!(findings("CHANGELOG.md", "`foreign` is otherMerchants", &words()).is_empty());
}
