//! Targets that are reached over the network, as text: `HOST:PORT` and URLs.

use std::borrow::Cow;

use hyper::Uri;
use netprobe::address::ascii;
use netprobe::starttls::Protocol;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its name in ASCII or its address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// A page of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether over TLS.
    pub secure: bool,
    /// The server.
    pub address: Address,
    /// Path and query.
    pub path: String,
    /// What the header `Host` says.
    pub authority: String,
}

const HTTPS: u16 = 443;
const HTTP: u16 = 80;

impl Address {
    /// Reads `HOST:PORT`, `[ADDRESS]:PORT`, or a host alone, whose port is that of the protocol.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn parse(text: &str, starttls: Option<Protocol>) -> Result<Self, &'static str> {
        let usual = starttls.map_or(HTTPS, usual_port);
        if text.contains("://") {
            return Err("expected HOST:PORT, not a URL (hint: the prober https takes URLs)");
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
                match rest.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if rest.is_empty() => (host, None),
                    None => return Err(EXPECTED),
                }
            }
            // an IPv6 address without brackets has no port
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Some(usual), |port| port.parse().ok().filter(|port| *port > 0));
        let bad = host.is_empty()
            || host.chars().any(|character| {
                character.is_whitespace() || character.is_control() || "/@?#".contains(character)
            });
        match port {
            Some(port) if !bad => Ok(Self { host: ascii(host)?.into_owned(), port }),
            _ => Err(EXPECTED),
        }
    }
}

const EXPECTED: &str = "expected HOST:PORT";

/// The port of a protocol that is plain text at first (IANA's list).
fn usual_port(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Smtp => 25,
        Protocol::Lmtp => 24,
        Protocol::Imap => 143,
        Protocol::Pop3 => 110,
        Protocol::Ftp => 21,
        Protocol::Postgres => 5432,
        Protocol::Mysql => 3306,
        Protocol::Ldap => 389,
        Protocol::Xmpp => 5222,
        Protocol::Sieve => 4190,
        Protocol::Nntp => 119,
        Protocol::Irc => 6667,
    }
}

impl Url {
    /// Reads an `http` or `https` URL; without a scheme it is `https`.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        // what comes after `#` is the browser's
        let whole = whole.split('#').next().unwrap_or_default();
        let whole = in_ascii(whole)?;
        let uri: Uri = whole.parse().map_err(|_invalid| "expected a URL such as https://HOST/PATH")?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("expected an http or https URL"),
        };
        let authority = uri.authority().ok_or("the URL has no host")?;
        if authority.as_str().contains('@') {
            return Err("a target holds no user or password: it is shown in a label");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("the URL has no host");
        }
        let usual = if secure { HTTPS } else { HTTP };
        let port = match (authority.port_u16(), authority.port()) {
            (Some(port), _) => port,
            (None, None) => usual,
            (None, Some(_)) => return Err("the port is no port"),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, path, authority: authority.as_str().to_owned(), address: Address { host, port } })
    }

    /// Where a redirect of this page leads.
    pub fn join(&self, location: &str) -> Result<Self, &'static str> {
        let scheme = if self.secure { "https" } else { "http" };
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let folder = self
            .path
            .split('?')
            .next()
            .and_then(|path| path.rsplit_once('/'))
            .map_or("", |(folder, _)| folder);
        let path =
            if location.starts_with('/') { location.to_owned() } else { format!("{folder}/{location}") };
        Self::parse(&format!("{scheme}://{}{path}", self.authority))
    }
}

/// The URL with its host in ASCII.
fn in_ascii(url: &str) -> Result<Cow<'_, str>, &'static str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Ok(url.into()) };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(end);
    if place.is_ascii() {
        return Ok(url.into());
    }
    let (host, port) = place.rsplit_once(':').map_or((place, ""), |(host, _)| place.split_at(host.len()));
    Ok(format!("{scheme}://{}{port}{path}", ascii(host)?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("a.example:8443", Some(("a.example", 8443))),
            ("a.example", Some(("a.example", 443))),
            ("[::1]:1", Some(("::1", 1))),
            ("[::1]", Some(("::1", 443))),
            ("::1", Some(("::1", 443))),
            ("127.0.0.1:6379", Some(("127.0.0.1", 6379))),
            ("bücher.example:1", Some(("xn--bcher-kva.example", 1))),
            ("", None),
            (":443", None),
            ("a:0", None),
            ("a:b", None),
            ("a:99999", None),
            ("[::1", None),
            ("[::1]x", None),
            ("a b:1", None),
            ("user@a:1", None),
            ("https://a", None),
        ] {
            let found = Address::parse(text, None).ok();
            assert_eq!(found.as_ref().map(|found| (found.host.as_str(), found.port)), expected, "{text}");
        }
    }

    #[test]
    fn urls() {
        for (text, expected) in [
            ("https://a.example/x?y=1#z", Some((true, "a.example", 443, "/x?y=1"))),
            ("a.example", Some((true, "a.example", 443, "/"))),
            ("a.example:8443", Some((true, "a.example", 8443, "/"))),
            ("http://a:81", Some((false, "a", 81, "/"))),
            ("https://[::1]:8443/", Some((true, "::1", 8443, "/"))),
            ("https://a?x", Some((true, "a", 443, "/?x"))),
            ("bücher.example:8443/?ü", Some((true, "xn--bcher-kva.example", 8443, "/?ü"))),
            ("ftp://a", None),
            ("https://", None),
            ("https://u:p@a/", None),
            ("https://a b/", None),
        ] {
            let found = Url::parse(text).ok();
            let found = found
                .as_ref()
                .map(|url| (url.secure, url.address.host.as_str(), url.address.port, url.path.as_str()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn redirects() {
        let from = Url::parse("http://a:81/b/c?d").unwrap();
        for (location, expected) in [
            ("/x", ("a:81", "/x")),
            ("x", ("a:81", "/b/x")),
            ("//b/x", ("b", "/x")),
            ("https://b", ("b", "/")),
        ] {
            let to = from.join(location).unwrap();
            assert_eq!((to.authority.as_str(), to.path.as_str()), expected);
        }
    }
}
