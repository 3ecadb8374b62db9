//! The web config file, parsed: the same keys as Prometheus' exporter toolkit reads, and no others.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderName, HeaderValue};
use secrecy::zeroize::Zeroizing;

use super::basic_auth::Users;
use super::files::Files;
use super::guard::Guard;
use super::rate_limit::RateLimit;
use super::tls::Tls;
use super::tls_settings;
use crate::config::{ConfigError, Document, Fields};

/// What the web config file asks for; the default is open access over plain HTTP.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) tls: Option<Tls>,
    pub(super) users: Option<Arc<Users>>,
    pub(super) rate: Option<RateLimit>,
    /// Added to every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One reading of the web config file and of the files it names.
pub(super) struct Reading {
    pub(super) files: Files,
    pub(super) settings: Result<Settings, ConfigError>,
}

/// Where the settings come from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Nowhere: everybody may come in over plain HTTP.
    Open,
    /// The web config file.
    File(PathBuf),
    /// The program's own flags.
    Guard(Box<Guard>),
}

/// Reads the settings anew. Blocks on the disk.
pub(super) fn read(origin: &Origin) -> Reading {
    match origin {
        Origin::Open => Reading { files: Files::default(), settings: Ok(Settings::default()) },
        Origin::File(path) => read_file(path),
        Origin::Guard(guard) => guard.read(),
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => formatter.write_str("none"),
            Self::File(path) => path.display().fmt(formatter),
            Self::Guard(_) => formatter.write_str("the flags"),
        }
    }
}

fn read_file(path: &Path) -> Reading {
    let mut files = Files::default();
    let settings = document(path, &mut files).and_then(|document| {
        let mut source = Source { folder: document.folder().to_owned(), files: &mut files };
        document.decode(|fields| decode(fields, &mut source))
    });
    Reading { files, settings }
}

impl Settings {
    /// Whether a program that runs with `old` may go on with these.
    ///
    /// A file that is being rewritten is empty for a moment, and an empty file is a valid one: it must never open
    /// what was closed.
    pub(super) fn may_replace(&self, old: &Self) -> Result<(), &'static str> {
        match (old, self) {
            (Self { tls: Some(_), .. }, Self { tls: None, .. }) => {
                Err("TLS is gone: turning it off needs a restart")
            }
            (Self { tls: None, .. }, Self { tls: Some(_), .. }) => {
                Err("TLS is new: turning it on needs a restart")
            }
            (Self { users: Some(_), .. }, Self { users: None, .. }) => {
                Err("`basic_auth_users` is gone: turning passwords off needs a restart")
            }
            (Self { tls: Some(old), .. }, Self { tls: Some(new), .. })
                if old.checks_clients() && !new.checks_clients() =>
            {
                Err("client certificates are no longer checked: turning that off needs a restart")
            }
            _ => Ok(()),
        }
    }
}

/// Where the values of a file come from besides the file itself.
pub(super) struct Source<'a> {
    folder: PathBuf,
    files: &'a mut Files,
}

impl Source<'_> {
    /// The content of `KEY` in the file itself or of the file that `KEY_file` names, with the key it came from.
    ///
    /// An empty text counts as absent: templates of Helm charts leave such behind, and Go reads it so.
    pub(super) fn pem(&mut self, fields: &mut Fields<'_>, names: PemNames) -> Option<Pem> {
        let inline = fields.item(names.inline).and_then(|item| item.string()).map(Zeroizing::new);
        let inline = inline.filter(|text| !text.is_empty());
        let file = fields.string(names.file).filter(|path| !path.is_empty());
        match (inline, file) {
            (Some(_), Some(_)) => {
                let both = format!("`{}` and `{}` cannot both be set", names.inline, names.file);
                fields.problem(names.file, both);
                Some(Pem { key: names.file, bytes: Zeroizing::default(), readable: false })
            }
            (Some(text), None) => {
                let bytes = Zeroizing::new(text.as_bytes().to_vec());
                Some(Pem { key: names.inline, bytes, readable: true })
            }
            (None, Some(path)) => {
                let path = self.folder.join(path);
                let read = self.files.read(&path, SystemTime::now());
                if let Err(error) = &read {
                    fields.problem(names.file, format!("{} cannot be read: {error}", path.display()));
                }
                let readable = read.is_ok();
                Some(Pem { key: names.file, bytes: Zeroizing::new(read.unwrap_or_default()), readable })
            }
            (None, None) => None,
        }
    }
}

/// The two keys of one PEM text.
#[derive(Clone, Copy)]
pub(super) struct PemNames {
    pub(super) inline: &'static str,
    pub(super) file: &'static str,
}

/// A PEM text and the key it came from. What is not readable is a problem that was noted already.
pub(super) struct Pem {
    pub(super) key: &'static str,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) readable: bool,
}

fn document(path: &Path, files: &mut Files) -> Result<Document, ConfigError> {
    let Ok(bytes) = files.read(path, SystemTime::now()).map(Zeroizing::new) else {
        return Document::read(path);
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => Document::parse(&path.display().to_string(), text),
        Err(_) => Err(ConfigError::file(path, "cannot be read: it is not UTF-8 text")),
    }
}

fn decode(mut fields: Fields<'_>, source: &mut Source<'_>) -> Settings {
    let http = fields.fields("http_server_config");
    let (http2, headers) = http.map_or((true, Vec::new()), decode_http);
    let tls = fields.fields("tls_server_config").and_then(|tls| tls_settings::decode(tls, http2, source));
    let users = fields.map("basic_auth_users", |name, item| Users::decode_one(name, &item));
    let users = (!users.is_empty()).then(|| Arc::new(Users::new(users)));
    let rate = fields.fields("rate_limit").and_then(decode_rate);
    Settings { tls, users, rate, headers }
}

fn decode_http(mut http: Fields<'_>) -> (bool, Vec<(HeaderName, HeaderValue)>) {
    let http2 = http.bool("http2").unwrap_or(true);
    let headers = http.map("headers", |name, item| {
        let Some((known, values)) = HEADERS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<String> = HEADERS.iter().map(|(known, _)| format!("`{known}`")).collect();
            item.problem(format!("header `{name}` cannot be set here (hint: one of {})", known.join(", ")));
            return None;
        };
        let text = item.string()?;
        if !values.is_empty() && !values.contains(&text.as_str()) {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            item.problem(format!("{known} must be {}, found `{text}`", values.join(" or ")));
            return None;
        }
        let Ok(value) = HeaderValue::from_str(&text) else {
            item.problem(format!("the value of {known} has characters that no header may have"));
            return None;
        };
        let name = HeaderName::from_bytes(known.as_bytes()).ok()?;
        (!text.is_empty()).then_some((name, value))
    });
    (http2, headers)
}

fn decode_rate(mut rate: Fields<'_>) -> Option<RateLimit> {
    let interval = rate.parsed("interval", parse_interval).unwrap_or_default();
    let burst = rate.integer("burst", 0..=i64::from(u32::MAX)).unwrap_or_default();
    if interval.is_zero() {
        return None;
    }
    if burst == 0 {
        rate.problem("burst", "`burst` must be at least 1: with 0 every request would be refused");
    }
    Some(RateLimit::new(interval, u32::try_from(burst).unwrap_or(u32::MAX)))
}

/// A number without a unit counts nanoseconds, as in Go.
fn parse_interval(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_nanos).or_else(|_| crate::config::parse_duration(text))
}

/// The headers that may be set, and their values where only some make sense.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];
