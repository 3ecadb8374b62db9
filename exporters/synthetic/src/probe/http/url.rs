//! `http` and `https` URLs, as targets and redirects have them.
//!
//! Nothing is put in order that need not be: what the URL says is what is asked for, percent signs and all.

use std::fmt::Write as _;
use std::net::IpAddr;

use hyper::http::uri::PathAndQuery;
use netprobe::address::ascii;
use toolkit::config::{Secret, percent_decode};

const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// A page of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether over TLS.
    pub secure: bool,
    /// The server: a name in small ASCII letters, or an address without brackets, perhaps with a zone.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What the header `Host` says.
    pub authority: String,
    /// Path and query, as they are sent.
    pub path: PathAndQuery,
    /// `user:password`, where the URL has them.
    pub user: Option<Secret>,
}

impl Url {
    /// Reads a target: a URL, or one without its `http://`.
    ///
    /// # Errors
    /// One sentence that says what is wrong, and shows nothing of the target.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match scheme(text) {
            Some((secure, rest)) => Self::after_scheme(secure, rest),
            None if text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) => {
                Err("expected an http or https URL")
            }
            None => Self::after_scheme(false, text),
        }
    }

    /// Where a redirect of this page leads; whether it says so relative to this page.
    ///
    /// # Errors
    /// One sentence: it leads nowhere, or to something else than `http` and `https`.
    pub fn join(&self, location: &str) -> Result<(Self, bool), &'static str> {
        let location = location.split('#').next().unwrap_or_default();
        if let Some((secure, rest)) = scheme(location) {
            return Ok((Self::after_scheme(secure, rest)?, false));
        }
        if has_scheme(location) {
            return Err("it leads to something else than http and https");
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Ok((Self::after_scheme(self.secure, rest)?, false));
        }
        let (own, query) = self.path.as_str().split_once('?').unwrap_or((self.path.as_str(), ""));
        let whole = match location.as_bytes().first() {
            // as browsers and Go: the same page
            None if query.is_empty() => own.to_owned(),
            None => format!("{own}?{query}"),
            Some(b'?') => format!("{own}{location}"),
            Some(b'/') => without_dots(location),
            Some(_) => {
                let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
                without_dots(&format!("{folder}/{location}"))
            }
        };
        Ok((Self { path: path(&whole)?, ..self.clone() }, true))
    }

    /// Whether two pages are of the same origin.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.secure == other.secure && self.host == other.host && self.port == other.port
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn place(&self) -> String {
        let host = self.host.split('%').next().unwrap_or_default();
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }

    fn after_scheme(secure: bool, rest: &str) -> Result<Self, &'static str> {
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(Secret::from(percent_decode(user))), place),
            None => (None, authority),
        };
        let (host, port) = split_place(place)?;
        let (host, is_address) = read_host(host)?;
        let usual = if secure { HTTPS } else { HTTP };
        let number = match port {
            None | Some("") => usual,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().map_err(|_large| "the port is too large")?
            }
            Some(_) => return Err("the port is not a number"),
        };
        let shown = host.split('%').next().unwrap_or_default();
        let shown = if is_address && shown.contains(':') { format!("[{shown}]") } else { shown.to_owned() };
        let authority = match port {
            None | Some("") => shown,
            Some(port) => format!("{shown}:{port}"),
        };
        let path = if rest.starts_with('/') { path(rest)? } else { path(&format!("/{rest}"))? };
        Ok(Self { secure, host, port: number, authority, path, user })
    }
}

/// Whether a text begins with one of our two schemes, and what follows.
fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => Some((false, rest)),
        _ if scheme.eq_ignore_ascii_case("https") => Some((true, rest)),
        _ => None,
    }
}

/// Whether a text begins with any scheme at all: `mailto:`, `javascript:`, …
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))
}

fn is_scheme(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(fits)
}

/// Host and port of `host:port`, `[address]:port`, or either alone.
fn split_place(place: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = place.strip_prefix('[') {
        let (_, after) = rest.split_once(']').ok_or("the bracket of the address is not closed")?;
        let host = place.get(..place.len() - after.len()).unwrap_or_default();
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("expected a port after the address"),
        };
    }
    match place.split_once(':') {
        Some((_, port)) if port.contains(':') => Err("an IPv6 address in a URL stands in brackets"),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((place, None)),
    }
}

/// The host as it is resolved, and whether it is an address.
fn read_host(host: &str) -> Result<(String, bool), &'static str> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let inner = percent_decode(inner);
        let address = inner.split('%').next().unwrap_or_default();
        let is_v6 = address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
        let plain = !inner.contains(|character: char| character.is_control() || character.is_whitespace());
        return if is_v6 && plain {
            Ok((inner, true))
        } else {
            Err("expected an IPv6 address in the brackets")
        };
    }
    let decoded = percent_decode(host);
    if decoded.is_empty() {
        return Err("the URL has no host");
    }
    let host = ascii(&decoded)?.to_ascii_lowercase();
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"<>\"\\^`{|}%/?#@[]:".contains(&byte);
    if !host.bytes().all(fits) {
        return Err("the URL's host is no host");
    }
    let is_address = host.parse::<IpAddr>().is_ok();
    Ok((host, is_address))
}

/// Path and query as they can be sent: what cannot stand in a request's line is percent-encoded, the rest stays.
fn path(text: &str) -> Result<PathAndQuery, &'static str> {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!' | b'#'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'|' | b'~' => {
                encoded.push(char::from(byte));
            }
            // writing to a string cannot fail
            byte => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
    }
    PathAndQuery::try_from(encoded).map_err(|_invalid| "the URL's path cannot be sent")
}

/// A path without `.` and `..` (RFC 3986, 5.2.4); the query stays.
fn without_dots(text: &str) -> String {
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    let mut kept: Vec<&str> = Vec::new();
    let last = path.rsplit('/').next().unwrap_or_default();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    if matches!(last, "." | "..") {
        kept.push("");
    }
    let mut joined = format!("/{}", kept.join("/"));
    if let Some(query) = query {
        joined.push('?');
        joined.push_str(query);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, secure, host, port, authority, path) in [
            ("example.com", false, "example.com", 80, "example.com", "/"),
            ("HTTP://Example.com", false, "example.com", 80, "example.com", "/"),
            ("HtTpS://example.com:8443/a?b=c#d", true, "example.com", 8443, "example.com:8443", "/a?b=c"),
            ("http://example.com:80", false, "example.com", 80, "example.com:80", "/"),
            ("http://example.com:?x", false, "example.com", 80, "example.com", "/?x"),
            ("https://[2001:db8::1]/", true, "2001:db8::1", 443, "[2001:db8::1]", "/"),
            ("http://[fe80::1%25eth0]:81/", false, "fe80::1%eth0", 81, "[fe80::1]:81", "/"),
            ("127.0.0.1:9115/metrics", false, "127.0.0.1", 9115, "127.0.0.1:9115", "/metrics"),
            (
                "https://Bücher.example/ä b",
                true,
                "xn--bcher-kva.example",
                443,
                "xn--bcher-kva.example",
                "/%C3%A4%20b",
            ),
            ("http://a/%7e/%zz/%2F/../x//y", false, "a", 80, "a", "/%7e/%zz/%2F/../x//y"),
            ("http://a?b=\"<>", false, "a", 80, "a", "/?b=%22<%3E"),
        ] {
            let url = Url::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            let found = (url.secure, url.host.as_str(), url.port, url.authority.as_str(), url.path.as_str());
            let path = path.replace('<', "%3C");
            assert_eq!(found, (secure, host, port, authority, path.as_str()), "{text}");
            assert!(url.user.is_none());
        }
        let url = Url::parse("http://me:p%40ss@example.com/").unwrap();
        assert_eq!(
            (url.user.as_ref().map(Secret::expose), url.host.as_str()),
            (Some("me:p@ss"), "example.com")
        );
        assert!(!format!("{url:?}").contains("p@ss"));
    }

    #[test]
    fn what_is_no_target_is_told_without_being_shown() {
        for text in [
            "",
            "http://",
            "http:///x",
            "http://a b/",
            "http://a:x/",
            "http://a:99999/",
            "http://::1/",
            "http://[::1/",
            "http://[::1]x/",
            "http://[1.2.3.4]/",
            "http://s3cret@/",
            "http://a<b/",
            "invalid://example.com",
        ] {
            let problem = Url::parse(text).expect_err(text);
            assert!(!problem.contains("s3cret"));
        }
    }

    #[test]
    fn redirects() {
        let from = Url::parse("http://a:81/b/c?d").unwrap();
        for (location, expected) in [
            ("/x", Some(("http", "a:81", "/x", true))),
            ("x?y", Some(("http", "a:81", "/b/x?y", true))),
            ("../x", Some(("http", "a:81", "/x", true))),
            ("./..", Some(("http", "a:81", "/", true))),
            ("../../../x/.", Some(("http", "a:81", "/x/", true))),
            ("?e", Some(("http", "a:81", "/b/c?e", true))),
            ("#top", Some(("http", "a:81", "/b/c?d", true))),
            ("x:y", None),
            ("./x:y", Some(("http", "a:81", "/b/x:y", true))),
            ("//b/x", Some(("http", "b", "/x", false))),
            ("https://b", Some(("https", "b", "/", false))),
            ("HTTPS://B/ü", Some(("https", "b", "/%C3%BC", false))),
            ("ftp://b", None),
            ("javascript:alert(1)", None),
            ("http://", None),
        ] {
            let found = from.join(location).ok();
            let found = found.as_ref().map(|(url, relative)| {
                let scheme = if url.secure { "https" } else { "http" };
                (scheme, url.authority.as_str(), url.path.as_str(), *relative)
            });
            assert_eq!(found, expected, "{location}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in r"(https?://)?[a-z0-9\[\]:@%/?#. äß]{0,30}", location in r"[a-z0-9:/?#.%\\ ]{0,20}") {
            if let Ok(url) = Url::parse(&text) {
                drop(url.join(&location));
                drop(url.place());
            }
        }
    }
}
