//! Which addresses may be connected to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Says which addresses may be connected to. Every address is asked for after it was resolved, and the one that was
/// approved is the one that is connected to, so that a name cannot change its mind in between.
#[derive(Clone)]
pub struct Guard(Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>);

impl Guard {
    /// A guard that lets pass what `allows` says.
    pub fn new(allows: impl Fn(SocketAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    /// A guard that lets pass the public internet only; for addresses that come from elsewhere, as in certificates.
    pub fn public() -> Self {
        Self::new(|address| is_public(address.ip()))
    }

    /// A guard that lets pass servers of any network, one's own among them, and refuses what no check is about: where
    /// clouds keep what a machine is told in confidence, nobody, and many machines at once.
    pub fn compat() -> Self {
        Self::new(|address| is_server(address.ip()))
    }

    /// Lets these pass too.
    #[must_use]
    pub fn or(self, more: Vec<Allowed>) -> Self {
        Self::new(move |address| self.allows(address) || more.iter().any(|one| one.has(address)))
    }

    /// Of what it lets pass, lets only these pass.
    #[must_use]
    pub fn only(self, these: Vec<Allowed>) -> Self {
        Self::new(move |address| these.iter().any(|one| one.has(address)) && self.allows(address))
    }

    /// Whether this address may be connected to.
    pub fn allows(&self, address: SocketAddr) -> bool {
        (self.0)(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Guard")
    }
}

/// A network, and perhaps one port in it: `10.0.0.0/8`, `192.0.2.1:5432`, `[fd00::/8]:443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The network.
    pub network: IpNet,
    /// The port; all of them where there is none.
    pub port: Option<u16>,
}

impl Allowed {
    fn has(&self, address: SocketAddr) -> bool {
        self.network.contains(&address.ip()) && self.port.is_none_or(|port| port == address.port())
    }
}

impl FromStr for Allowed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "expected NETWORK or NETWORK:PORT, as in 10.0.0.0/8, 192.0.2.1:5432 or [fd00::/8]:443";
        let (network, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (network, port) = rest.split_once(']').ok_or(EXPECTED)?;
                let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(EXPECTED)?) };
                (network, port)
            }
            // an IPv6 network without brackets has no port
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(network, port)| (network, Some(port))),
        };
        let network = network.parse().or_else(|_| network.parse::<IpAddr>().map(IpNet::from));
        let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(EXPECTED));
        Ok(Self { network: network.map_err(|_invalid| EXPECTED)?, port: port.transpose()? })
    }
}

impl From<IpNet> for Allowed {
    fn from(network: IpNet) -> Self {
        Self { network, port: None }
    }
}

/// Where no server is that anybody watches, by IPv4.
const NO_SERVER_V4: [Ipv4Net; 7] = [
    v4([0, 0, 0, 0], 8),          // this machine, to some systems
    v4([169, 254, 0, 0], 16),     // this link: metadata of most clouds
    v4([100, 100, 100, 200], 32), // metadata of Alibaba Cloud
    v4([168, 63, 129, 16], 32),   // Azure's host
    v4([192, 0, 0, 192], 32),     // metadata of Oracle Cloud
    v4([224, 0, 0, 0], 4),        // many machines
    v4([240, 0, 0, 0], 4),        // nobody's, and everybody on this link
];

/// The same by IPv6.
const NO_SERVER_V6: [Ipv6Net; 7] = [
    v6(0, 128),
    v6(0xfe80 << 112, 10),
    v6(0xff00 << 112, 8),
    v6(0xfd00_0ec2_0000_0000_0000_0000_0000_0254, 128), // metadata of Amazon's cloud
    v6(0xfd00_0ec2_0000_0000_0000_0000_0000_0023, 128), // what its pods log in with, as 169.254.170.23 is
    v6(0xfd20_00ce_0000_0000_0000_0000_0000_0254, 128), // of Google's
    v6(0xfd00_0042_0000_0000_0000_0000_0000_0042, 128), // of Scaleway's
];

/// What is not of the public internet beside [`NO_SERVER_V4`].
const NOT_PUBLIC_V4: [Ipv4Net; 10] = [
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10), // behind carriers' NAT
    v4([127, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24), // protocol assignments
    v4([192, 0, 2, 0], 24), // documentation
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15), // benchmarks
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
];

const fn v4(address: [u8; 4], bits: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(address: u128, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_bits(address), bits)
}

/// Whether an address is one where a server can be that somebody watches: see [`Guard::compat`].
fn is_server(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !NO_SERVER_V4.iter().any(|network| network.contains(&v4)),
        IpAddr::V6(v6) => {
            carried(v6).is_none_or(|v4| is_server(v4.into()))
                && !NO_SERVER_V6.iter().any(|network| network.contains(&v6))
        }
    }
}

/// Whether an address is of the public internet: neither of this machine nor of a network like one's own, no metadata
/// service, nobody's and not many machines' at once.
fn is_public(address: IpAddr) -> bool {
    is_server(address)
        && match address.to_canonical() {
            IpAddr::V4(v4) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&v4)),
            IpAddr::V6(v6) => carried(v6).map_or_else(|| is_global(v6), |v4| is_public(v4.into())),
        }
}

/// Global unicast, without documentation, Teredo and other protocol assignments.
fn is_global(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let special = first == 0x2001 && (second < 0x0200 || second == 0x0db8) || first == 0x3fff;
    first & 0xe000 == 0x2000 && !special
}

/// The IPv4 address that an IPv6 address carries, which is whom it reaches: `64:ff9b::/96`, `2002::/16`, `::/96`.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let (high, low) = match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => (high, low),
        // `::` and `::1` are what they are
        [0, 0, 0, 0, 0, 0, high, low] if high > 0 => (high, low),
        _ => return None,
    };
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(guard: &Guard, address: &str) -> bool {
        guard.allows(address.parse().unwrap())
    }

    #[test]
    fn what_is_a_server_and_what_is_public() {
        for (address, server, public) in [
            ("8.8.8.8", true, true),
            ("1.1.1.1", true, true),
            ("2606:4700::1111", true, true),
            ("2001:4860:4860::8888", true, true),
            ("64:ff9b::808:808", true, true),
            ("127.0.0.1", true, false),
            ("10.1.2.3", true, false),
            ("172.31.0.1", true, false),
            ("192.168.0.1", true, false),
            ("100.64.0.1", true, false),
            ("198.18.0.1", true, false),
            ("192.0.0.8", true, false),
            ("192.0.2.1", true, false),
            ("203.0.113.9", true, false),
            ("::1", true, false),
            ("fd12::1", true, false),
            ("fc00::1", true, false),
            ("2001:db8::1", true, false),
            ("3fff::1", true, false),
            ("2001::1", true, false),
            ("64:ff9b::a00:1", true, false),
            ("::ffff:10.0.0.1", true, false),
            ("::10.0.0.1", true, false),
            ("169.254.169.254", false, false),
            ("169.254.170.2", false, false),
            ("100.100.100.200", false, false),
            ("168.63.129.16", false, false),
            ("192.0.0.192", false, false),
            ("0.0.0.0", false, false),
            ("0.1.2.3", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("::", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("::169.254.169.254", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("2002:a9fe:a9fe::1", false, false),
            ("fd00:ec2::254", false, false),
            ("fd00:ec2::23", false, false),
            ("fd20:ce::254", false, false),
            ("fd00:42::42", false, false),
            ("fe80::1", false, false),
            ("febf::1", false, false),
            ("ff02::1", false, false),
        ] {
            let ip = address.parse().unwrap();
            assert_eq!((is_server(ip), is_public(ip)), (server, public), "{address}");
        }
    }

    #[test]
    fn lists_open_and_narrow() {
        let list = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Allowed>>();
        let opened = Guard::public().or(list(&["10.0.0.0/8:5432", "192.168.1.1", "[fd12::/16]:443"]));
        let narrow = Guard::compat().only(list(&["10.0.0.0/8", "169.254.0.0/16"]));
        for (guard, address, expected) in [
            (&opened, "8.8.8.8:1", true),
            (&opened, "10.1.1.1:5432", true),
            (&opened, "[::ffff:10.1.1.1]:5432", true),
            (&opened, "10.1.1.1:5433", false),
            (&opened, "192.168.1.1:9", true),
            (&opened, "192.168.1.2:9", false),
            (&opened, "[fd12::9]:443", true),
            (&opened, "[fd12::9]:80", false),
            (&narrow, "10.0.0.1:1", true),
            (&narrow, "8.8.8.8:1", false),
            (&narrow, "169.254.169.254:80", false),
        ] {
            assert_eq!(allows(guard, address), expected, "{address}");
        }
        for text in ["", "a", "10.0.0.0/8:0", "10.0.0.0/8:x", "[fd00::/8", "[fd00::/8]x", "10.0.0.0/33"] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
