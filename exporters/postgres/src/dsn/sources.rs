//! Where the connection string of `/metrics` comes from: postgres_exporter's variables, then libpq's.

use std::path::{Path, PathBuf};

use toolkit::config::{Secret, SecretSource};

use super::{Dsn, DsnError};

/// Looks a variable up; passed in so that tests need not set any.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// libpq's variables and the settings that they stand for.
const VARIABLES: [(&str, &str); 18] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGSERVICE", "service"),
    ("PGSERVICEFILE", "servicefile"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
];

/// A connection string, and where its password is read from when that is apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The settings.
    pub dsn: Dsn,
    /// Where the password is read from; beats that of `dsn`.
    pub password: Option<SecretSource>,
}

/// Why there is no connection string; says the variable, never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// The variable.
    pub variable: String,
    /// What is wrong.
    pub message: String,
}

/// The servers of `/metrics`: `DATA_SOURCE_NAME`, which may hold several with commas between, or `DATA_SOURCE_URI`
/// with `DATA_SOURCE_USER` and `DATA_SOURCE_PASS`, each of them also as a `_FILE`; else libpq's variables.
///
/// # Errors
/// A variable or the file that it names is wrong.
pub fn from_environment(lookup: Lookup<'_>) -> Result<Vec<Source>, SourceError> {
    let given = |name: &str| lookup(name).filter(|text| !text.is_empty());
    if let Some(list) = text_or_file(lookup, "DATA_SOURCE_NAME")? {
        let wrong = |error: DsnError| SourceError {
            variable: "DATA_SOURCE_NAME".to_owned(),
            message: error.to_string(),
        };
        let parse = |text: &str| Dsn::parse(text).map(|dsn| Source { dsn, password: None }).map_err(wrong);
        return split(&list).into_iter().map(parse).collect();
    }
    if let Some(uri) = text_or_file(lookup, "DATA_SOURCE_URI")? {
        let wrong = |error: DsnError| SourceError {
            variable: "DATA_SOURCE_URI".to_owned(),
            message: error.to_string(),
        };
        let mut dsn = Dsn::parse(&uri).map_err(wrong)?;
        if let Some(user) = text_or_file(lookup, "DATA_SOURCE_USER")? {
            dsn.set("user", &user);
        }
        let password = match (given("DATA_SOURCE_PASS_FILE"), given("DATA_SOURCE_PASS")) {
            // read when a connection is made
            (Some(file), _) => Some(SecretSource::File(PathBuf::from(file))),
            (None, Some(text)) => Some(SecretSource::Inline(Secret::from(text))),
            (None, None) => None,
        };
        return Ok(vec![Source { dsn, password }]);
    }
    if ["PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"].iter().any(|name| given(name).is_some()) {
        return Ok(vec![Source::default()]);
    }
    Ok(Vec::new())
}

/// What libpq's variables say; for connections that we were given, never for the targets of requests.
pub fn defaults(lookup: Lookup<'_>) -> Dsn {
    let mut dsn = Dsn::default();
    for (variable, setting) in VARIABLES {
        if let Some(value) = lookup(variable).filter(|value| !value.is_empty()) {
            dsn.set(setting, &value);
        }
    }
    dsn
}

/// Several strings with commas between them. A comma is a border only where another string begins behind it: a
/// password may hold commas, and a string may name several hosts.
pub fn split(list: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = list;
    let mut searched = 0;
    while let Some(comma) = rest.get(searched..).and_then(|tail| tail.find(',')).map(|at| at + searched) {
        let (before, after) = rest.split_at(comma);
        let after = after.strip_prefix(',').unwrap_or(after);
        if begins_dsn(after.trim_start()) {
            found.push(before.trim());
            rest = after;
            searched = 0;
        } else {
            searched = comma + 1;
        }
    }
    found.push(rest.trim());
    found.retain(|text| !text.is_empty());
    found
}

fn is_url(text: &str) -> bool {
    text.starts_with("postgresql://") || text.starts_with("postgres://")
}

fn begins_dsn(text: &str) -> bool {
    let keywords = ["host", "hostaddr", "user", "dbname", "port", "service"];
    let key = text.split_once('=').map(|(key, _)| key.trim_end());
    is_url(text) || key.is_some_and(|key| keywords.contains(&key))
}

fn text_or_file(lookup: Lookup<'_>, name: &str) -> Result<Option<String>, SourceError> {
    let variable = format!("{name}_FILE");
    let text = lookup(name).filter(|text| !text.is_empty());
    // postgres_exporter: DATA_SOURCE_NAME always wins, for the others the file does
    if name == "DATA_SOURCE_NAME" && text.is_some() {
        return Ok(text);
    }
    match lookup(&variable).filter(|path| !path.is_empty()) {
        None => Ok(text),
        Some(path) => match std::fs::read_to_string(Path::new(&path)) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Err(error) => Err(SourceError { variable, message: format!("{path} cannot be read: {error}") }),
        },
    }
}
