//! A target as people write it: `redis://user:password@host:6379/0`, `host:6379`, `host`, `unix:///path`.
//!
//! Invariants: an error or a shown target must never hold any part of the user or the password; passwords may hold
//! any character, so the last `@` ends them and a `%` that starts no escape is itself.

use std::fmt;

use toolkit::config::{Secret, percent_decode};
use toolkit::scrape::TargetName;

/// Redis' port.
const DEFAULT_PORT: u16 = 6379;

/// A server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub place: Place,
    /// The user in the target's own text.
    pub user: Option<String>,
    /// The password in the target's own text.
    pub password: Option<Secret>,
    /// The target without user, password and database.
    text: String,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host and port.
    Network {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether TLS is spoken.
        tls: bool,
    },
    /// A unix socket.
    Unix {
        /// The socket's path.
        path: String,
    },
}

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no text.
    #[error("the target is empty (hint: host:port or redis://host:port)")]
    Empty,
    /// The part before `://` is not one of ours.
    #[error("the target's scheme is none of redis, rediss, valkey, valkeys, unix")]
    Scheme,
    /// The host is missing or holds what no host holds.
    #[error("the target's host is not a name or address (hint: an IPv6 address stands in brackets)")]
    Host,
    /// The port is no port.
    #[error("the target's port is not a number from 1 to 65535")]
    Port,
    /// The path is no database number.
    #[error("the target's database is not a number")]
    Database,
    /// The unix socket's path is missing.
    #[error("the target's socket path is not absolute (hint: unix:///path/to/socket)")]
    Path,
}

impl Target {
    /// Reads a target.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
        let (userinfo, rest) = match rest.rsplit_once('@') {
            Some((userinfo, rest)) => (userinfo, rest),
            None => ("", rest),
        };
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, password),
            None => (userinfo, ""),
        };
        let place = match scheme {
            "redis" | "valkey" => network(rest, false)?,
            "rediss" | "valkeys" => network(rest, true)?,
            "unix" => unix(rest)?,
            _ => return Err(TargetError::Scheme),
        };
        let given = |part: &str| Some(percent_decode(part)).filter(|part| !part.is_empty());
        Ok(Self {
            text: format!("{scheme}://{place}"),
            user: given(user),
            password: given(password).map(Secret::from),
            place,
        })
    }

    /// The target as rules see it.
    pub fn name(&self) -> TargetName<'_> {
        match &self.place {
            Place::Network { host, port, .. } => TargetName { text: &self.text, host, port: Some(*port) },
            // `*` does not cross a `/`: only a rule that is written for sockets matches one
            Place::Unix { .. } => TargetName { text: &self.text, host: &self.text, port: None },
        }
    }

    /// Whether what was configured for `self` may be used for `other`: the same server, with no less protection.
    pub fn covers(&self, other: &Self) -> bool {
        self.covers_place(&other.place)
    }

    /// The same for a bare place.
    pub fn covers_place(&self, other: &Place) -> bool {
        match (&self.place, other) {
            (
                Place::Network { host, port, tls },
                Place::Network { host: other_host, port: other_port, tls: other_tls },
            ) => host.eq_ignore_ascii_case(other_host) && port == other_port && (!tls || *other_tls),
            (mine, theirs) => mine == theirs,
        }
    }
}

impl Place {
    /// Whether TLS is spoken there.
    pub fn has_tls(&self) -> bool {
        matches!(self, Self::Network { tls: true, .. })
    }

    /// The same place, spoken to by TLS.
    #[must_use]
    pub fn with_tls(&self) -> Self {
        match self.clone() {
            Self::Network { host, port, .. } => Self::Network { host, port, tls: true },
            unix @ Self::Unix { .. } => unix,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { host, port, .. } if host.contains(':') => write!(formatter, "[{host}]:{port}"),
            Self::Network { host, port, .. } => write!(formatter, "{host}:{port}"),
            Self::Unix { path } => formatter.write_str(path),
        }
    }
}

fn network(rest: &str, tls: bool) -> Result<Place, TargetError> {
    let (authority, database) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let database = database.split_once('?').map_or(database, |(database, _)| database);
    if !rest.contains('?') && !database.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TargetError::Database);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(TargetError::Host)?,
        // more than one colon without brackets is an IPv6 address without a port
        None if authority.matches(':').count() > 1 => (authority, ""),
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(TargetError::Port)?,
        None if port.is_empty() => DEFAULT_PORT,
        None => return Err(TargetError::Port),
    };
    let host = if host.is_empty() { "localhost" } else { host };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"-._~:%".contains(&byte);
    if !host.bytes().all(fits) {
        return Err(TargetError::Host);
    }
    Ok(Place::Network { host: host.to_owned(), port, tls })
}

fn unix(rest: &str) -> Result<Place, TargetError> {
    let path = rest.split_once('?').map_or(rest, |(path, _)| path);
    if path.starts_with('/') { Ok(Place::Unix { path: path.to_owned() }) } else { Err(TargetError::Path) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets() {
        for (text, shown, user, password) in [
            ("redis://localhost:6379", "redis://localhost:6379", None, None),
            ("localhost:6380", "redis://localhost:6380", None, None),
            ("cache", "redis://cache:6379", None, None),
            (" cache ", "redis://cache:6379", None, None),
            ("redis://", "redis://localhost:6379", None, None),
            ("redis://:7000", "redis://localhost:7000", None, None),
            ("valkeys://cache/3", "valkeys://cache:6379", None, None),
            ("rediss://cache:1/?db=2", "rediss://cache:1", None, None),
            ("redis://:pw@h:1", "redis://h:1", None, Some("pw")),
            ("redis://me@h:1", "redis://h:1", Some("me"), None),
            ("redis://me:p@ss:w/rd%#?$@h:1/0", "redis://h:1", Some("me"), Some("p@ss:w/rd%#?$")),
            ("redis://a%40b:%41%zz%4@h", "redis://h:6379", Some("a@b"), Some("A%zz%4")),
            ("me:pw@h:1", "redis://h:1", Some("me"), Some("pw")),
            ("redis://[::1]:7000", "redis://[::1]:7000", None, None),
            ("[fd00::1]", "redis://[fd00::1]:6379", None, None),
            ("fd00::1", "redis://[fd00::1]:6379", None, None),
            ("unix:///run/redis.sock", "unix:///run/redis.sock", None, None),
            ("unix://me:pw@/run/redis.sock?db=1", "unix:///run/redis.sock", Some("me"), Some("pw")),
        ] {
            let target = Target::parse(text).unwrap();
            let found = (target.to_string(), target.user, target.password);
            let expected = (shown.to_owned(), user.map(str::to_owned), password.map(Secret::from));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_target() {
        for (text, expected) in [
            ("", TargetError::Empty),
            ("://nope", TargetError::Scheme),
            ("http://host", TargetError::Scheme),
            ("redis://host:port", TargetError::Port),
            ("redis://host:0", TargetError::Port),
            ("redis://host:70000", TargetError::Port),
            ("redis://[::1", TargetError::Host),
            ("redis://[::1]6379", TargetError::Port),
            ("redis://ho st", TargetError::Host),
            ("redis://host/secret", TargetError::Database),
            ("unix://socket", TargetError::Path),
        ] {
            assert_eq!(Target::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn only_the_same_server_with_no_less_protection_is_covered() {
        for (mine, other, expected) in [
            ("redis://a:1", "a:1", true),
            ("redis://a", "redis://user@A:6379/3", true),
            ("redis://a", "rediss://a", true),
            ("rediss://a", "redis://a", false),
            ("redis://a", "redis://a:6380", false),
            ("redis://a", "redis://b", false),
            ("unix:///s", "unix:///s", true),
            ("unix:///s", "unix:///t", false),
        ] {
            let found = Target::parse(mine).unwrap().covers(&Target::parse(other).unwrap());
            assert_eq!(found, expected, "{mine} {other}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_shows_a_secret(text in "(?s).{0,40}", secret in "[a-z@:/%?]{1,9}Z") {
            drop(Target::parse(&text));
            if let Ok(target) = Target::parse(&format!("redis://user:{secret}@host:1")) {
                let shown = format!("{target} {target:?}");
                prop_assert!(!shown.contains(&secret), "{}", shown);
            }
        }
    }
}
