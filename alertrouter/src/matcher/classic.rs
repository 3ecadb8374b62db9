//! The classic matcher grammar (Alertmanager's `pkg/labels`).
//!
//! A leading `{` and a trailing `}` are taken off, each by itself; the rest is split at commas outside double
//! quotes; each part is `name operator value`, where the value is bare, empty, or in one pair of double quotes.

use super::{Matcher, MatcherError, Operator};

/// Reads any number of matchers.
pub(super) fn parse(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let mut parts = split(inner);
    // one comma may end the list; nothing at all is the empty list
    if parts.last().is_some_and(|part| part.trim().is_empty()) {
        parts.pop();
    }
    parts.into_iter().map(parse_one).collect()
}

/// Splits at commas outside double quotes; a backslash takes the quote after it along.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

/// Reads one.
pub(super) fn parse_one(part: &str) -> Result<Matcher, MatcherError> {
    let bad = || MatcherError::Format(part.to_owned());
    let trimmed = part.trim_start();
    let end = trimmed.find(|c: char| !is_name(c)).ok_or_else(bad)?;
    let (name, rest) = trimmed.split_at(end);
    if !is_label_name(name) {
        return Err(bad());
    }
    let rest = rest.trim_start();
    let (operator, value) = [
        ("=~", Operator::Match),
        ("=", Operator::Equal),
        ("!~", Operator::NotMatch),
        ("!=", Operator::NotEqual),
    ]
    .into_iter()
    .find_map(|(sign, operator)| rest.strip_prefix(sign).map(|value| (operator, value)))
    .ok_or_else(bad)?;
    Ok(Matcher::new(name, operator, unescape(value.trim_matches(SPACE), part)?)?)
}

/// Takes off the quotes and undoes `\"`, `\\` and `\n`; any other backslash stays.
fn unescape(raw: &str, part: &str) -> Result<String, MatcherError> {
    let quote = || MatcherError::Quote(part.to_owned());
    let (inner, opened) = match raw.strip_prefix('"') {
        Some(inner) => (inner, true),
        None => (raw, false),
    };
    let mut value = String::with_capacity(inner.len());
    let mut closed = false;
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.peek() {
                Some('n') => {
                    value.push('\n');
                    characters.next();
                }
                Some(&next @ ('"' | '\\')) => {
                    value.push(next);
                    characters.next();
                }
                _ => value.push('\\'),
            },
            '"' if opened && characters.peek().is_none() => closed = true,
            '"' => return Err(quote()),
            _ => value.push(character),
        }
    }
    if opened == closed { Ok(value) } else { Err(quote()) }
}

/// What Go's `\s` takes as white space around a value.
const SPACE: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == ':'
}

/// The classic label name, with the colon that matchers allow.
fn is_label_name(name: &str) -> bool {
    name.chars().all(is_name) && name.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &[(&str, &str, &str)]) {
        let read = parse(input).unwrap_or_else(|error| panic!("{input:?}: {error}"));
        let shown: Vec<String> = read.iter().map(ToString::to_string).collect();
        let wanted: Vec<String> = expected
            .iter()
            .map(|(name, sign, value)| {
                let operator = match *sign {
                    "=" => Operator::Equal,
                    "!=" => Operator::NotEqual,
                    "=~" => Operator::Match,
                    _ => Operator::NotMatch,
                };
                Matcher::new(*name, operator, *value).unwrap().to_string()
            })
            .collect();
        assert_eq!(shown, wanted, "{input:?}");
    }

    #[test]
    fn read_alike_by_both_parsers() {
        for (input, expected) in [
            ("{foo=bar}", &[("foo", "=", "bar")][..]),
            ("{foo=\"bar\"}", &[("foo", "=", "bar")]),
            ("{foo=~bar.*}", &[("foo", "=~", "bar.*")]),
            ("{foo=~\"bar.*\"}", &[("foo", "=~", "bar.*")]),
            ("{foo!=bar}", &[("foo", "!=", "bar")]),
            ("{foo!~\"bar.*\"}", &[("foo", "!~", "bar.*")]),
            ("{foo=\"bar\", baz!=\"quux\"}", &[("foo", "=", "bar"), ("baz", "!=", "quux")]),
            (
                "{foo=\"bar\",baz!~\".*quux\", derp=\"wat\"}",
                &[("foo", "=", "bar"), ("baz", "!~", ".*quux"), ("derp", "=", "wat")],
            ),
            ("{foo=\"\"}", &[("foo", "=", "")]),
            ("{foo=\"bar,quux\", job=\"job1\"}", &[("foo", "=", "bar,quux"), ("job", "=", "job1")]),
            ("{foo = \"bar\", dings != \"bums\", }", &[("foo", "=", "bar"), ("dings", "!=", "bums")]),
            ("foo=bar,dings!=bums", &[("foo", "=", "bar"), ("dings", "!=", "bums")]),
            (r#"{quote="She said: \"Hi, ladies!\""}"#, &[("quote", "=", "She said: \"Hi, ladies!\"")]),
            ("statuscode=~\"5..\"", &[("statuscode", "=~", "5..")]),
            (
                r#"contains_quote != "\"" , contains_comma !~ "foo,bar" , "#,
                &[("contains_quote", "!=", "\""), ("contains_comma", "!~", "foo,bar")],
            ),
            ("{}", &[]),
            ("", &[]),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn read_by_the_classic_parser_only() {
        for (input, expected) in [
            ("{foo='}", &[("foo", "=", "'")][..]),
            ("{foo=`}", &[("foo", "=", "`")]),
            ("{foo=\\n}", &[("foo", "=", "\n")]),
            ("{foo=bar\\n}", &[("foo", "=", "bar\n")]),
            ("{foo=\\t}", &[("foo", "=", "\\t")]),
            ("{foo=bar\\}", &[("foo", "=", "bar\\")]),
            ("{foo=bar\\\\}", &[("foo", "=", "bar\\")]),
            ("{foo=\\\"}", &[("foo", "=", "\"")]),
            ("{foo=bar\\\"}", &[("foo", "=", "bar\"")]),
            ("tricky=~~~", &[("tricky", "=~", "~~")]),
            (r#"trickier==\\=\=\""#, &[("trickier", "=", r#"=\=\=""#)]),
            ("{foo=bar}}", &[("foo", "=", "bar}")]),
            ("{foo=bar}},}", &[("foo", "=", "bar}}")]),
            ("{foo=,bar=}}", &[("foo", "=", ""), ("bar", "=", "}")]),
            ("job=", &[("job", "=", "")]),
            ("{foo=", &[("foo", "=", "")]),
            ("{foo=}b", &[("foo", "=", "}b")]),
            ("foo=!bar\\n", &[("foo", "=", "!bar\n")]),
            ("{foo=!bar,bar=$baz\\n}", &[("foo", "=", "!bar"), ("bar", "=", "$baz\n")]),
            (r#"foo=~"\d+""#, &[("foo", "=~", r"\d+")]),
            (r#"foo="\xf0\x9f""#, &[("foo", "=", r"\xf0\x9f")]),
            (r#"foo="bar\t""#, &[("foo", "=", r"bar\t")]),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn refused() {
        for input in [
            "{,}",
            ",",
            "job=\"value",
            "job=value\"",
            r#"trickier==\\=\=\"""#,
            "contains_unescaped_quote = foo\"bar",
            "{foo=~\"invalid[regexp\"}",
            r#""{foo=\"bar"}"#,
            r#""foo=\"bar\"""#,
            "\"foo=\"bar\"\"",
            "{{foo=",
            "foo!bar",
            "{foo!bar}",
            "{name-with-dashes = \"bar\"}",
            "foo🙂=bar",
            "\"foo\"=\"bar\"",
            "0foo=bar",
            "=bar",
        ] {
            assert!(parse(input).is_err(), "{input:?} was read");
        }
    }
}
