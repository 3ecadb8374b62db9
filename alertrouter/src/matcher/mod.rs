//! Label matchers: `name="value"`, `!=`, `=~`, `!~`, with Alertmanager's meaning.
//!
//! Parsing is one file for each of Alertmanager's grammars and one that chooses between them, matching is here and does
//! not know how a matcher was written.
//!
//! Invariants: a label that is not there equals the empty string; a regexp matches the whole value and `.` never
//! matches a newline; a pattern that Go and Rust read differently is refused, never matched differently.

mod classic;
mod mode;
mod utf8;

use std::cmp::Ordering;
use std::fmt;

use toolkit::regexp::{self, Regex, RegexpError};

use crate::labels::Labels;

pub use mode::{Doubt, Parsed, ParserMode};

/// One condition on one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// The text as written: the value to equal, or the pattern.
    pub value: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Equal,
    NotEqual,
    Match(Regex),
    NotMatch(Regex),
}

/// The four operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
}

/// A matcher that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// It does not follow the grammar.
    #[error("bad matcher format: {0}")]
    Format(String),
    /// Its value has a double quote in a wrong place.
    #[error("matcher value contains unescaped double quote: {0}")]
    Quote(String),
    /// It does not follow the UTF-8 grammar: the column and the problem.
    #[error("{0}")]
    Syntax(String),
    /// Its pattern cannot be used.
    #[error("{0}")]
    Regexp(#[from] RegexpError),
}

impl Matcher {
    /// Builds a matcher; fails when `value` is a pattern that cannot be used.
    pub fn new(
        name: impl Into<String>,
        operator: Operator,
        value: impl Into<String>,
    ) -> Result<Self, RegexpError> {
        let value = value.into();
        let test = match operator {
            Operator::Equal => Test::Equal,
            Operator::NotEqual => Test::NotEqual,
            Operator::Match => Test::Match(regexp::compile_whole(&value)?),
            Operator::NotMatch => Test::NotMatch(regexp::compile_whole(&value)?),
        };
        Ok(Self { name: name.into(), value, test })
    }

    /// Whether the labels satisfy it.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.value(&self.name))
    }

    /// Whether a value of its label satisfies it.
    pub fn matches_value(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal => value == self.value,
            Test::NotEqual => value != self.value,
            Test::Match(pattern) => pattern.is_match(value),
            Test::NotMatch(pattern) => !pattern.is_match(value),
        }
    }

    /// The value that its label must have, when it names exactly one.
    pub fn equals(&self) -> Option<&str> {
        matches!(self.test, Test::Equal).then_some(&*self.value)
    }

    /// Its operator.
    pub fn operator(&self) -> Operator {
        match self.test {
            Test::Equal => Operator::Equal,
            Test::NotEqual => Operator::NotEqual,
            Test::Match(_) => Operator::Match,
            Test::NotMatch(_) => Operator::NotMatch,
        }
    }

    /// Alertmanager's order of matchers: by name, value and operator.
    pub fn order(&self, other: &Self) -> Ordering {
        let key = |matcher: &Self| matcher.operator();
        self.name.cmp(&other.name).then_with(|| self.value.cmp(&other.value)).then(key(self).cmp(&key(other)))
    }

    /// The values of which its label must have one, when they are known: `=`, or a pattern like `a|b`.
    pub fn one_of(&self) -> Option<Vec<&str>> {
        match self.test {
            Test::Equal => Some(vec![&self.value]),
            Test::Match(_) => literals(&self.value),
            Test::NotEqual | Test::NotMatch(_) => None,
        }
    }
}

/// The alternatives of a pattern that holds nothing but them.
fn literals(pattern: &str) -> Option<Vec<&str>> {
    let inner = [("^(?:", ")$"), ("^(", ")$"), ("(?:", ")"), ("(", ")"), ("^", "$")]
        .into_iter()
        .find_map(|(open, close)| pattern.strip_prefix(open)?.strip_suffix(close))
        .unwrap_or(pattern);
    let literal = |c: char| c.is_alphanumeric() || "|_-/:,@ ".contains(c);
    // in `^a|b$` the anchors belong to one side each
    let whole = inner.len() == pattern.len() || !pattern.starts_with('^') || pattern.starts_with("^(");
    (inner.chars().all(literal) && (whole || !inner.contains('|'))).then(|| inner.split('|').collect())
}

/// The classic label name: without the colon, which only matchers allow.
fn is_classic_label_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.operator() {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Match => "=~",
            Operator::NotMatch => "!~",
        };
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        if self.name.contains(|c: char| c.is_whitespace() || utf8::RESERVED.contains(c)) {
            write!(f, "{:?}{operator}\"{value}\"", self.name)
        } else {
            write!(f, "{}{operator}\"{value}\"", self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_table() {
        for (matcher, value, expected) in [
            ("x=bar", "bar", true),
            ("x=bar", "foo-bar", false),
            ("x!=bar", "bar", false),
            ("x!=bar", "foo-bar", true),
            ("x=~bar", "bar", true),
            ("x=~bar", "foo-bar", false),
            ("x=~.*bar", "foo-bar", true),
            ("x!~bar", "bar", false),
            ("x!~bar", "foo-bar", true),
            ("x!~.*bar", "foo-bar", false),
            ("x=~foo.bar", "foo-bar", true),
            (r"x=~foo\.bar", "foo-bar", false),
            (r"x=~foo\.bar", "foo.bar", true),
            ("x=foo\nbar", "foo\nbar", true),
            ("x=~foo.bar", "foo\nbar", false),
            ("x=~(?s)foo.bar", "foo\nbar", true),
            ("x=~\"^foo$\"", "foo", true),
            ("x=~a|b", "ab", false),
            // a label that is not there is empty
            ("y=\"\"", "bar", true),
            ("y=~\".*\"", "bar", true),
            ("y=~\".+\"", "bar", false),
            ("y!=v", "bar", true),
        ] {
            let matchers = classic::parse(matcher).unwrap();
            let labels: Labels = [("x", value)].into_iter().collect();
            assert_eq!(matchers.iter().all(|m| m.matches(&labels)), expected, "{matcher} on {value:?}");
        }
    }

    #[test]
    fn printed_as_in_a_group_key() {
        for (value, expected) in [
            ("bar", r#"foo="bar""#),
            (r"back\slash", r#"foo="back\\slash""#),
            ("double\"quote", r#"foo="double\"quote""#),
            ("new\nline", r#"foo="new\nline""#),
            ("tab\tstays", "foo=\"tab\tstays\""),
        ] {
            assert_eq!(Matcher::new("foo", Operator::Equal, value).unwrap().to_string(), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_is_printed_is_read_again(
            text in "\\PC{0,60}",
            value in "(\\PC|\n|\"){0,30}",
        ) {
            drop(ParserMode::Fallback.parse(&text));
            let printed = Matcher::new("name", Operator::Equal, value.as_str()).unwrap().to_string();
            let read = ParserMode::Fallback.parse(&printed).unwrap().matchers;
            proptest::prop_assert_eq!(read.first().map(|matcher| matcher.value.as_str()), Some(value.as_str()));
        }
    }
}
