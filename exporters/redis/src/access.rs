//! Who we are at a target: credentials, read when they are used.
//!
//! The password file is redis_exporter's JSON object of targets and passwords, or a single secret. Invariants: an
//! entry of the object goes to the target it is written for and to no other; a single secret goes only to the
//! target of `--redis.addr`; no message shows anything of a file's content.

use std::path::PathBuf;

use toolkit::config::{Secret, SecretSource};

use crate::error::LinkError;
use crate::target::{Place, Target};

/// A user and where its password comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user; `None` is Redis' default user.
    pub user: Option<String>,
    /// The password.
    pub password: PasswordSource,
}

/// Where a password comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PasswordSource {
    /// There is none.
    #[default]
    None,
    /// One secret.
    Secret(SecretSource),
    /// The password file.
    File {
        /// The file.
        path: PathBuf,
        /// Whether a file that is a single secret may be used.
        single: bool,
    },
}

impl Credentials {
    /// The user and password for the server at `place`, as they are now.
    pub async fn read(&self, place: &Place) -> Result<(Option<String>, Option<Secret>), LinkError> {
        let user = self.user.clone();
        match &self.password {
            PasswordSource::None => Ok((user, None)),
            PasswordSource::Secret(source) => {
                let secret = source.read().await.map_err(LinkError::Secret)?;
                Ok((user, Some(secret).filter(|secret| !secret.is_empty())))
            }
            PasswordSource::File { path, single } => {
                let content = SecretSource::File(path.clone()).read().await.map_err(LinkError::Secret)?;
                let entries = parse_entries(content.expose())
                    .map_err(|problem| LinkError::PasswordFile(format!("{} {problem}", path.display())))?;
                Ok(match entries {
                    Some(entries) => find_entry(entries, user, place),
                    None if *single => (user, Some(content)),
                    None => (user, None),
                })
            }
        }
    }
}

/// What a password file may be, for those whose file is neither.
const FORMATS: &str =
    r#"hint: a password file holds {"redis://host:6379": "password", …}, or nothing but the password"#;

/// A target of the password file and its password.
type Entry = (Target, Secret);

/// The entries of a JSON object; `None` for a file that is a single secret.
///
/// # Errors
/// What is wrong with the file, without a word of its content.
pub fn parse_entries(content: &str) -> Result<Option<Vec<Entry>>, String> {
    if !content.trim_start().starts_with('{') {
        return Ok(None);
    }
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(content).map_err(|error| {
            format!("is not valid JSON (line {}, column {}) ({FORMATS})", error.line(), error.column())
        })?;
    let entries = object.into_iter().enumerate().map(|(index, (target, password))| {
        let number = index + 1;
        let target = Target::parse(&target).map_err(|error| format!("entry {number}: {error}"))?;
        match password {
            serde_json::Value::String(password) => Ok((target, Secret::from(password))),
            _ => Err(format!("entry {number}: the password is not a text ({FORMATS})")),
        }
    });
    entries.collect::<Result<Vec<_>, _>>().map(Some)
}

/// The entry for this server and user; without a user of our own, the entry's user is taken with its password.
fn find_entry(entries: Vec<Entry>, user: Option<String>, place: &Place) -> (Option<String>, Option<Secret>) {
    let mut fitting: Vec<Entry> = entries
        .into_iter()
        .filter(|(target, _)| target.covers_place(place))
        .filter(|(target, _)| user.is_none() || target.user.is_none() || target.user == user)
        .collect();
    // an entry for just this user comes before one for any user
    let exact = fitting.iter().position(|(target, _)| target.user == user).unwrap_or(0);
    if fitting.is_empty() {
        return (user, None);
    }
    let (target, password) = fitting.swap_remove(exact);
    (user.or(target.user), Some(password).filter(|password| !password.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        r#"{"redis://a:6379": "one", "redis://me@b:1": "two", "rediss://c": "three", "redis://b:1": "four"}"#;

    #[test]
    fn an_entry_goes_to_its_own_target() {
        for (target, user, expected) in [
            ("redis://a", None, (None, Some("one"))),
            ("rediss://a:6379/3", None, (None, Some("one"))),
            ("redis://a", Some("me"), (Some("me"), Some("one"))),
            ("redis://a:1", None, (None, None)),
            ("redis://b:1", Some("me"), (Some("me"), Some("two"))),
            ("redis://b:1", None, (None, Some("four"))),
            ("redis://b:1", Some("you"), (Some("you"), Some("four"))),
            ("rediss://c", None, (None, Some("three"))),
            ("redis://c", None, (None, None)),
            ("unix:///a", None, (None, None)),
        ] {
            let entries = parse_entries(FILE).unwrap().unwrap();
            let place = Target::parse(target).unwrap().place;
            let (user, password) = find_entry(entries, user.map(str::to_owned), &place);
            let found = (user.as_deref(), password.as_ref().map(Secret::expose));
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn what_a_password_file_may_be() {
        assert!(parse_entries("just-a-secret").unwrap().is_none());
        for (content, expected) in [
            ("{\"redis://h\": \"canary\"", "is not valid JSON (line 1, column 22)"),
            (
                "{\"http://canary\": \"x\"}",
                "entry 1: the target's scheme is none of redis, rediss, valkey, valkeys, unix",
            ),
            ("{\"a\": \"x\", \"b\": 5}", "entry 2: the password is not a text"),
        ] {
            let found = parse_entries(content).unwrap_err();
            assert_eq!(found.split(" (hint:").next(), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_single_secret_goes_to_the_main_target_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hunter2\n").unwrap();
        let place = Target::parse("a").unwrap().place;
        for (single, expected) in [(true, Some("hunter2")), (false, None)] {
            let password = PasswordSource::File { path: path.clone(), single };
            let (_, found) = Credentials { user: None, password }.read(&place).await.unwrap();
            assert_eq!(found.as_ref().map(Secret::expose), expected);
        }
    }
}
