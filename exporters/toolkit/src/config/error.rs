//! What is wrong with a configuration: a list of places and messages.

use std::fmt;
use std::path::Path;

use super::redact::redact_url;

/// Everything that is wrong with a configuration, in the order of the files and of the places in them.
///
/// Displayed as one line a problem: `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    reason: Reason,
    problems: Vec<Problem>,
}

/// One problem and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What is wrong, in one line without secrets.
    pub message: String,
}

/// Where a problem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file; without a position it concerns the whole file.
    File {
        /// The name of the file as the user gave it.
        file: String,
        /// The place in it.
        position: Option<Position>,
    },
    /// In a command-line flag or its environment variable.
    Flag(String),
}

/// A place in a file; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

/// The class of a [`ConfigError`], for metrics and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A file is missing or cannot be read.
    Unreadable,
    /// A file is not valid YAML.
    Syntax,
    /// Keys or values are wrong.
    Invalid,
    /// A flag is wrong.
    Flag,
}

impl ConfigError {
    /// One problem of a flag; name it as the user writes it, `--redis.addr`.
    pub fn flag(flag: &str, message: impl Into<String>) -> Self {
        Self::one(Reason::Flag, Place::Flag(flag.to_owned()), message)
    }

    /// One problem of a whole file.
    pub fn file(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        let file = path.as_ref().display().to_string();
        Self::one(Reason::Invalid, Place::File { file, position: None }, message)
    }

    /// One problem at a place of a file, for checks that come after decoding.
    pub fn at(file: &str, position: Position, message: impl Into<String>) -> Self {
        let place = Place::File { file: file.to_owned(), position: Some(position) };
        Self::one(Reason::Invalid, place, message)
    }

    /// Both errors' problems, this one's first.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self
    }

    /// Every problem, in order; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The class of the (first) error.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    pub(super) fn unreadable(file: &str, message: impl Into<String>) -> Self {
        Self::one(Reason::Unreadable, Place::File { file: file.to_owned(), position: None }, message)
    }

    pub(super) fn syntax(file: &str, position: Option<Position>, message: impl Into<String>) -> Self {
        Self::one(Reason::Syntax, Place::File { file: file.to_owned(), position }, message)
    }

    /// Sorts by position and drops repetitions, which come from an aliased value that is read more than once.
    pub(super) fn invalid(file: &str, mut problems: Vec<(Position, String)>) -> Self {
        problems.sort();
        problems.dedup();
        let problems = problems
            .into_iter()
            .map(|(position, message)| {
                Problem::new(Place::File { file: file.to_owned(), position: Some(position) }, message)
            })
            .collect();
        Self { reason: Reason::Invalid, problems }
    }

    fn one(reason: Reason, place: Place, message: impl Into<String>) -> Self {
        Self { reason, problems: vec![Problem::new(place, message)] }
    }
}

impl Problem {
    fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: one_line(&redact_url(&message.into())) }
    }
}

impl Reason {
    /// The class as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Syntax => "syntax",
            Self::Invalid => "invalid",
            Self::Flag => "flag",
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(SHOWN_PROBLEMS).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{problem}")?;
        }
        match self.problems.len().saturating_sub(SHOWN_PROBLEMS) {
            0 => Ok(()),
            more => write!(formatter, "\nand {more} more problems"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, position: Some(position) } => write!(formatter, "{file}:{position}"),
            Self::File { file, position: None } => formatter.write_str(file),
            Self::Flag(flag) => formatter.write_str(flag),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// Text of the user inside a message: in backquotes, without control characters, and short.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_CHARS).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    format!("`{}`", one_line(&shown))
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() { line.extend(character.escape_default()) } else { line.push(character) }
    }
    line
}

/// Characters of a value that a message shows: enough to find it in the file, short enough for one line.
const QUOTED_CHARS: usize = 64;

/// Problems that are printed: a file of another program has thousands, and the first ones say enough.
pub(super) const SHOWN_PROBLEMS: usize = 100;
/// Collects the errors of several steps, so that all of them are told at once.
#[derive(Debug, Default)]
pub struct Problems(Option<ConfigError>);

impl Problems {
    /// The value of a step, or none and its error kept.
    pub fn keep<T>(&mut self, step: Result<T, ConfigError>) -> Option<T> {
        match step {
            Ok(value) => Some(value),
            Err(error) => {
                self.0 = Some(match self.0.take() {
                    Some(earlier) => earlier.merge(error),
                    None => error,
                });
                None
            }
        }
    }

    /// The value, if no step failed.
    ///
    /// # Errors
    /// All errors as one, in the order of the steps.
    pub fn or<T>(self, value: T) -> Result<T, ConfigError> {
        self.0.map_or(Ok(value), Err)
    }
}
