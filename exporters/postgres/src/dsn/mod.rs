//! Connection strings, as libpq reads them: URL and `key=value`.
//!
//! | module | holds |
//! |---|---|
//! | [`url`] | `postgresql://…` |
//! | [`keywords`] | `host=… password='…'` |
//! | [`service`] | sections of a service file |
//! | [`sources`] | `DATA_SOURCE_*` and `PG*` variables |
//! | [`resolve`] | settings → a [`crate::conn::Link`] |
//!
//! Invariant: no error and no `Debug` shows a value of a connection string; the password is a [`Secret`].

pub mod keywords;
pub mod resolve;
pub mod service;
pub mod sources;
pub mod url;

use std::fmt;

use toolkit::config::Secret;

/// The settings of a connection string, in its order; a later one of the same name stands.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Dsn {
    settings: Vec<(String, String)>,
    /// The password, where the string has one.
    pub password: Option<Secret>,
}

/// What is wrong with a connection string; never shows a value of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// A key without a value.
    #[error(
        "`=` is missing after {0} (hint: values with blanks need quotes, 'a b'; in a URL write ? as %3F and & as %26)"
    )]
    NoValue(&'static str),
    /// A quote that is not closed.
    #[error("a quoted value does not end (hint: write ' as \\' and \\ as \\\\)")]
    Quote,
    /// An IPv6 address without its bracket.
    #[error("an IPv6 address lacks its `]`")]
    Bracket,
    /// The port is none.
    #[error(
        "the port is not a number from 1 to 65535 (hint: in a URL write @ as %40, / as %2F and : as %3A)"
    )]
    Port,
    /// There are not as many ports as hosts.
    #[error("there must be one port, or as many as hosts")]
    Ports,
    /// A parameter that nobody knows.
    #[error("unknown parameter{0}")]
    Unknown(String),
    /// A parameter has a value that it cannot have.
    #[error("{0}: expected {1}")]
    Value(&'static str, &'static str),
    /// A parameter that the target of a request may not have.
    #[error("the target may not set this:{0}")]
    NotHere(String),
    /// The service file lacks the service, or cannot be read.
    #[error("{0}")]
    Service(String),
}

impl Dsn {
    /// Reads a URL or `key=value` pairs; a text that is neither is a host with perhaps a port and a database.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, DsnError> {
        let text = text.trim();
        for scheme in ["postgresql://", "postgres://"] {
            if let Some(rest) = text.strip_prefix(scheme) {
                return url::parse(rest);
            }
        }
        if text.contains('=') && !looks_like_host(text) { keywords::parse(text) } else { url::parse(text) }
    }

    /// The value of a setting; an empty one is as good as none.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Sets a value.
    pub fn set(&mut self, name: &str, value: &str) {
        if name == "password" {
            self.password = Some(Secret::from(value)).filter(|secret| !secret.is_empty());
        } else {
            self.settings.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The names of all settings that have a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.as_str())
    }

    /// Takes what `other` has and this lacks.
    pub fn fill_from(&mut self, other: &Self) {
        for (name, value) in &other.settings {
            if self.get(name).is_none() {
                self.settings.push((name.clone(), value.clone()));
            }
        }
        if self.password.is_none() {
            self.password.clone_from(&other.password);
        }
    }

    /// Host and port, for labels and rules: never a user.
    pub fn place_name(&self) -> String {
        let host = self.get("host").or_else(|| self.get("hostaddr")).unwrap_or("localhost");
        let port = self.get("port").unwrap_or("5432");
        if host.contains(':') && !host.contains(',') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Dsn").field(&self.place_name()).finish()
    }
}

/// `host:5432/db?sslmode=disable`: the `=` belongs to its query.
fn looks_like_host(text: &str) -> bool {
    let before = text.split_once('=').map_or(text, |(before, _)| before);
    before.contains(['?', '@'])
}

#[cfg(test)]
mod tests;
