//! Rust source, read as far as these checks need it: comments, literals, words.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// A comment, a literal, a word, `::`, or any other character.
static PIECES: LazyLock<Regex> = LazyLock::new(|| {
    let comment = r"//[^\n]*|/\*.*?\*/";
    let raw = r###"[bc]?r"[^"]*"|[bc]?r#".*?"#|[bc]?r##".*?"##"###;
    let literal = r#"[bc]?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\])'"#;
    Regex::new(&format!("(?s)({comment})|({raw}|{literal})|\\w+|::|.")).unwrap()
});

/// A file up to its test module, which is its end: the first `#[cfg(test)]` at the margin.
pub fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\n").map_or(text, |end| &text[..=end])
}

/// The text with empty comments: each line keeps its number.
pub fn without_comments(text: &str) -> String {
    let lines = |comment: &str| "\n".repeat(comment.matches('\n').count());
    let kept = |piece: &Captures| piece.get(1).map_or(piece[0].to_owned(), |comment| lines(comment.as_str()));
    PIECES.replace_all(text, kept).into_owned()
}

/// Words and marks. A literal is left out, but not one that is a path, as in serde's `with = "crate::…"`.
pub fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for piece in PIECES.captures_iter(text).filter(|piece| piece.get(1).is_none()) {
        match piece.get(2).map(|literal| literal.as_str()) {
            Some(path) if path.starts_with("\"crate::") || path.starts_with("\"super::") => {
                tokens.extend(self::tokens(path.trim_matches('"')));
            }
            Some(_) => {}
            None => tokens.extend(piece.get(0).map(|it| it.as_str()).filter(|it| !it.trim().is_empty())),
        }
    }
    tokens
}

pub fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
