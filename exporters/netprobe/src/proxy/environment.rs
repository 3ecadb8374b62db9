//! The proxies that the environment names, by Go's rules: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Proxy;

/// The environment's proxies.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    exceptions: Exceptions,
}

/// Who is reached without a proxy, as `NO_PROXY` has it: names with all below them, addresses, networks, `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions(Vec<Exception>);

/// Who is reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Network(IpNet),
    /// This name (unless it began with a dot) and all below it.
    Domain {
        name: String,
        itself: bool,
    },
}

impl Proxies {
    /// Reads the variables; names in small letters count where those in capitals are missing.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| {
            let found = lookup(name).or_else(|| lookup(&name.to_lowercase()));
            found.filter(|value| !value.is_empty())
        };
        // a proxy alone, without a scheme, is an HTTP proxy
        let proxy = |name: &str| {
            let url = get(name)?;
            let url = if url.contains("://") { url } else { format!("http://{url}") };
            Proxy::parse(&url)
                .map_err(|problem| tracing::warn!(variable = name, problem, "cannot use the proxy"))
                .ok()
        };
        Self {
            https: proxy("HTTPS_PROXY"),
            http: proxy("HTTP_PROXY"),
            exceptions: Exceptions::parse(&get("NO_PROXY").unwrap_or_default()),
        }
    }

    /// The proxy through which a server is reached, for HTTP over TLS or without it. This machine is never reached
    /// through one.
    pub fn find(&self, secure: bool, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = if secure { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !is_here(host) && !self.exceptions.has(host, port))
    }
}

impl Exceptions {
    /// Reads a list with commas. What is none of it is passed over, as Go does.
    pub fn parse(list: &str) -> Self {
        Self(list.split(',').filter_map(|word| exception(word.trim())).collect())
    }

    /// Whether a server is reached without a proxy.
    pub fn has(&self, host: &str, port: u16) -> bool {
        let ip = host.parse::<IpAddr>().ok();
        self.0.iter().any(|exception| exception.is_for(host, port, ip))
    }
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

impl Exception {
    fn is_for(&self, host: &str, port: u16, ip: Option<IpAddr>) -> bool {
        let fits = match &self.host {
            Host::Any => true,
            Host::Network(network) => ip.is_some_and(|ip| network.contains(&ip)),
            Host::Domain { name, itself } => {
                let host = host.to_ascii_lowercase();
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                below || (*itself && host == *name)
            }
        };
        fits && self.port.is_none_or(|own| own == port)
    }
}

fn exception(word: &str) -> Option<Exception> {
    if word.is_empty() {
        return None;
    }
    if word == "*" {
        return Some(Exception { host: Host::Any, port: None });
    }
    if let Ok(network) = word.parse::<IpNet>() {
        return Some(Exception { host: Host::Network(network), port: None });
    }
    let (host, port) = match word.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
        _ => (word, None),
    };
    let host = host.trim_matches(['[', ']']);
    let host = if let Ok(ip) = host.parse::<IpAddr>() {
        Host::Network(ip.into())
    } else {
        let name = host.trim_start_matches('*');
        let itself = !name.starts_with('.');
        Host::Domain { name: name.trim_start_matches('.').to_ascii_lowercase(), itself }
    };
    Some(Exception { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_reached_through_a_proxy() {
        let proxies = Proxies::from_environment(|name| {
            let value = match name {
                "https_proxy" => "http://proxy:3128",
                "NO_PROXY" => "internal, .only-below.example ,10.0.0.0/8,192.0.2.1,a.example:8443,::1",
                _ => return None,
            };
            Some(value.to_owned())
        });
        for (host, port, proxied) in [
            ("b.example", 443, true),
            ("internal", 443, false),
            ("x.internal", 443, false),
            ("xinternal", 443, true),
            ("only-below.example", 443, true),
            ("x.only-below.example", 443, false),
            ("10.1.1.1", 443, false),
            ("192.0.2.1", 443, false),
            ("192.0.2.2", 443, true),
            ("a.example", 8443, false),
            ("a.example", 443, true),
            ("localhost", 443, false),
            ("127.0.0.5", 443, false),
            ("::1", 443, false),
        ] {
            assert_eq!(proxies.find(true, host, port).is_some(), proxied, "{host}:{port}");
            assert!(proxies.find(false, host, port).is_none());
        }
    }
}
