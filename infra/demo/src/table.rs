//! A table for a terminal: cells of fixed width, wrapped at words.

use std::fmt::Write as _;

/// A column: its heading and its width in characters.
pub struct Column {
    pub heading: &'static str,
    pub width: usize,
}

/// Renders rows under headings. A row with fewer cells than columns is filled up, one with more is cut.
pub fn render(columns: &[Column], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    let rule = columns.iter().map(|column| "-".repeat(column.width)).collect::<Vec<_>>().join("-+-");
    let headings: Vec<String> = columns.iter().map(|column| column.heading.to_owned()).collect();
    push_row(&mut text, columns, &headings);
    for row in rows {
        text.push_str(&rule);
        text.push('\n');
        push_row(&mut text, columns, row);
    }
    text
}

fn push_row(text: &mut String, columns: &[Column], row: &[String]) {
    let cells: Vec<Vec<String>> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| wrap(row.get(at).map_or("", String::as_str), column.width))
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or_default();
    for line in 0..height {
        let mut parts = String::new();
        for (at, (column, cell)) in columns.iter().zip(&cells).enumerate() {
            let separator = if at == 0 { "" } else { " | " };
            let part = cell.get(line).map_or("", String::as_str);
            // Writing to a String does not fail.
            let _ = write!(parts, "{separator}{part:<width$}", width = column.width);
        }
        text.push_str(parts.trim_end());
        text.push('\n');
    }
}

/// Lines of at most `width` characters. A line break in the text stays one; a word that is too long is cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    text.lines().flat_map(|line| wrap_line(line, width.max(1))).collect()
}

fn wrap_line(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in line.split_whitespace().flat_map(|word| cut(word, width)) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        let Some(last) = lines.last_mut() else { break };
        if used > 0 {
            last.push(' ');
            used += 1;
        }
        last.push_str(&word);
        used += length;
    }
    lines
}

fn cut(word: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(width).map(|part| part.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn wraps_at_words_and_lines() {
        let columns = [Column { heading: "scenario", width: 8 }, Column { heading: "stored", width: 9 }];
        let rows = [row(&["MB WAY approved", "Success\nby the Status API"]), row(&["x"])];
        let expected = "\
scenario | stored
---------+----------
MB WAY   | Success
approved | by the
         | Status
         | API
---------+----------
x        |
";
        assert_eq!(render(&columns, &rows), expected);
    }

    #[test]
    fn a_long_word_is_cut_and_letters_count_not_bytes() {
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("ação é", 6), ["ação é"]);
        assert_eq!(wrap("", 3), Vec::<String>::new());
    }
}
