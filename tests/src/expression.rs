//! CloudWatch's metric math, as far as the template uses it: numbers, ids, `+ - * /`, comparisons, brackets and `IF`.

#![expect(clippy::float_arithmetic, reason = "CloudWatch computes so; nothing here is money")]

use std::collections::BTreeMap;

/// The value of an expression over the values of metrics by id. None if a metric that it names has no data: CloudWatch
/// then has none for the whole.
///
/// # Panics
/// If the expression is not understood.
pub fn evaluate(text: &str, values: &BTreeMap<String, Option<f64>>) -> Option<f64> {
    let mut parser = Parser { rest: text.trim(), values };
    let value = parser.comparison();
    assert!(parser.rest.is_empty(), "not understood: {:?} in {text:?}", parser.rest);
    value
}

struct Parser<'a> {
    rest: &'a str,
    values: &'a BTreeMap<String, Option<f64>>,
}

impl Parser<'_> {
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
        let end =
            self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word.parse().ok().or_else(|| *self.values.get(word).unwrap_or_else(|| panic!("there is no metric {word:?}")))
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
        check("IF(b > 5, none, 0)", None);
        check("a + none", None);
        check("IF(none >= 5, 100 * none / b, 0)", None);
    }
}
