//! Which of the two grammars reads a matcher: Alertmanager's three modes.
//!
//! By default both read it. Where only one can, that one stands; where they read different things, the classic one
//! stands, as it did before there were two, and the doubt is told.

use super::{Matcher, MatcherError, classic, utf8};

/// How matchers are read; `--enable-feature` of Alertmanager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ParserMode {
    /// Both grammars; the classic one stands where they differ.
    #[default]
    Fallback,
    /// `utf8-strict-mode`: the UTF-8 grammar only.
    Utf8,
    /// `classic-mode`: the classic grammar only.
    Classic,
}

/// Matchers and what should be said about how they are written.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The matchers.
    pub matchers: Vec<Matcher>,
    /// Why the text should be written otherwise.
    pub doubt: Option<Doubt>,
}

/// Why a matcher should be written otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The UTF-8 grammar refuses it.
    #[error("only the classic grammar reads this matcher; hint: write {0}")]
    ClassicOnly(String),
    /// The two grammars read different things.
    #[error(
        "the classic and the UTF-8 grammar read this matcher differently, the classic one stands; hint: write {0}"
    )]
    Disagreement(String),
}

impl ParserMode {
    /// Reads a list of matchers as it stands in one item of `matchers:`.
    ///
    /// # Errors
    /// No grammar of this mode reads it; with both, the classic one's error.
    pub fn parse(self, text: &str) -> Result<Parsed, MatcherError> {
        let sure = |matchers| Parsed { matchers, doubt: None };
        match self {
            Self::Classic => classic::parse(text).map(sure),
            Self::Utf8 => utf8::parse(text).map(sure),
            Self::Fallback => match (classic::parse(text), utf8::parse(text)) {
                (Ok(classic), Ok(utf8)) if shown(&classic) == shown(&utf8) => Ok(sure(classic)),
                (Ok(classic), Ok(_)) => Ok(doubtful(classic, Doubt::Disagreement)),
                (Ok(classic), Err(_)) => Ok(doubtful(classic, Doubt::ClassicOnly)),
                (Err(_), Ok(utf8)) => Ok(sure(utf8)),
                (Err(classic), Err(_)) => Err(classic),
            },
        }
    }

    /// Reads Alertmanager's `--enable-feature`: names with commas between.
    ///
    /// # Errors
    /// There is no such feature, or two of them contradict each other.
    pub fn from_features(text: &str) -> Result<Self, String> {
        let mut mode = Self::Fallback;
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let wanted = match name {
                "classic-mode" => Self::Classic,
                "utf8-strict-mode" => Self::Utf8,
                _ => return Err(format!("unknown option '{name}' for --enable-feature")),
            };
            if mode != Self::Fallback && mode != wanted {
                return Err("cannot have both classic and UTF-8 modes enabled".to_owned());
            }
            mode = wanted;
        }
        Ok(mode)
    }

    /// Reads one matcher as it stands on a command line.
    ///
    /// # Errors
    /// It is none, there are several, or it stands in braces.
    pub fn parse_one(self, text: &str) -> Result<Matcher, MatcherError> {
        if self == Self::Classic {
            return classic::parse_one(text);
        }
        if text.starts_with('{') || text.ends_with('}') {
            return Err(MatcherError::Syntax(format!("unexpected open or close brace: {text}")));
        }
        let utf8 = || match <[Matcher; 1]>::try_from(utf8::parse(text)?) {
            Ok([matcher]) => Ok(matcher),
            Err(none) if none.is_empty() => Err(MatcherError::Syntax("no matchers".to_owned())),
            Err(several) => Err(MatcherError::Syntax(format!("expected 1 matcher, found {}", several.len()))),
        };
        match self {
            Self::Utf8 => utf8(),
            // the classic one stands where both can read it
            _ => classic::parse_one(text).or_else(|classic| utf8().map_err(|_| classic)),
        }
    }

    /// Whether a text may be the name of a label.
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Classic => super::is_classic_label_name(name),
            Self::Utf8 | Self::Fallback => !name.is_empty(),
        }
    }
}

fn doubtful(matchers: Vec<Matcher>, doubt: fn(String) -> Doubt) -> Parsed {
    let text = shown(&matchers).join(",");
    Parsed { matchers, doubt: Some(doubt(text)) }
}

/// How matchers are printed: in a form that both grammars read alike.
fn shown(matchers: &[Matcher]) -> Vec<String> {
    matchers.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_modes() {
        // text, classic, UTF-8, both; None is an error
        for (text, classic, utf8, fallback) in [
            ("foo=bar", Some("foo=\"bar\""), Some("foo=\"bar\""), Some("foo=\"bar\"")),
            ("foo🙂=bar", None, Some("foo🙂=\"bar\""), Some("foo🙂=\"bar\"")),
            ("foo=~\"\\d+\"", Some("foo=~\"\\\\d+\""), None, Some("foo=~\"\\\\d+\"")),
            ("foo=\"bar\\t\"", Some("foo=\"bar\\\\t\""), Some("foo=\"bar\t\""), Some("foo=\"bar\\\\t\"")),
            ("foo!bar", None, None, None),
            ("{foo=~\"a[\"}", None, None, None),
        ] {
            for (mode, expected) in
                [(ParserMode::Classic, classic), (ParserMode::Utf8, utf8), (ParserMode::Fallback, fallback)]
            {
                let found = mode.parse(text).ok().map(|parsed| shown(&parsed.matchers).join(","));
                assert_eq!(found.as_deref(), expected, "{text} {mode:?}");
            }
        }
    }

    #[test]
    fn doubts_are_told() {
        for (text, expected) in [
            ("foo=bar", None),
            ("\"foo bar\"=a", None),
            ("foo=~\"\\d+\"", Some(Doubt::ClassicOnly("foo=~\"\\\\d+\"".to_owned()))),
            ("foo=\"bar\\t\"", Some(Doubt::Disagreement("foo=\"bar\\\\t\"".to_owned()))),
        ] {
            assert_eq!(ParserMode::Fallback.parse(text).unwrap().doubt, expected, "{text}");
        }
    }
}
