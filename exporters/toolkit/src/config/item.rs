//! One value while it is decoded: a list element, or what a key holds.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::document::Scope;
use super::error::quoted;
use super::node::{Node, Text, Value};
use super::scalar;
use super::secret::Secret;
use super::similar::most_similar;
use super::{Fields, Position, parse_duration};

/// One value while it is decoded. Reading it as the wrong type notes a problem and gives `None`.
pub struct Item<'a> {
    scope: &'a Scope<'a>,
    node: &'a Node,
    name: Name<'a>,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, `~`, or `null`.
    Null,
    /// A text, number, or bool.
    Text,
    /// A list.
    List,
    /// A map.
    Map,
}

impl<'a> Item<'a> {
    /// A text. Unquoted numbers and bools are read as they are written.
    pub fn string(&self) -> Option<String> {
        self.text("a string").map(|text| text.text.to_string())
    }

    /// The bytes of what is written as `!!binary`; `None`, without a complaint, of anything else.
    pub fn binary(&self) -> Option<&'a [u8]> {
        match &self.node.value {
            Value::Text(text) => text.binary.as_ref().map(|bytes| bytes.as_slice()),
            _ => None,
        }
    }

    /// A bool.
    pub fn bool(&self) -> Option<bool> {
        let text = self.text(BOOL)?;
        let value = scalar::bool(text);
        value.or_else(|| self.unexpected(BOOL, text))
    }

    /// A whole number in a range.
    pub fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let expected = scalar::integer_range(&range);
        let text = self.text(&expected)?;
        let value = scalar::integer(text).filter(|value| range.contains(value));
        value.or_else(|| self.unexpected(&expected, text))
    }

    /// A finite number.
    pub fn float(&self) -> Option<f64> {
        let text = self.text("a number")?;
        scalar::float(text).or_else(|| self.unexpected("a number", text))
    }

    /// A duration in Prometheus' form (`1h30m`) or Go's (`1.5s`).
    pub fn duration(&self) -> Option<Duration> {
        let text = self.text("a duration")?;
        match parse_duration(&text.text) {
            Ok(duration) => Some(duration),
            Err(message) => self.refuse(format!("{message}{}", self.found(text))),
        }
    }

    /// A text that `parse` turns into a type; see [`Fields::parsed`].
    pub fn parsed<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = &self.text("a string")?.text;
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let message = error.to_string();
                let hide = self.name.secret && shows(&message, text);
                self.refuse(if hide { "the value is not valid".to_owned() } else { message })
            }
        }
    }

    /// One of a few words.
    pub fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let words = || choices.iter().map(|(word, _)| *word);
        let expected = format!("one of {}", words().map(quoted).collect::<Vec<_>>().join(", "));
        let text = self.text(&expected)?;
        let found = choices.iter().find(|(word, _)| *word == text.text.as_str());
        if found.is_none() {
            let hint = most_similar(&text.text, words())
                .map(|similar| format!(" (hint: did you mean {}?)", quoted(similar)))
                .unwrap_or_default();
            return self.refuse(format!("expected {expected}{}{hint}", self.found(text)));
        }
        found.map(|(_, value)| value.clone())
    }

    /// A path; a relative one is taken from the file's folder.
    pub fn path(&self) -> Option<PathBuf> {
        let text = &self.text("a path")?.text;
        if text.is_empty() {
            return self.refuse("expected a path, found nothing");
        }
        Some(self.scope.resolve(text))
    }

    /// A secret that stands in the file itself.
    pub fn secret(&self) -> Option<Secret> {
        self.text("a string").map(|text| Secret::from(text.text.as_str()))
    }

    /// A map with keys that the program knows.
    pub fn fields(&self) -> Option<Fields<'a>> {
        let fields = Fields::of(self.scope, &self.node.value, self.node.position, self.name.secret);
        fields.or_else(|| self.wrong_kind("a map"))
    }

    /// A list; what `decode` refuses with `None` is left out.
    pub fn list<T>(&self, decode: impl FnMut(Self) -> Option<T>) -> Vec<T> {
        let Value::List(items) = &self.node.value else {
            return self.wrong_kind("a list").unwrap_or_default();
        };
        items
            .iter()
            .map(|node| Item { scope: self.scope, node, name: self.name })
            .filter_map(decode)
            .collect()
    }

    /// A map whose keys are the user's own names; what `decode` refuses is left out.
    pub fn map<T>(&self, mut decode: impl FnMut(&'a str, Self) -> Option<T>) -> Vec<T> {
        let Value::Map(entries) = &self.node.value else {
            return self.wrong_kind("a map").unwrap_or_default();
        };
        entries
            .iter()
            .filter_map(|entry| {
                let name = Name::new(&entry.key, self.name.secret);
                decode(&entry.key, Item { scope: self.scope, node: &entry.value, name })
            })
            .collect()
    }

    /// What the value is, for what may be written in several ways.
    pub fn kind(&self) -> Kind {
        match self.node.value {
            Value::Null => Kind::Null,
            Value::Text(_) => Kind::Text,
            Value::List(_) => Kind::List,
            Value::Map(_) => Kind::Map,
        }
    }

    /// Whether it is a text without quotes, which may also be meant as a number or a bool.
    pub fn is_plain(&self) -> bool {
        matches!(&self.node.value, Value::Text(text) if text.plain)
    }

    /// Where the value stands.
    pub fn position(&self) -> Position {
        self.node.position
    }

    /// Notes a problem at the value.
    pub fn problem(&self, message: impl Into<String>) {
        self.scope.problem(self.node.position, message.into());
    }

    pub(super) fn new(scope: &'a Scope<'a>, node: &'a Node, name: Name<'a>) -> Self {
        Self { scope, node, name }
    }

    pub(super) fn node(&self) -> &'a Node {
        self.node
    }

    /// The name of an environment variable.
    pub(super) fn environment_name(&self) -> Option<String> {
        let name = self.string()?;
        if name.is_empty() || name.contains(['=', '\0']) {
            return self.refuse("expected the name of an environment variable");
        }
        Some(name)
    }

    /// A program and its arguments; a program given by a relative path is taken from the file's folder.
    pub(super) fn command(&self) -> Option<Vec<String>> {
        const EXPECTED: &str = "a list: the program and its arguments";
        if self.kind() != Kind::List {
            return self.wrong_kind(EXPECTED);
        }
        let mut words = self.list(|item| item.string());
        let Some(program) = words.first_mut().filter(|program| !program.is_empty()) else {
            return self.refuse(format!("expected {EXPECTED}"));
        };
        if program.contains('/') {
            *program = self.scope.resolve(program).to_string_lossy().into_owned();
        }
        Some(words)
    }

    fn text(&self, expected: &str) -> Option<&'a Text> {
        if let Value::Text(text) = &self.node.value {
            let is_text = text.binary.as_ref().is_none_or(|bytes| std::str::from_utf8(bytes).is_ok());
            return is_text
                .then_some(text)
                .or_else(|| self.refuse(format!("expected {expected}, found bytes")));
        }
        self.wrong_kind(expected)
    }

    fn wrong_kind<T>(&self, expected: &str) -> Option<T> {
        let found = match self.kind() {
            Kind::Null => "nothing",
            Kind::Text => "a plain value",
            Kind::List => "a list",
            Kind::Map => "a map",
        };
        self.refuse(format!("expected {expected}, found {found}"))
    }

    fn unexpected<T>(&self, expected: &str, text: &Text) -> Option<T> {
        let hint = if text.plain { "" } else { " (hint: remove the quotes)" };
        self.refuse(format!("expected {expected}{}{hint}", self.found(text)))
    }

    /// Notes a problem that begins with the key.
    fn refuse<T>(&self, message: impl Display) -> Option<T> {
        let key = self.name.key.map(|key| format!("{}: ", quoted(key))).unwrap_or_default();
        self.problem(format!("{key}{message}"));
        None
    }

    fn found(&self, text: &Text) -> String {
        if self.name.secret { String::new() } else { format!(", found {}", quoted(&text.text)) }
    }
}

/// The key that a value stands under, and whether its text must stay out of messages.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    key: Option<&'a str>,
    secret: bool,
}

impl<'a> Name<'a> {
    /// The file itself.
    pub(super) const TOP: Self = Self { key: None, secret: false };

    pub(super) fn new(key: &'a str, secret: bool) -> Self {
        Self { key: Some(key), secret }
    }
}

/// Whether a key's value may be a secret. Rather too many than too few: it costs a part of a message.
pub(super) fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Whether a message shows a part of a text that somebody could use: four characters in a row, or all of it.
fn shows(message: &str, text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let window = characters.len().min(SHOWN_CHARS);
    window > 0 && characters.windows(window).any(|part| message.contains(&part.iter().collect::<String>()))
}

const SECRET_WORDS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "auth",
    "key",
    "cookie",
    "dsn",
    "private",
];

/// Characters in a row of a secret that count as shown.
const SHOWN_CHARS: usize = 4;

const BOOL: &str = "true or false";
