//! Settings → a link: every value becomes a type, once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::SecretSource;

use super::sources::Lookup;
use super::{Dsn, DsnError, service};
use crate::conn::{Allowed, ChannelBinding, Link, Method, Mode, Place, Roots, TlsSettings, Wanted};
use crate::credentials::{Credentials, Password};

/// Connecting to one place may take this long unless `connect_timeout` says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Settings that mean something here.
const KNOWN: [&str; 24] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "passfile",
    "service",
    "servicefile",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslsni",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "channel_binding",
    "require_auth",
    "connect_timeout",
    "options",
    "target_session_attrs",
    "gssencmode",
    "sslcompression",
    "sslcertmode",
    "load_balance_hosts",
];

/// Settings of libpq and of Go's driver that do nothing here: ours are fixed, or there is nothing to set.
const IGNORED: [&str; 21] = [
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "krbsrvname",
    "krbspn",
    "gsslib",
    "binary_parameters",
    "disable_prepared_binary_result",
    "statement_timeout",
    "lock_timeout",
    "search_path",
    "datestyle",
    "timezone",
    "extra_float_digits",
    "sslinline",
    "idle_in_transaction_session_timeout",
];

/// What a target of a request may set: nothing that names a file or another server.
const IN_REQUESTS: [&str; 12] = [
    "host",
    "port",
    "dbname",
    "user",
    "sslmode",
    "sslsni",
    "connect_timeout",
    "channel_binding",
    "application_name",
    "target_session_attrs",
    "binary_parameters",
    "sslnegotiation",
];

/// Makes a link of a connection that we were given: the string, then its service, then libpq's variables.
///
/// # Errors
/// A setting is wrong.
pub fn configured(
    mut dsn: Dsn,
    password: Option<SecretSource>,
    lookup: Lookup<'_>,
) -> Result<Link, DsnError> {
    let mut source = password.or_else(|| dsn.password.clone().map(SecretSource::Inline)).map(Password::Given);
    let variables = super::sources::defaults(lookup);
    let home = lookup("HOME").map(PathBuf::from);
    let named = |dsn: &Dsn, name: &str| dsn.get(name).or_else(|| variables.get(name)).map(str::to_owned);
    if let Some(name) = named(&dsn, "service") {
        let file = service_file(named(&dsn, "servicefile"), home.as_deref())?;
        let section = service::read(&file, &name)?;
        if source.is_none() && section.password.is_some() {
            source = Some(Password::Service { file, name });
        }
        dsn.fill_from(&section);
    }
    dsn.fill_from(&variables);
    if source.is_none() && variables.password.is_some() {
        source = Some(Password::Given(SecretSource::Env("PGPASSWORD".to_owned())));
    }
    let password = source.unwrap_or_else(|| match dsn.get("passfile") {
        Some(file) => Password::PassFile { file: PathBuf::from(file), required: true },
        None => home.map_or(Password::None, |home| Password::PassFile {
            file: home.join(".pgpass"),
            required: false,
        }),
    });
    link(&dsn, password, Allowed { listed: methods(&dsn)?, strict: false })
}

/// Makes a link for the target of a request; `options` are those of its rule, which are trusted.
///
/// # Errors
/// A setting is wrong, or one that a request may not set.
pub fn asked(
    mut target: Dsn,
    user: Option<&str>,
    password: Option<SecretSource>,
    options: &[(String, String)],
) -> Result<Link, DsnError> {
    if let Some(name) = target.names().find(|name| !IN_REQUESTS.contains(name)) {
        return Err(DsnError::NotHere(shown(name)));
    }
    if target.get("host").is_some_and(|host| host.contains(['/', '@', ','])) {
        return Err(DsnError::NotHere(" a unix socket or several hosts".to_owned()));
    }
    if let Some(user) = user {
        target.set("user", user);
    }
    // libpq takes the database of the user's name, which a monitoring role seldom has
    if target.get("dbname").is_none() {
        target.set("dbname", "postgres");
    }
    for (name, value) in options {
        target.set(name, value);
    }
    let password = password.or_else(|| target.password.clone().map(SecretSource::Inline));
    let password = password.map_or(Password::None, Password::Given);
    let allowed = Allowed { listed: methods(&target)?, strict: true };
    link(&target, password, allowed)
}

fn link(dsn: &Dsn, password: Password, allowed: Allowed) -> Result<Link, DsnError> {
    if let Some(name) = dsn.names().find(|name| !KNOWN.contains(name) && !IGNORED.contains(name)) {
        return Err(DsnError::Unknown(shown(name)));
    }
    if dsn.get("gssencmode") == Some("require") {
        return Err(DsnError::Value("gssencmode", "disable or prefer, since GSSAPI is not spoken"));
    }
    let user = dsn.get("user").map_or_else(|| "postgres".to_owned(), str::to_owned);
    let database = dsn.get("dbname").map_or_else(|| user.clone(), str::to_owned);
    let seconds = match dsn.get("connect_timeout") {
        None => CONNECT_TIMEOUT,
        Some(text) => match text.parse::<i64>() {
            Ok(seconds) if seconds <= 0 => CONNECT_TIMEOUT,
            // libpq: one second is too short for some, so it takes two
            Ok(seconds) => Duration::from_secs(seconds.unsigned_abs().max(2)),
            Err(_) => return Err(DsnError::Value("connect_timeout", "a number of seconds")),
        },
    };
    Ok(Link {
        places: places(dsn)?,
        credentials: Credentials { user, password },
        database,
        tls: tls(dsn)?,
        allowed,
        binding: word(
            dsn,
            "channel_binding",
            "disable, prefer or require",
            &[
                ("disable", ChannelBinding::Disable),
                ("prefer", ChannelBinding::Prefer),
                ("require", ChannelBinding::Require),
            ],
        )?
        .unwrap_or_default(),
        connect_timeout: seconds,
        options: dsn.get("options").map(str::to_owned),
        wanted: word(
            dsn,
            "target_session_attrs",
            "any, read-write, read-only, primary, standby or prefer-standby",
            &[
                ("any", Wanted::Any),
                ("read-write", Wanted::Primary),
                ("primary", Wanted::Primary),
                ("read-only", Wanted::Standby),
                ("standby", Wanted::Standby),
                ("prefer-standby", Wanted::PreferStandby),
            ],
        )?
        .unwrap_or_default(),
        tls_cache: Arc::default(),
    })
}

/// An unknown name, where it looks like a parameter: it may also be a piece of a password without quotes.
fn shown(name: &str) -> String {
    let known = KNOWN.iter().chain(&IGNORED);
    let looks_right = |known: &&&str| known.get(..3).is_some_and(|start| name.starts_with(start));
    if known.clone().any(|known| looks_right(&known)) {
        format!(" `{name}`")
    } else {
        " (hint: values with blanks need quotes, 'a b'; in a URL write ? as %3F and & as %26)".to_owned()
    }
}

fn places(dsn: &Dsn) -> Result<Vec<Place>, DsnError> {
    let hosts: Vec<&str> = dsn.get("host").map_or_else(Vec::new, |hosts| hosts.split(',').collect());
    let addresses: Vec<&str> = dsn.get("hostaddr").map_or_else(Vec::new, |list| list.split(',').collect());
    let ports: Vec<&str> = dsn.get("port").map_or_else(Vec::new, |ports| ports.split(',').collect());
    let count = hosts.len().max(addresses.len()).max(1);
    if ports.len() > 1 && ports.len() != count {
        return Err(DsnError::Ports);
    }
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err(DsnError::Value("hostaddr", "as many addresses as hosts"));
    }
    (0..count)
        .map(|at| {
            let port = ports.get(at).or_else(|| ports.first()).map_or("", |port| port.trim());
            let port = match port {
                "" => 5432,
                port => port.parse().ok().filter(|port| *port != 0).ok_or(DsnError::Port)?,
            };
            let address = match addresses.get(at).map(|text| text.trim()).filter(|text| !text.is_empty()) {
                Some(text) => Some(text.parse().map_err(|_| DsnError::Value("hostaddr", "an IP address"))?),
                None => None,
            };
            let host = hosts.get(at).map_or("", |host| host.trim());
            Ok(match (host, address) {
                (folder, _) if folder.starts_with('/') => Place::Unix { folder: PathBuf::from(folder), port },
                ("", None) => Place::Tcp { host: "localhost".to_owned(), address: None, port },
                ("", Some(address)) => {
                    Place::Tcp { host: std::net::IpAddr::to_string(&address), address: Some(address), port }
                }
                (host, address) => Place::Tcp { host: host.to_owned(), address, port },
            })
        })
        .collect()
}

fn tls(dsn: &Dsn) -> Result<TlsSettings, DsnError> {
    let modes = [
        ("disable", Mode::Disable),
        ("allow", Mode::Allow),
        ("prefer", Mode::Prefer),
        ("require", Mode::Require),
        ("verify-ca", Mode::VerifyCa),
        ("verify-full", Mode::VerifyFull),
    ];
    let expected = "disable, allow, prefer, require, verify-ca or verify-full";
    let mode = word(dsn, "sslmode", expected, &modes)?;
    let roots = match dsn.get("sslrootcert") {
        None => Roots::Unset,
        Some("system") => Roots::System,
        Some(file) => Roots::File(PathBuf::from(file)),
    };
    if roots == Roots::System && mode.is_some_and(|mode| mode < Mode::VerifyFull) {
        return Err(DsnError::Value("sslmode", "verify-full, since sslrootcert=system trusts so many"));
    }
    let usual = if roots == Roots::System { Mode::VerifyFull } else { Mode::default() };
    Ok(TlsSettings {
        mode: mode.unwrap_or(usual),
        roots,
        cert_file: dsn.get("sslcert").map(PathBuf::from),
        key_file: dsn.get("sslkey").map(PathBuf::from),
        no_sni: dsn.get("sslsni") == Some("0"),
        only_13: dsn.get("ssl_min_protocol_version") == Some("TLSv1.3"),
        direct: dsn.get("sslnegotiation") == Some("direct"),
    })
}

/// libpq's `require_auth`: methods that are allowed, or with `!` those that are not.
fn methods(dsn: &Dsn) -> Result<Vec<Method>, DsnError> {
    let Some(list) = dsn.get("require_auth") else { return Ok(Vec::new()) };
    let all = [Method::None, Method::Scram, Method::Md5, Method::Cleartext];
    let mut listed = Vec::new();
    let mut refused = Vec::new();
    for word in list.split(',').map(str::trim) {
        let (target, word) = word.strip_prefix('!').map_or((&mut listed, word), |word| (&mut refused, word));
        target.push(match word {
            "none" => Method::None,
            "scram-sha-256" => Method::Scram,
            "md5" => Method::Md5,
            "password" => Method::Cleartext,
            _ => {
                return Err(DsnError::Value(
                    "require_auth",
                    "a list of scram-sha-256, md5, password and none",
                ));
            }
        });
    }
    if !refused.is_empty() {
        listed.extend(all.into_iter().filter(|method| !refused.contains(method)));
    }
    Ok(listed)
}

fn word<T: Copy>(
    dsn: &Dsn,
    name: &'static str,
    expected: &'static str,
    words: &[(&str, T)],
) -> Result<Option<T>, DsnError> {
    let Some(text) = dsn.get(name) else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.map(Some).ok_or(DsnError::Value(name, expected))
}

fn service_file(named: Option<String>, home: Option<&Path>) -> Result<PathBuf, DsnError> {
    let usual = || home.map(|home| home.join(".pg_service.conf"));
    named
        .map(PathBuf::from)
        .or_else(usual)
        .ok_or_else(|| DsnError::Service("there is no service file (hint: PGSERVICEFILE)".to_owned()))
}
