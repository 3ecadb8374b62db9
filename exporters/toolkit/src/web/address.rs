//! Listen addresses as the flag writes them: `:9121`, `0.0.0.0:9121`, `[::1]:9121`, `localhost:0`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One value of `--web.listen-address`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenAddress {
    host: Host,
    port: u16,
}

/// A listen address that cannot be read; displayed as one lower-case sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// There is no `:` before a port.
    #[error("the port is missing (hint: write `:9121`, `127.0.0.1:9121` or `[::1]:9121`)")]
    NoPort,
    /// The port is not a number up to 65535.
    #[error("the port is not a number from 0 to 65535")]
    Port,
    /// An IPv6 address without brackets.
    #[error("an IPv6 address needs brackets (hint: write `[::1]:9121`)")]
    Brackets,
    /// The host is neither an address nor a name.
    #[error(
        "the host is neither an IP address nor a host name (hint: write no `http://`, only host and port)"
    )]
    Host,
    /// A vsock address.
    #[error("vsock is not supported (hint: listen on a TCP address)")]
    Vsock,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    Address(IpAddr),
    Name(String),
}

impl ListenAddress {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.starts_with("vsock:") {
            return Err(InvalidAddress::Vsock);
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress::NoPort)?;
        let host = parse_host(host)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| digits).ok_or(InvalidAddress::Port)?;
        Ok(Self { host, port })
    }

    /// What to bind, in order of preference.
    pub(super) async fn bindable(&self) -> std::io::Result<Vec<SocketAddr>> {
        match &self.host {
            // Linux makes a socket on [::] serve IPv4 too; a machine without IPv6 gets the second one.
            Host::Any => Ok(self.on(&[Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()])),
            Host::Address(address) => Ok(self.on(&[*address])),
            Host::Name(name) => self.lookup(name).await,
        }
    }

    /// Where a client on the same machine reaches it, in order of preference.
    pub(super) async fn reachable(&self) -> std::io::Result<Vec<SocketAddr>> {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        match &self.host {
            Host::Any => Ok(self.on(&loopback)),
            Host::Address(address) if address.is_unspecified() => Ok(self.on(&loopback)),
            Host::Address(address) => Ok(self.on(&[*address])),
            Host::Name(name) => self.lookup(name).await,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// IPv4 first: it is what scrape configurations mean by `localhost`.
    async fn lookup(&self, name: &str) -> std::io::Result<Vec<SocketAddr>> {
        let mut found: Vec<SocketAddr> = tokio::net::lookup_host((name, self.port)).await?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        Ok(found)
    }

    fn on(&self, hosts: &[IpAddr]) -> Vec<SocketAddr> {
        hosts.iter().map(|host| SocketAddr::new(*host, self.port)).collect()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => write!(formatter, ":{}", self.port),
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(formatter),
            Host::Name(name) => write!(formatter, "{name}:{}", self.port),
        }
    }
}

fn parse_host(host: &str) -> Result<Host, InvalidAddress> {
    if host.is_empty() {
        return Ok(Host::Any);
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| InvalidAddress::Host)?;
        return Ok(Host::Address(address.into()));
    }
    if host.contains(':') {
        let scheme = host.contains("//") || host.parse::<Ipv6Addr>().is_err();
        return Err(if scheme { InvalidAddress::Host } else { InvalidAddress::Brackets });
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if name { Ok(Host::Name(host.to_owned())) } else { Err(InvalidAddress::Host) }
}

#[cfg(test)]
mod tests {
    use super::{InvalidAddress, ListenAddress};

    #[test]
    fn forms() {
        let check = |text: &str, expected: Result<&str, InvalidAddress>| {
            let found = ListenAddress::parse(text).map(|address| address.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        };
        check(":9121", Ok(":9121"));
        check("0.0.0.0:9121", Ok("0.0.0.0:9121"));
        check("[::1]:9121", Ok("[::1]:9121"));
        check("[::]:0", Ok("[::]:0"));
        check("localhost:0", Ok("localhost:0"));
        check("redis_exporter.local:1", Ok("redis_exporter.local:1"));
        check("9121", Err(InvalidAddress::NoPort));
        check("", Err(InvalidAddress::NoPort));
        check("localhost:", Err(InvalidAddress::Port));
        check(":65536", Err(InvalidAddress::Port));
        check(":+1", Err(InvalidAddress::Port));
        check(":http", Err(InvalidAddress::Port));
        check("::1:9121", Err(InvalidAddress::Brackets));
        check("[::g]:1", Err(InvalidAddress::Host));
        check("http://localhost:1", Err(InvalidAddress::Host));
        check("two words:1", Err(InvalidAddress::Host));
        check("vsock://:9121", Err(InvalidAddress::Vsock));
    }

    #[tokio::test]
    async fn own_machine() {
        let check = async |text: &str, expected: &[&str]| {
            let found = ListenAddress::parse(text).unwrap().reachable().await.unwrap();
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{text}");
        };
        check(":9121", &["127.0.0.1:9121", "[::1]:9121"]).await;
        check("0.0.0.0:1", &["127.0.0.1:1", "[::1]:1"]).await;
        check("[::]:1", &["127.0.0.1:1", "[::1]:1"]).await;
        check("[::1]:1", &["[::1]:1"]).await;
        check("10.0.0.1:1", &["10.0.0.1:1"]).await;
    }
}
