//! Go's regular expressions (RE2) on Rust's engine.
//!
//! The peers are Go programs, so the patterns in people's configurations are Go's. The two dialects look alike and
//! differ in what a pattern matches; a pattern is read by Go's rules and written anew for the engine, so that it
//! matches what it matches there. What Go refuses is refused, and the few things that cannot be carried over, too.
//!
//! Facts: <https://pkg.go.dev/regexp/syntax>, and what Go's parser does with the flags of `regexp.Compile`.

mod class;
mod translate;

use regex::RegexBuilder;
pub use regex::{Captures, Regex};

/// Longest accepted pattern, in bytes: longer ones are generated, and generated ones belong elsewhere.
pub const MAX_PATTERN: usize = 16 << 10;

/// Largest compiled pattern, in bytes, so that a counted repetition cannot eat the memory.
const MAX_COMPILED: usize = 4 << 20;

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegexpError {
    /// Longer than the limit.
    #[error("the pattern of {0} bytes is longer than {MAX_PATTERN}")]
    TooLong(usize),
    /// Go does not read it.
    #[error("the pattern `{pattern}` is not a valid regular expression: {problem}")]
    Invalid {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl RegexpError {
    /// The same about the pattern as it was written.
    fn of(self, written: &str) -> Self {
        match self {
            Self::TooLong(_) => Self::TooLong(written.len()),
            Self::Invalid { problem, .. } => Self::Invalid { pattern: written.to_owned(), problem },
        }
    }
}

/// Compiles a pattern that may match anywhere in a text.
///
/// # Errors
/// It is not one of Go's patterns, or too big.
pub fn compile(pattern: &str) -> Result<Regex, RegexpError> {
    build(pattern, &translated(pattern)?)
}

/// Compiles a pattern that must match a whole text, as matchers of labels do: `^(?:…)$`.
///
/// # Errors
/// It is not one of Go's patterns, or too big.
pub fn compile_whole(pattern: &str) -> Result<Regex, RegexpError> {
    // put together before it is read, as Go programs do: `a)(b` is a pattern then, and an open `\Q` is none
    let translated = translated(&format!("^(?:{pattern})$")).map_err(|error| error.of(pattern))?;
    build(pattern, &translated)
}

/// The pattern as the engine reads it.
///
/// # Errors
/// It is not one of Go's patterns.
pub fn translated(pattern: &str) -> Result<String, RegexpError> {
    if pattern.len() > MAX_PATTERN {
        return Err(RegexpError::TooLong(pattern.len()));
    }
    translate::translate(pattern)
        .map_err(|problem| RegexpError::Invalid { pattern: pattern.to_owned(), problem })
}

fn build(pattern: &str, translated: &str) -> Result<Regex, RegexpError> {
    RegexBuilder::new(translated).size_limit(MAX_COMPILED).build().map_err(|error| {
        let problem = match &error {
            regex::Error::CompiledTooBig(_) => "it is too big when compiled".to_owned(),
            other => other.to_string().lines().last().unwrap_or_default().replace("error: ", ""),
        };
        RegexpError::Invalid { pattern: pattern.to_owned(), problem }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        let found = compile_whole(pattern).map(|regex| regex.is_match(text));
        assert_eq!(found, Ok(expected), "{pattern} on {text:?} ({:?})", translated(pattern));
    }

    #[test]
    fn matches_what_go_matches() {
        for (pattern, text, expected) in [
            (r"\d+", "12", true),
            (r"\d+", "١٢", false),
            (r"\D", "١", true),
            (r"\w", "é", false),
            (r"\W", "é", true),
            (r"[\w-]+", "a-b", true),
            (r"[^\W]", "a", true),
            (r"[^\W]", "é", false),
            (r"[\D]", "5", false),
            (r"\s", "\u{b}", false),
            (r"[[:space:]]", "\u{b}", true),
            (r"[[:^alpha:]]", "5", true),
            (r"a\bb?", "a", true),
            (r"a\Bb", "ab", true),
            (r"\<x\>", "<x>", true),
            (r"\_\-\/", "_-/", true),
            ("a{2,3}", "aaa", true),
            ("a{2,}", "a", false),
            ("a{", "a{", true),
            ("{x}", "{x}", true),
            ("a{,2}", "a{,2}", true),
            ("a{,2}", "aa", false),
            ("a{2", "a{2", true),
            ("a}", "a}", true),
            ("[]a]+", "]a", true),
            ("[^]a]", "b", true),
            ("[^a]", "\n", true),
            (".", "\n", false),
            ("(?s).", "\n", true),
            ("[a&&b]", "&", true),
            ("[a&&b]", "a", true),
            ("[+--]+", "+,-", true),
            ("[a~~b]+", "a~b", true),
            ("[x[y]]", "[]", true),
            ("[x[y]]", "y]", true),
            ("[-a]+", "a-", true),
            ("[a-]+", "a-", true),
            (r"[\d-z]+", "5-z", true),
            (r"[\x41-\x43]", "B", true),
            (r"[\]]", "]", true),
        ] {
            check(pattern, text, expected);
        }
    }

    #[test]
    fn reads_what_the_engine_does_not() {
        for (pattern, text, expected) in [
            (r"\Qa.b\E+", "a.bb", true),
            (r"\Qa.b\E+", "axb", false),
            (r"\Qa|b\E", "a|b", true),
            ("a)(b", "ab", true),
            (r"\Q\E", "", true),
            (r"\123", "S", true),
            (r"\0", "\0", true),
            (r"\012", "\n", true),
            (r"\12", "\n", true),
            (r"\x41\x{1F642}", "A🙂", true),
            (r"\a\f\t\r\v", "\u{7}\u{c}\t\r\u{b}", true),
            (r"\A\z", "", true),
            ("(?i)abc", "ABC", true),
            ("(?i:a)b", "Ab", true),
            ("(?i:a)b", "AB", false),
            (r"(?i)\w", "K", true),
            ("(?U)a+", "aa", true),
            ("(?ms)a.*^b$.*c", "a\nb\nc", true),
            ("(?s)a.*^b$.*c", "a\nb\nc", false),
            ("(?ii-i)a", "A", false),
            ("(?)a", "a", true),
            (r"\b{start}", "{start}", false),
            (r"a\b{start}", "a{start}", true),
            ("(?P<n>x)y", "xy", true),
            ("(?<n>x)y", "xy", true),
            (r"\pL", "é", true),
            (r"\PL", "é", false),
            (r"\p{Greek}", "α", true),
            (r"\p{^Greek}", "α", false),
            (r"[\p{Lu}\d]+", "É5", true),
            ("a|b|", "", true),
            ("()", "", true),
            ("^*", "", true),
            ("a*?", "", true),
            ("x*", "", true),
            (" # ", " # ", true),
            ("🙂+", "🙂🙂", true),
        ] {
            check(pattern, text, expected);
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in [
            "a{1001}",
            "[a--b]",
            "a{2,1}",
            "(a{100}){100}",
            "((a{10}){10}){11}",
            "(?x)a b",
            "(?u)a",
            "(?R)a",
            r"\u007F",
            r"\U0001F642",
            "(",
            "a)",
            "a)(b",
            "[",
            "[a",
            "[]",
            "[^]",
            "[b-a]",
            "*",
            "+a",
            "|*",
            "(*a)",
            "a**",
            "a*+",
            "a+{2}",
            "a{2}{3}",
            "a??*",
            r"a\",
            r"\8",
            r"\1",
            r"\7a",
            r"\C",
            r"\E",
            r"\Z",
            r"\h",
            r"\é",
            r"\x",
            r"\x4",
            r"\x{110000}",
            r"\x{}",
            r"\x{41",
            r"[a-\d]",
            "[[:nope:]]",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?P<n",
            "(?P<>a)",
            "(?P<n>a)(?P<n>b)",
            "(?P<a.b>x)",
            "(?P=n)",
            "(?-)",
            "(?i",
            "(?",
            r"\p{Nope}",
            r"\p",
            r"\p{sc=Greek}",
            r"[\Qa\E]",
            "{2}",
        ] {
            assert!(compile(pattern).is_err(), "{pattern} was accepted as {:?}", translated(pattern));
        }
        assert_eq!(compile(&"a".repeat(MAX_PATTERN + 1)).unwrap_err(), RegexpError::TooLong(MAX_PATTERN + 1));
    }

    #[test]
    fn a_problem_is_one_sentence() {
        let problem = |pattern: &str| compile(pattern).unwrap_err().to_string();
        for (pattern, expected) in [
            ("foo[", "the pattern `foo[` is not a valid regular expression: missing closing ]"),
            ("a**", "the pattern `a**` is not a valid regular expression: nested repetition `**`"),
            ("(?=a)", "the pattern `(?=a)` is not a valid regular expression: unknown group `(?=`"),
        ] {
            assert_eq!(problem(pattern), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics(pattern in r"[a-c(){}\[\]\\?*+|^$.,0-9:PQE<>i-]{0,24}", text in "[a-c]{0,8}") {
            if let Ok(regex) = compile_whole(&pattern) {
                let _ = regex.is_match(&text);
            }
        }
    }
}
