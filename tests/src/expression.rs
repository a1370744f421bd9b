//! CloudWatch's metric math, as far as the template uses it: numbers, ids, `+ - * /`, comparisons, brackets, `IF` and `FILL`.

#![expect(clippy::float_arithmetic, reason = "CloudWatch computes so; nothing here is money")]

use std::collections::BTreeMap;

/// The value of an expression over the values of metrics by id; None if there is none.
///
/// AWS's page "Using math expressions with CloudWatch metrics" says that a missing value counts as 0 in arithmetic and in comparisons;
/// elsewhere it is told that the result is missing too. The template must not depend on it: both are tried.
///
/// # Panics
/// If the expression is not understood, or if it makes a difference which of the two holds.
pub fn evaluate(text: &str, values: &BTreeMap<String, Option<f64>>) -> Option<f64> {
    let [absent, zero] = [None, Some(0.0)].map(|missing| {
        let mut parser = Parser { rest: text.trim(), values, missing };
        let value = parser.comparison();
        assert!(parser.rest.is_empty(), "not understood: {:?} in {text:?}", parser.rest);
        value
    });
    // Nothing is below every threshold that an expression of the template is compared with, and so is 0.
    assert_eq!(absent.unwrap_or_default(), zero.unwrap_or_default(), "{text:?} depends on how missing values count");
    absent
}

struct Parser<'a> {
    rest: &'a str,
    values: &'a BTreeMap<String, Option<f64>>,
    /// What a missing value counts as.
    missing: Option<f64>,
}

impl<'a> Parser<'a> {
    fn comparison(&mut self) -> Option<f64> {
        let left = self.sum();
        let Some(operator) = self.one_of(&[">=", "<=", "==", ">", "<"]) else { return left };
        // Read to its end before anything is found missing.
        let right = self.sum();
        let (left, right) = (left?, right?);
        let holds = match operator {
            ">=" => left >= right,
            "<=" => left <= right,
            ">" => left > right,
            "<" => left < right,
            _ => left == right,
        };
        Some(f64::from(u8::from(holds)))
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product();
        while let Some(operator) = self.one_of(&["+", "-"]) {
            let right = self.product();
            value = both(value, right, |a, b| if operator == "+" { a + b } else { a - b });
        }
        value
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.atom();
        while let Some(operator) = self.one_of(&["*", "/"]) {
            let right = self.atom();
            value = both(value, right, |a, b| if operator == "*" { a * b } else { a / b });
        }
        value
    }

    fn atom(&mut self) -> Option<f64> {
        if self.one_of(&["IF("]).is_some() {
            let condition = self.comparison();
            self.expect(",");
            let yes = self.comparison();
            self.expect(",");
            let no = self.comparison();
            self.expect(")");
            // All of it is looked up, the branch that is not taken too.
            return Some(if condition? == 0.0 { (no?, yes?).0 } else { (yes?, no?).0 });
        }
        if self.one_of(&["("]).is_some() {
            let value = self.comparison();
            self.expect(")");
            return value;
        }
        if self.one_of(&["FILL("]).is_some() {
            let filled = self.word();
            let value = self.value(filled);
            self.expect(",");
            let filler = self.comparison();
            self.expect(")");
            return value.or(filler);
        }
        let word = self.word();
        word.parse().ok().or_else(|| self.value(word).or(self.missing))
    }

    fn value(&self, id: &str) -> Option<f64> {
        *self.values.get(id).unwrap_or_else(|| panic!("there is no metric {id:?}"))
    }

    fn word(&mut self) -> &'a str {
        let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_';
        let (word, rest) = self.rest.split_at(self.rest.find(is_end).unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        word
    }

    fn one_of(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        let found = operators.iter().copied().find(|operator| self.rest.starts_with(operator))?;
        self.rest = self.rest[found.len()..].trim_start();
        Some(found)
    }

    fn expect(&mut self, what: &'static str) {
        assert!(self.one_of(&[what]).is_some(), "{what:?} expected before {:?}", self.rest);
    }
}

fn both(left: Option<f64>, right: Option<f64>, of: impl Fn(f64, f64) -> f64) -> Option<f64> {
    Some(of(left?, right?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<f64>) {
        let values = [("a", Some(4.0)), ("b", Some(10.0)), ("none", None)];
        let values = values.map(|(id, value)| (id.to_owned(), value)).into_iter().collect();
        assert_eq!(evaluate(text, &values), expected, "{text}");
    }

    #[test]
    fn what_the_template_writes_is_understood() {
        check("a", Some(4.0));
        check("100 * a / b", Some(40.0));
        check("b - a - 1", Some(5.0));
        check("(b - a) * 2", Some(12.0));
        check("IF(b >= 5, 100 * a / b, 0)", Some(40.0));
        check("IF(a >= 5, 100, 0)", Some(0.0));
        check("IF(none >= 5, 100 * none / b, 0)", None);
        check("FILL(a, 0) + FILL(none, 0)", Some(4.0));
        check("FILL(none, 7)", Some(7.0));
        check("IF(FILL(none, 0) > 0, 100 * FILL(none, 0) / FILL(none, 0), 0)", Some(0.0));
        check("IF(a > b, a, b)", Some(10.0));
    }

    #[test]
    #[should_panic(expected = "depends on how missing values count")]
    fn a_sum_that_is_missing_where_one_part_is_missing_is_refused() {
        check("a + none", None);
    }
}
