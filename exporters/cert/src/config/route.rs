//! The way to a server, where it is not the usual one.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use toolkit::config::Fields;

/// The way to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Connect there, instead of to what the target's name means.
    pub connect_to: Option<ConnectTo>,
    /// Come from this address.
    pub source: Option<IpAddr>,
}

/// An address, and a port where it is not the target's: `192.0.2.1`, `192.0.2.1:8443`, `[::1]:8443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    ip: IpAddr,
    port: Option<u16>,
}

impl ConnectTo {
    /// The address for a target with this port.
    pub fn address(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }
}

impl FromStr for ConnectTo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ip) = text.parse() {
            return Ok(Self { ip, port: None });
        }
        let address: Option<SocketAddr> = text.parse().ok().filter(|address: &SocketAddr| address.port() > 0);
        let address = address.ok_or("expected ADDRESS or ADDRESS:PORT, as in 192.0.2.1 or [::1]:8443")?;
        Ok(Self { ip: address.ip(), port: Some(address.port()) })
    }
}

impl Route {
    /// Reads the keys of a module or a target.
    pub(super) fn decode(fields: &mut Fields<'_>) -> Self {
        Self {
            connect_to: fields.parsed("connect_to", str::parse),
            source: fields.parsed("source_ip_address", source),
        }
    }

    /// This way; where it says nothing, the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { connect_to: self.connect_to.or(other.connect_to), source: self.source.or(other.source) }
    }
}

/// Reads an address to come from.
pub(super) fn source(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_invalid| "expected an address of this machine, as in 192.0.2.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1:443")),
            ("192.0.2.1:8443", Some("192.0.2.1:8443")),
            ("::1", Some("[::1]:443")),
            ("[::1]:1", Some("[::1]:1")),
            ("example.com", None),
            ("192.0.2.1:0", None),
            ("", None),
        ] {
            let found = text.parse::<ConnectTo>().ok().map(|to| to.address(443).to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
