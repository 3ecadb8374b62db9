//! One YAML map while it is decoded.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::document::Scope;
use super::error::quoted;
use super::item::{Item, Name, looks_secret};
use super::node::{Entry, Value};
use super::secret::SecretSource;
use super::similar::most_similar;
use super::{Kind, Position};

/// One YAML map while it is decoded: ask it for each key that the program knows.
///
/// A key that is absent or null reads as `None` (or an empty list). A value of the wrong type is noted as a problem
/// and reads as `None` too, so that decoding goes on. When the `Fields` are dropped, every key that nobody asked for
/// is noted as unknown: ask for all keys before returning early.
pub struct Fields<'a> {
    scope: &'a Scope<'a>,
    entries: &'a [Entry],
    position: Position,
    /// The map stands under a key that looks secret, so its values are not shown.
    secret: bool,
    read: Vec<bool>,
    asked: Vec<String>,
}

impl<'a> Fields<'a> {
    /// A text. Unquoted numbers and bools are read as they are written.
    pub fn string(&mut self, key: &str) -> Option<String> {
        self.item(key)?.string()
    }

    /// A text that must be there; its absence is a problem, and reads as `""`.
    pub fn required_string(&mut self, key: &str) -> String {
        self.require(key);
        self.string(key).unwrap_or_default()
    }

    /// A bool; YAML 1.1's `yes`, `no`, `on`, `off` are accepted, since the Go programs accept them.
    pub fn bool(&mut self, key: &str) -> Option<bool> {
        self.item(key)?.bool()
    }

    /// A whole number in a range.
    pub fn integer(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        self.item(key)?.integer(range)
    }

    /// A finite number.
    pub fn float(&mut self, key: &str) -> Option<f64> {
        self.item(key)?.float()
    }

    /// A duration in Prometheus' form (`1h30m`) or Go's (`1.5s`).
    pub fn duration(&mut self, key: &str) -> Option<Duration> {
        self.item(key)?.duration()
    }

    /// A text that `parse` turns into a type. Its error is the problem; where the key looks secret, an error that
    /// shows a part of the value is replaced.
    pub fn parsed<T, E: Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.item(key)?.parsed(parse)
    }

    /// One of a few words.
    pub fn choice<T: Clone>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.item(key)?.choice(choices)
    }

    /// A path; a relative one is taken from the file's folder.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.item(key)?.path()
    }

    /// A secret: `KEY` in the file itself, or `KEY_file`, `KEY_env`, or `KEY_command` (a list: the program and its
    /// arguments). At most one of them.
    pub fn secret(&mut self, key: &str) -> Option<SecretSource> {
        let [file, env, command] = ["file", "env", "command"].map(|suffix| format!("{key}_{suffix}"));
        let given = [key, file.as_str(), &env, &command].map(|name| (name, self.item(name)));
        let mut present = given.iter().filter_map(|(name, item)| Some((name, item.as_ref()?)));
        if let (Some((first, _)), Some((second, item))) = (present.next(), present.next()) {
            item.problem(format!("{} and {} cannot both be set", quoted(first), quoted(second)));
        }
        let [(_, inline), (_, file), (_, env), (_, command)] = given;
        None.or_else(|| inline?.secret().map(SecretSource::Inline))
            .or_else(|| file?.path().map(SecretSource::File))
            .or_else(|| env?.environment_name().map(SecretSource::Env))
            .or_else(|| command?.command().map(SecretSource::Command))
    }

    /// A list of texts.
    pub fn strings(&mut self, key: &str) -> Vec<String> {
        self.list(key, |item| item.string())
    }

    /// A list of texts, or one text for a list of one.
    pub fn string_or_list(&mut self, key: &str) -> Vec<String> {
        match self.item(key) {
            None => Vec::new(),
            Some(item) if item.kind() == Kind::Text => item.string().into_iter().collect(),
            Some(item) => item.list(|item| item.string()),
        }
    }

    /// A map of texts, in the file's order.
    pub fn string_map(&mut self, key: &str) -> Vec<(String, String)> {
        self.map(key, |name, item| Some((name.to_owned(), item.string()?)))
    }

    /// A nested map.
    pub fn fields(&mut self, key: &str) -> Option<Self> {
        self.item(key)?.fields()
    }

    /// A nested map all of whose keys may be absent: where it is absent itself, it is read as an empty one.
    pub fn section(&mut self, key: &str) -> Option<Self> {
        match self.item(key) {
            Some(item) => item.fields(),
            None => Some(Self::new(self.scope, &[], self.position_of(key), false)),
        }
    }

    /// A list of anything; what `decode` refuses with `None` is left out.
    pub fn list<T>(&mut self, key: &str, decode: impl FnMut(Item<'a>) -> Option<T>) -> Vec<T> {
        self.item(key).map(|item| item.list(decode)).unwrap_or_default()
    }

    /// A map whose keys are the user's own names, in the file's order; what `decode` refuses is left out.
    pub fn map<T>(&mut self, key: &str, decode: impl FnMut(&'a str, Item<'a>) -> Option<T>) -> Vec<T> {
        self.item(key).map(|item| item.map(decode)).unwrap_or_default()
    }

    /// The value as it is, for what may be written in several ways. Absent and null are `None`.
    pub fn item(&mut self, key: &str) -> Option<Item<'a>> {
        self.asked.push(key.to_owned());
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        if let Some(read) = self.read.get_mut(index) {
            *read = true;
        }
        let entry = self.entries.get(index)?;
        let name = Name::new(&entry.key, self.secret || looks_secret(key));
        (!entry.value.is_null()).then(|| Item::new(self.scope, &entry.value, name))
    }

    /// Knows a key without reading it.
    pub fn ignore(&mut self, key: &str) {
        let _ignored: Option<Item<'_>> = self.item(key);
    }

    /// Notes a problem when the key is absent or null; says whether it is there.
    pub fn require(&self, key: &str) -> bool {
        let present = self.entry(key).is_some_and(|entry| !entry.value.is_null());
        if !present {
            self.problem(key, format!("missing required key {}", quoted(key)));
        }
        present
    }

    /// Whether the key is present, even if its value is null.
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The keys of the map in the file's order.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// Where the map starts.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Where the key's value stands; for an absent key, where the map starts; for a null, where the key stands.
    pub fn position_of(&self, key: &str) -> Position {
        match self.entry(key) {
            None => self.position,
            Some(entry) if entry.value.is_null() => entry.position,
            Some(entry) => entry.value.position,
        }
    }

    /// Notes a problem at the key's value.
    pub fn problem(&self, key: &str, message: impl Into<String>) {
        self.problem_at(self.position_of(key), message);
    }

    /// Notes a problem at a place of this file.
    pub fn problem_at(&self, position: Position, message: impl Into<String>) {
        self.scope.problem(position, message.into());
    }

    /// Ends the map: notes every key that nobody asked for. Dropping does the same.
    pub fn end(self) {
        drop(self);
    }

    pub(super) fn new(scope: &'a Scope<'a>, entries: &'a [Entry], position: Position, secret: bool) -> Self {
        Self { scope, entries, position, secret, read: vec![false; entries.len()], asked: Vec::new() }
    }

    /// `None` when the value is no map.
    pub(super) fn of(
        scope: &'a Scope<'a>,
        value: &'a Value,
        position: Position,
        secret: bool,
    ) -> Option<Self> {
        match value {
            Value::Map(entries) => Some(Self::new(scope, entries, position, secret)),
            _ => None,
        }
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        for (entry, _) in self.entries.iter().zip(&self.read).filter(|(_, read)| !**read) {
            // A file of another program has unknown keys by the thousand; nobody reads so many hints.
            let known = if self.scope.is_crowded() { &[] } else { self.asked.as_slice() };
            let hint = most_similar(&entry.key, known.iter().map(String::as_str))
                .map(|similar| format!(" (hint: did you mean {}?)", quoted(similar)))
                .unwrap_or_default();
            self.scope.problem(entry.position, format!("unknown key {}{hint}", quoted(&entry.key)));
        }
    }
}
