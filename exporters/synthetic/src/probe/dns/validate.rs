//! What the records of a section must be like.

use toolkit::config::Fields;
use toolkit::regexp::{self, Regex};

use super::message::Record;

/// Bytes of a pattern that a message shows.
const SHOWN: usize = 100;

/// A condition on all records of a section, given some patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// No record matches any of the patterns.
    None,
    /// Every record matches all of the patterns, and there is a record.
    Every,
    /// Every record that there is matches all of the patterns.
    EveryOrEmpty,
    /// A record matches one of the patterns.
    One,
    /// Each of the patterns is matched by a record.
    Each,
    /// For each of the patterns there is a record that does not match it, or there is no record.
    NotEvery,
}

/// blackbox_exporter's keys, and then ours.
///
/// `fail_if_all_match_regexp` does the opposite of what it says there, and people's files work with that: it fails unless
/// all records match. Ours say what they do.
const KEYS: [(&str, Rule); 8] = [
    ("fail_if_matches_regexp", Rule::None),
    ("fail_if_all_match_regexp", Rule::EveryOrEmpty),
    ("fail_if_not_matches_regexp", Rule::Every),
    ("fail_if_none_matches_regexp", Rule::One),
    ("no_rr_may_match_regexp", Rule::None),
    ("every_rr_must_match_regexp", Rule::Every),
    ("some_rr_must_match_regexp", Rule::Each),
    ("fail_if_every_rr_matches_regexp", Rule::NotEvery),
];

/// The conditions on one section.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<(&'static str, Rule, Vec<Regex>)>);

impl Rules {
    /// Reads the conditions below `key`.
    pub(super) fn of(fields: &mut Fields<'_>, key: &str) -> Self {
        let Some(mut fields) = fields.fields(key) else { return Self::default() };
        let read = KEYS.map(|(key, rule)| {
            let patterns = fields.list(key, |item| item.parsed(regexp::compile));
            (key, rule, patterns)
        });
        Self(read.into_iter().filter(|(_, _, patterns)| !patterns.is_empty()).collect())
    }

    /// Says which condition does not hold, if any.
    pub(super) fn check(&self, section: &str, records: &[&Record]) -> Result<(), String> {
        for (key, rule, patterns) in &self.0 {
            rule.check(patterns, records).map_err(|found| {
                let pattern = found.pattern.map(|pattern| format!(" `{}`", shown(pattern.as_str())));
                format!("{section}: {key}{}: {}", pattern.unwrap_or_default(), found.what)
            })?;
        }
        Ok(())
    }
}

/// Why a condition does not hold.
struct Found<'a> {
    pattern: Option<&'a Regex>,
    what: &'static str,
}

impl Rule {
    fn check<'a>(self, patterns: &'a [Regex], records: &[&Record]) -> Result<(), Found<'a>> {
        let some = |pattern: &Regex| records.iter().any(|record| pattern.is_match(&record.text));
        let every = |pattern: &Regex| records.iter().all(|record| pattern.is_match(&record.text));
        let first = |wrong: &dyn Fn(&Regex) -> bool, what| {
            let pattern = patterns.iter().find(|pattern| wrong(pattern));
            pattern.map_or(Ok(()), |pattern| Err(Found { pattern: Some(pattern), what }))
        };
        match self {
            Self::Every | Self::One | Self::Each if records.is_empty() => {
                Err(Found { pattern: None, what: "there is no record" })
            }
            Self::None => first(&some, "a record matches"),
            Self::Every | Self::EveryOrEmpty => first(&|pattern| !every(pattern), "a record does not match"),
            Self::One if patterns.iter().any(some) => Ok(()),
            Self::One => Err(Found { pattern: None, what: "no record matches" }),
            Self::Each => first(&|pattern| !some(pattern), "no record matches"),
            Self::NotEvery if records.is_empty() => Ok(()),
            Self::NotEvery => first(&every, "every record matches"),
        }
    }
}

fn shown(pattern: &str) -> String {
    let cut = pattern.floor_char_boundary(SHOWN);
    let (shown, rest) = pattern.split_at(cut);
    if rest.is_empty() { shown.to_owned() } else { format!("{shown}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: Rule, patterns: &[&str], texts: &[&str]) -> bool {
        let patterns: Vec<Regex> = patterns.iter().map(|pattern| regexp::compile(pattern).unwrap()).collect();
        let record = |text: &&str| Record { kind: 1, text: (*text).to_owned(), serial: None };
        let records: Vec<Record> = texts.iter().map(record).collect();
        rule.check(&patterns, &records.iter().collect::<Vec<_>>()).is_ok()
    }

    #[test]
    fn rules() {
        for (rule, patterns, texts, expected) in [
            (Rule::None, &["a"][..], &["b", "c"][..], true),
            (Rule::None, &["a", "b"], &["c", "b"], false),
            (Rule::None, &["a"], &[], true),
            (Rule::Every, &["a"], &["a", "ab"], true),
            (Rule::Every, &["a", "b"], &["a", "ab"], false),
            (Rule::Every, &["a"], &[], false),
            (Rule::EveryOrEmpty, &["a"], &["a", "ab"], true),
            (Rule::EveryOrEmpty, &["a", "b"], &["a", "ab"], false),
            (Rule::EveryOrEmpty, &["a"], &[], true),
            (Rule::One, &["a", "z"], &["b", "a"], true),
            (Rule::One, &["z"], &["b", "a"], false),
            (Rule::One, &["z"], &[], false),
            (Rule::Each, &["a", "b"], &["b", "a", "c"], true),
            (Rule::Each, &["a", "z"], &["b", "a"], false),
            (Rule::Each, &["a"], &[], false),
            (Rule::NotEvery, &["a"], &["a", "b"], true),
            (Rule::NotEvery, &["a"], &["a", "ab"], false),
            (Rule::NotEvery, &["a"], &[], true),
        ] {
            assert_eq!(check(rule, patterns, texts), expected, "{rule:?} {patterns:?} {texts:?}");
        }
    }

    #[test]
    fn a_message_names_the_key_and_the_pattern() {
        let rules =
            Rules(vec![("fail_if_matches_regexp", Rule::None, vec![regexp::compile("7200").unwrap()])]);
        let record = Record { kind: 1, text: "x.\t7200".to_owned(), serial: None };
        let message = rules.check("answer", &[&record]).unwrap_err();
        assert_eq!(message, "answer: fail_if_matches_regexp `7200`: a record matches");
        assert!(rules.check("answer", &[]).is_ok());
        assert_eq!(shown(&"é".repeat(80)), "é".repeat(50) + "…");
    }
}
