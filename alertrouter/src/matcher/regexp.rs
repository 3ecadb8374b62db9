//! Patterns: Go's regexps on Rust's engine.
//!
//! The two agree on most of what people write. What they read differently is refused with its reason; translating it
//! is a piece of work of its own and belongs here.

use regex::{Regex, RegexBuilder};

/// Longest accepted pattern, in bytes: longer ones are generated, and generated ones belong in labels.
const MAX_PATTERN: usize = 4096;

/// Largest compiled pattern, in bytes, so that a counted repetition cannot eat the memory.
const MAX_COMPILED: usize = 1 << 20;

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegexpError {
    /// Longer than the limit.
    #[error("pattern of {0} bytes is longer than {MAX_PATTERN}")]
    TooLong(usize),
    /// Go reads it differently from us.
    #[error("pattern `{pattern}` is not supported yet: {part}; hint: write it without")]
    Differs {
        /// The pattern.
        pattern: String,
        /// What in it differs.
        part: &'static str,
    },
    /// Not a pattern.
    #[error("pattern `{pattern}` is not a valid regexp: {reason}")]
    Invalid {
        /// The pattern.
        pattern: String,
        /// The engine's reason, one line.
        reason: String,
    },
}

/// Compiles a pattern that must match a whole value.
pub(super) fn compile(pattern: &str) -> Result<Regex, RegexpError> {
    if pattern.len() > MAX_PATTERN {
        return Err(RegexpError::TooLong(pattern.len()));
    }
    let rewritten =
        rewrite(pattern).map_err(|part| RegexpError::Differs { pattern: pattern.to_owned(), part })?;
    let invalid = |reason: &regex::Error| RegexpError::Invalid {
        pattern: pattern.to_owned(),
        reason: match reason {
            regex::Error::CompiledTooBig(_) => "it is too big when compiled".to_owned(),
            other => {
                other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
            }
        },
    };
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build();
    // alone first: `a)(b` must not become valid by being wrapped
    build(&rewritten).map_err(|reason| invalid(&reason))?;
    build(&format!("^(?:{rewritten})$")).map_err(|reason| invalid(&reason))
}

/// The same pattern for Rust's engine: Perl classes are ASCII in Go. Fails with what cannot be carried over.
fn rewrite(pattern: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut class = Class::default();
    let mut rest = pattern.chars().peekable();
    let mut last = '\0';
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                let Some(escaped) = rest.next() else { return Err("a backslash at the end") };
                out.push_str(&escape(escaped, class.open)?);
                class.element();
                last = '\0';
                continue;
            }
            '[' if class.open && rest.peek() == Some(&':') => {
                // [:alpha:] and the like are the same on both sides, up to their end
                out.push('[');
                for inner in rest.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
                class.element();
                last = '\0';
                continue;
            }
            '[' if class.open => return Err("a bare [ inside a class"),
            '[' => class.start(),
            ']' if class.open && !class.first => class.open = false,
            '^' if class.open && class.first && last == '[' => {}
            '&' | '~' if class.open && last == character => return Err("a doubled & or ~ inside a class"),
            '-' if class.open && last == '-' => return Err("a doubled - inside a class"),
            '{' if !class.open => {
                let count: String = rest.clone().take_while(|c| *c != '}').collect();
                check_count(&count, rest.clone().any(|c| c == '}'))?;
            }
            '(' if !class.open && rest.peek() == Some(&'?') => {
                let flags: String =
                    rest.clone().skip(1).take_while(|c| !matches!(c, ':' | ')' | '<' | 'P')).collect();
                if flags.chars().any(|flag| !"imsU-".contains(flag)) {
                    return Err("a group flag other than i, m, s and U");
                }
                if flags.contains('i') {
                    // both fold by Unicode; nothing to carry over
                }
            }
            _ => class.element(),
        }
        out.push(character);
        last = character;
    }
    Ok(out)
}

/// Where in a class the reader is; a `]` that comes first is a plain character.
#[derive(Default)]
struct Class {
    open: bool,
    first: bool,
}

impl Class {
    fn start(&mut self) {
        self.open = true;
        self.first = true;
    }

    fn element(&mut self) {
        self.first = false;
    }
}

fn escape(escaped: char, in_class: bool) -> Result<String, &'static str> {
    Ok(match (escaped, in_class) {
        ('d', false) => "[0-9]".to_owned(),
        ('d', true) => "0-9".to_owned(),
        ('D', false) => "[^0-9]".to_owned(),
        ('w', false) => "[0-9A-Za-z_]".to_owned(),
        ('w', true) => "0-9A-Za-z_".to_owned(),
        ('W', false) => "[^0-9A-Za-z_]".to_owned(),
        ('s', false) => r"[\t\n\x0c\r ]".to_owned(),
        ('s', true) => r"\t\n\x0c\r ".to_owned(),
        ('S', false) => r"[^\t\n\x0c\r ]".to_owned(),
        ('D' | 'W' | 'S', true) => return Err(r"\D, \W or \S inside a class"),
        ('b', false) => r"(?-u:\b)".to_owned(),
        ('B', false) => return Err(r"\B"),
        ('Q' | 'E', _) => return Err(r"\Q…\E"),
        ('<' | '>', _) => escaped.to_string(),
        ('u' | 'U', _) => return Err(r"\u or \U, which Go does not know"),
        ('C', _) => return Err(r"\C"),
        ('0'..='9', _) => return Err("an octal escape"),
        (other, _) => format!("\\{other}"),
    })
}

/// Go takes a brace that is no count as itself and refuses counts above 1000.
fn check_count(count: &str, closed: bool) -> Result<(), &'static str> {
    let numbers: Vec<&str> = count.split(',').collect();
    let is_number =
        |text: &str| !text.is_empty() && text.len() <= 4 && text.chars().all(|c| c.is_ascii_digit());
    let valid = closed
        && match numbers.as_slice() {
            [exact] => is_number(exact),
            [least, most] => is_number(least) && (most.is_empty() || is_number(most)),
            _ => false,
        };
    if !valid {
        return Err("a { that is not a repetition count");
    }
    if numbers.iter().any(|number| number.parse::<u32>().is_ok_and(|number| number > 1000)) {
        return Err("a repetition count above 1000");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_in_go() {
        for (pattern, value, expected) in [
            (r"\d+", "12", true),
            (r"\d+", "١٢", false),
            (r"\w", "é", false),
            (r"[\w-]+", "a-b", true),
            (r"\s", "\u{b}", false),
            (r"a\bb?", "a", true),
            (r"\<x\>", "<x>", true),
            (r"a{2,3}", "aaa", true),
            (r"[]a]+", "]a", true),
            (r"[^]a]", "b", true),
            (r"[[:alpha:]]+", "abc", true),
            (r"(?i)abc", "ABC", true),
            (r"(?P<n>x)y", "xy", true),
            (r"\pL", "é", true),
            ("a|b", "ab", false),
            ("", "", true),
        ] {
            assert_eq!(compile(pattern).unwrap().is_match(value), expected, "{pattern} on {value:?}");
        }
    }

    #[test]
    fn what_differs_is_refused() {
        for pattern in [
            "[a&&b]", "[a--b]", "[a~~b]", "[x[y]]", r"\Qa.b\E", r"\123", "a{", "{x}", "a{,2}", "a{1001}",
            "(?x)a b", "(?u)a", r"\u007F", "(", "a)(b", "[", "*", r"a\",
        ] {
            assert!(compile(pattern).is_err(), "{pattern} was accepted");
        }
        assert!(compile(&"a".repeat(MAX_PATTERN + 1)).is_err());
        assert!(compile("((a{100}){100}){100}").is_err());
    }
}
