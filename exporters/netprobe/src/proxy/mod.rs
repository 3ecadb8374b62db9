//! Proxies: what they are, which one the environment names, and the tunnels that they make.

mod environment;
mod http;
mod socks;

use tokio::net::TcpStream;
use toolkit::config::{Secret, percent_decode};

pub use environment::{Exceptions, Proxies};

use crate::failure::{Failure, Reason};
use crate::phase::Phase;

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP's `CONNECT`.
    Http,
    /// SOCKS 5 (RFC 1928). Names are the proxy's to resolve, whether `socks5` or `socks5h` is written, as with Go.
    Socks5,
}

impl Scheme {
    fn usual_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Socks5 => 1080,
        }
    }
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User and password, as in `user:password`.
    pub credentials: Option<Secret>,
    /// More headers of the request; values may be secret. SOCKS has none.
    pub headers: Vec<(String, Secret)>,
}

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`, or the same with `socks5` or `socks5h`. The message names no part of
    /// it, since it may hold a password.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "http" => (Scheme::Http, rest),
                "socks5" | "socks5h" => (Scheme::Socks5, rest),
                _ => return Err("a proxy's URL begins with `http://`, `socks5://` or `socks5h://`"),
            },
            None => (Scheme::Http, url),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(Secret::from(percent_decode(user))), place),
            None => (None, authority),
        };
        let (host, port) = match place.rsplit_once(':') {
            // the colons of an address in brackets without a port
            Some((_, last)) if last.ends_with(']') => (place, None),
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| "the proxy's port is not a number")?,
            None => scheme.usual_port(),
        };
        if !is_plain(host) {
            return Err("the proxy's URL has no host");
        }
        Ok(Self { scheme, host: host.to_owned(), port, credentials, headers: Vec::new() })
    }
}

/// Asks the proxy to connect to a host and port.
pub(crate) async fn tunnel(
    stream: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), Failure> {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match proxy.scheme {
        Scheme::Http => http::tunnel(stream, proxy, &authority(host, port)).await,
        Scheme::Socks5 => socks::tunnel(stream, proxy, host, port).await,
    }
}

/// The host and port in one, as `CONNECT` and messages have it.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Whether a text can stand in a line without ending a word or the line.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn failure(reason: Reason) -> Failure {
    Failure::new(Phase::Proxy, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, scheme, host, port, credentials) in [
            ("http://proxy:3128", Scheme::Http, "proxy", 3128, None),
            ("HTTP://proxy/", Scheme::Http, "proxy", 80, None),
            ("proxy:8080", Scheme::Http, "proxy", 8080, None),
            ("http://u:p%40ss@proxy:1", Scheme::Http, "proxy", 1, Some("u:p@ss")),
            ("http://[::1]:3128", Scheme::Http, "[::1]", 3128, None),
            ("http://[::1]", Scheme::Http, "[::1]", 80, None),
            ("socks5://proxy", Scheme::Socks5, "proxy", 1080, None),
            ("SOCKS5H://u:p@proxy:9050", Scheme::Socks5, "proxy", 9050, Some("u:p")),
        ] {
            let proxy = Proxy::parse(url).unwrap();
            assert_eq!((proxy.scheme, proxy.host.as_str(), proxy.port), (scheme, host, port), "{url}");
            assert_eq!(proxy.credentials.as_ref().map(Secret::expose), credentials);
        }
        for url in ["socks4://proxy", "https://proxy", "http://", "http://proxy:x", "http://pro xy"] {
            assert!(Proxy::parse(url).is_err(), "{url}");
        }
    }
}
