//! Which names are meant: a regular expression, or a list of globs that is made into one.

use toolkit::regexp::{self, Regex};

/// What a name must match.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// A regular expression as Go reads it, found anywhere in a name.
    pub fn regex(text: &str) -> Result<Self, String> {
        regexp::compile(text).map(Self).map_err(|error| error.to_string())
    }

    /// Globs separated by commas, of which one must match the whole name, whatever its case; `None` for an empty list.
    pub fn globs(list: &str) -> Result<Option<Self>, String> {
        let globs: Vec<String> = words(list).map(glob).collect();
        if globs.is_empty() {
            return Ok(None);
        }
        Self::regex(&format!("(?is)^(?:{})$", globs.join("|"))).map(Some)
    }

    /// Whether it matches.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// The words of a list of globs, when all of them are plain: then they can be asked for by name.
pub fn plain_words(list: &str) -> Vec<String> {
    let all: Vec<String> = words(list).map(str::to_owned).collect();
    if all.iter().any(|word| word.contains(['*', '?'])) { Vec::new() } else { all }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn glob(text: &str) -> String {
    text.chars().fold(String::new(), |pattern, character| match character {
        '*' => pattern + ".*",
        '?' => pattern + ".",
        '0'..='9' | 'a'..='z' | 'A'..='Z' | '_' => pattern + character.encode_utf8(&mut [0; 4]),
        other => format!("{pattern}\\x{{{:x}}}", u32::from(other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let found = |list: &str, name: &str| Pattern::globs(list).unwrap().map(|globs| globs.matches(name));
        for (list, name, expected) in [
            ("", "get", None),
            (" , ", "get", None),
            ("get,set", "set", Some(true)),
            ("GET, hget*", "hgetall", Some(true)),
            ("get", "getex", Some(false)),
            ("get", "GET", Some(true)),
            ("ft.*", "ftx", Some(false)),
            ("config|*", "config|get", Some(true)),
            ("config|*", "config", Some(false)),
            ("g?t", "get", Some(true)),
        ] {
            assert_eq!(found(list, name), expected, "{list} {name}");
        }
    }

    #[test]
    fn plain_lists_can_be_asked_for() {
        assert_eq!(plain_words("get, set,"), ["get", "set"]);
        assert_eq!(plain_words("get,h*"), Vec::<String>::new());
    }

    #[test]
    fn bad_expressions_are_told() {
        assert!(Pattern::regex("(").is_err());
        assert!(Pattern::regex("^idx").unwrap().matches("idx:1"));
    }
}
