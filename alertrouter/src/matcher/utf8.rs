//! The UTF-8 matcher grammar (Alertmanager's `matcher/parse`): names and values may be any text, in quotes where they
//! hold white space or a reserved character.
//!
//! ```text
//! input    = [ matchers ] | "{" [ matchers ] "}"
//! matchers = matcher { "," matcher } [ "," ]
//! matcher  = text operator text
//! text     = quoted | unquoted
//! ```

use super::{Matcher, MatcherError, Operator};

/// Characters that end an unquoted text.
pub(super) const RESERVED: &str = "{}!=~,\\\"'`";

/// Reads any number of matchers.
pub(super) fn parse(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let mut reader = Reader { text, at: 0 };
    let braces = reader.take('{');
    let mut matchers = Vec::new();
    loop {
        reader.skip_space();
        if reader.at_end() || reader.peek() == Some('}') {
            break;
        }
        matchers.push(reader.matcher()?);
        reader.skip_space();
        if !reader.take(',') {
            break;
        }
    }
    reader.skip_space();
    match (braces, reader.peek()) {
        (true, Some('}')) => reader.at += 1,
        (true, None) => return Err(reader.error("end of input: expected close brace")),
        (false, Some('}')) => return Err(reader.error("}: expected opening brace")),
        (_, Some(found)) if !matchers.is_empty() => {
            return Err(reader.error(&format!("unexpected {found}: expected a comma or close brace")));
        }
        (_, Some(found)) => return Err(reader.error(&format!("unexpected {found}: expected label name"))),
        (false, None) => {}
    }
    reader.skip_space();
    match reader.peek() {
        Some(found) => Err(reader.error(&format!("unexpected {found}: expected end of input"))),
        None => Ok(matchers),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn matcher(&mut self) -> Result<Matcher, MatcherError> {
        let name = self.word("label name")?;
        if name.is_empty() {
            return Err(self.error("the label name is empty"));
        }
        self.skip_space();
        let signs = [
            ("=~", Operator::Match),
            ("=", Operator::Equal),
            ("!~", Operator::NotMatch),
            ("!=", Operator::NotEqual),
        ];
        let Some((sign, operator)) = signs.into_iter().find(|(sign, _)| self.rest().starts_with(sign)) else {
            let found = self.peek().map_or_else(|| "end of input".to_owned(), String::from);
            return Err(self.error(&format!("{found}: expected an operator such as '=', '!=', '=~' or '!~'")));
        };
        self.at += sign.len();
        let value = self.word("label value")?;
        Ok(Matcher::new(name, operator, value)?)
    }

    /// A text, quoted or not.
    fn word(&mut self, what: &str) -> Result<String, MatcherError> {
        self.skip_space();
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let rest = self.rest();
        let end = rest
            .find(|character: char| character.is_whitespace() || RESERVED.contains(character))
            .unwrap_or(rest.len());
        match rest.split_at_checked(end) {
            Some(("", _)) | None => {
                let found =
                    self.peek().map_or_else(|| "end of input".to_owned(), |c| format!("unexpected {c}"));
                Err(self.error(&format!("{found}: expected {what}")))
            }
            Some((word, _)) => {
                self.at += end;
                Ok(word.to_owned())
            }
        }
    }

    /// A string literal of Go's in double quotes.
    fn quoted(&mut self) -> Result<String, MatcherError> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, character)| {
            let ends = *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else {
            return Err(self.error("missing end \""));
        };
        let literal = rest.get(1..end).unwrap_or_default();
        let value = unquote(literal).ok_or_else(|| self.error(&format!("\"{literal}\": invalid input")))?;
        self.at += end + 1;
        Ok(value)
    }

    fn error(&self, problem: &str) -> MatcherError {
        let column = self.text.get(..self.at).unwrap_or_default().chars().count();
        MatcherError::Syntax(format!("{column}: {problem}"))
    }
}

/// The text of a string literal of Go's, without its quotes; `None` when it is none, or no UTF-8.
fn unquote(literal: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(literal.len());
    let mut rest = literal.chars();
    while let Some(character) = rest.next() {
        if character == '\n' {
            return None;
        }
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let digits = |rest: &mut std::str::Chars<'_>, count: usize, radix: u32| {
            let digits: String = rest.take(count).collect();
            let whole = digits.len() == count && digits.chars().all(|digit| digit.is_digit(radix));
            u32::from_str_radix(&digits, radix).ok().filter(|_| whole)
        };
        match rest.next()? {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            '\\' => bytes.push(b'\\'),
            '"' => bytes.push(b'"'),
            'x' => bytes.push(u8::try_from(digits(&mut rest, 2, 16)?).ok()?),
            first @ '0'..='7' => {
                let value = first.to_digit(8)? * 64 + digits(&mut rest, 2, 8)?;
                bytes.push(u8::try_from(value).ok()?);
            }
            letter @ ('u' | 'U') => {
                let value = digits(&mut rest, if letter == 'u' { 4 } else { 8 }, 16)?;
                let character = char::from_u32(value)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let matchers = parse(text).map_err(|error| error.to_string())?;
        Ok(matchers.iter().map(|matcher| format!("{}|{}", matcher.name, matcher.value)).collect())
    }

    #[test]
    fn what_it_reads() {
        for (text, expected) in [
            ("", vec![]),
            ("{}", vec![]),
            (" { } ", vec![]),
            ("foo=bar", vec!["foo|bar"]),
            ("{foo=bar,}", vec!["foo|bar"]),
            ("{foo = \"bar\", dings != \"bums\", }", vec!["foo|bar", "dings|bums"]),
            ("{foo=\"\"}", vec!["foo|"]),
            ("{foo=\"bar,quux\", job=\"job1\"}", vec!["foo|bar,quux", "job|job1"]),
            ("statuscode=~\"5..\"", vec!["statuscode|5.."]),
            ("{name-with-dashes = \"bar\"}", vec!["name-with-dashes|bar"]),
            ("{foo🙂=bar,bar=baz🙂}", vec!["foo🙂|bar", "bar|baz🙂"]),
            ("\"foo bar\"=\"baz\"", vec!["foo bar|baz"]),
            (r#"foo="\xf0\x9f\x99\x82""#, vec!["foo|🙂"]),
            (r#"foo="\u00e9\U0001F642\t\"\\""#, vec!["foo|é🙂\t\"\\"]),
            (r#"{"foo"=~"\\d+"}"#, vec![r"foo|\d+"]),
            (
                "contains_quote != \"\\\"\" , contains_comma !~ \"foo,bar\" , ",
                vec!["contains_quote|\"", "contains_comma|foo,bar"],
            ),
        ] {
            assert_eq!(read(text), Ok(expected.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }

    #[test]
    fn what_it_refuses() {
        for (text, expected) in [
            ("{", "1: end of input: expected close brace"),
            ("}", "0: }: expected opening brace"),
            ("foo=bar}", "7: }: expected opening brace"),
            ("{foo=bar", "8: end of input: expected close brace"),
            (",", "0: unexpected ,: expected label name"),
            ("{,}", "1: unexpected ,: expected label name"),
            ("{foo=:\"bar\"}", "6: unexpected \": expected a comma or close brace"),
            ("{foo=\"bar\\w\"}", "5: \"bar\\w\": invalid input"),
            (r#"{"foo"=~"\d+"}"#, "8: \"\\d+\": invalid input"),
            ("{foo=bar\\n}", "8: unexpected \\: expected a comma or close brace"),
            (r#"{"foo"="\xf0\x9f"}"#, "7: \"\\xf0\\x9f\": invalid input"),
            ("job=\"value", "4: missing end \""),
            ("foo!bar", "3: !: expected an operator such as '=', '!=', '=~' or '!~'"),
            ("job=", "4: end of input: expected label value"),
            ("{foo='}", "5: unexpected ': expected label value"),
            ("{{foo=", "1: unexpected {: expected label name"),
            ("{foo=bar}}", "9: unexpected }: expected end of input"),
            ("\"\"=a", "2: the label name is empty"),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
    }
}
