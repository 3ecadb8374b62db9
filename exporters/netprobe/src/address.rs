//! From a host to the addresses that are tried, in the order in which they are.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::failure::{Failure, Reason};
use crate::phase::Phase;

/// Addresses taken of one name. Nobody has more behind one name, and a hostile name server could send thousands.
const MAX_ADDRESSES: usize = 32;

/// Which IP protocol is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Whichever answers: all addresses are tried, both families side by side.
    #[default]
    Any,
    /// IPv4: one address.
    V4,
    /// IPv6: one address.
    V6,
}

impl Family {
    fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            // what the kernel sends as IPv4 is IPv4
            Self::V4 => address.to_canonical().is_ipv4(),
            Self::V6 => address.to_canonical().is_ipv6(),
        }
    }
}

/// Says which addresses may be connected to. Every address is asked for after it was resolved, and the one that was
/// approved is the one that is connected to, so that a name cannot change its mind in between.
#[derive(Clone)]
pub struct Guard(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl Guard {
    /// A guard that lets pass what `allows` says.
    pub fn new(allows: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    /// A guard that lets pass the public internet only; for addresses that come from elsewhere, as in certificates.
    pub fn public() -> Self {
        Self::new(is_public)
    }

    fn allows(&self, address: IpAddr) -> bool {
        (self.0)(address.to_canonical())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Guard")
    }
}

/// Whether an address is of the public internet: neither of this machine nor of a network like one's own, no metadata
/// service, nobody's and not many machines' at once.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, third, _] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            let benchmark = first == 198 && (18..20).contains(&second);
            let assignments = [first, second, third] == [192, 0, 0];
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || first == 0
                || first >= 224
                || shared
                || benchmark
                || assignments)
        }
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let [first, second, ..] = segments;
            // 64:ff9b::/96 and 2002::/16 carry an IPv4 address, which is what counts
            let carried = match segments {
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some((high, low)),
                _ => None,
            };
            if let Some((high, low)) = carried {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                return is_public(IpAddr::from([a, b, c, d]));
            }
            // global unicast, without documentation, Teredo and other protocol assignments
            first & 0xe000 == 0x2000 && !(first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        }
    }
}

/// Asks the system's resolver. A literal address is taken as it is.
pub(crate) async fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |error: std::io::Error| {
        let reason = match Reason::of_io(&error) {
            Reason::Local => Reason::Local,
            _ => Reason::Dns,
        };
        Failure::new(Phase::Resolve, reason).because(error)
    };
    // with a scope, as in `fe80::1%eth0`, it is the resolver that reads it
    let found = tokio::net::lookup_host((literal, port)).await.map_err(failed)?;
    Ok(found.take(MAX_ADDRESSES).collect())
}

/// The addresses to try. With a family they are one: a probe that takes another when the first is dead hides that.
pub(crate) fn choose(
    found: Vec<SocketAddr>,
    family: Family,
    fallback: bool,
    source: Option<IpAddr>,
    guard: Option<&Guard>,
) -> Result<Vec<SocketAddr>, Failure> {
    let no = |reason| Err(Failure::new(Phase::Resolve, reason));
    let from_here = |address: &SocketAddr| source.is_none_or(|source| source.is_ipv4() == address.is_ipv4());
    let reachable: Vec<SocketAddr> = found.into_iter().filter(from_here).collect();
    let wanted = reachable.iter().any(|address| family.has(address.ip()));
    let mut usable = reachable;
    if wanted || !fallback {
        usable.retain(|address| family.has(address.ip()));
    }
    if usable.is_empty() {
        return no(Reason::NoAddress);
    }
    if family != Family::Any {
        usable.truncate(1);
    }
    usable.retain(|address| guard.is_none_or(|guard| guard.allows(address.ip())));
    if usable.is_empty() { no(Reason::Denied) } else { Ok(usable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect()
    }

    #[test]
    fn a_family_takes_its_first_address_and_falls_back_when_told() {
        let both = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
        for (found, family, fallback, expected) in [
            (&both[..], Family::Any, true, &both[..]),
            (&both, Family::V4, true, &["192.0.2.1"]),
            (&both, Family::V6, true, &["2001:db8::1"]),
            (&both[..2], Family::V6, true, &["192.0.2.1"]),
            (&both[..2], Family::V6, false, &[]),
            (&both[2..], Family::V4, true, &["2001:db8::1"]),
            (&["::ffff:192.0.2.7"], Family::V4, false, &["::ffff:192.0.2.7"]),
            (&["::ffff:192.0.2.7"], Family::V6, false, &[]),
            (&[], Family::Any, true, &[]),
        ] {
            let chosen = choose(addresses(found), family, fallback, None, None);
            match chosen {
                Ok(chosen) => assert_eq!(chosen, addresses(expected), "{found:?} {family:?}"),
                Err(failure) => {
                    assert_eq!(failure.reason, Reason::NoAddress);
                    assert!(expected.is_empty(), "{found:?} {family:?}");
                }
            }
        }
    }

    #[test]
    fn the_source_address_decides_the_family() {
        let found = addresses(&["192.0.2.1", "2001:db8::1"]);
        let source = Some("2001:db8::9".parse().unwrap());
        let chosen = choose(found.clone(), Family::Any, false, source, None).unwrap();
        assert_eq!(chosen, addresses(&["2001:db8::1"]));
        let failure = choose(found, Family::V4, false, source, None).unwrap_err();
        assert_eq!(failure.reason, Reason::NoAddress);
    }

    #[test]
    fn a_guard_is_asked_for_every_address() {
        let guard = Guard::public();
        let chosen =
            choose(addresses(&["10.0.0.1", "8.8.8.8"]), Family::Any, true, None, Some(&guard)).unwrap();
        assert_eq!(chosen, addresses(&["8.8.8.8"]));
        let failure = choose(addresses(&["::1"]), Family::V6, true, None, Some(&guard)).unwrap_err();
        assert_eq!(failure.reason, Reason::Denied);
    }

    #[test]
    fn what_is_public() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("1.1.1.1", true),
            ("2606:4700::1111", true),
            ("2001:4860:4860::8888", true),
            ("64:ff9b::808:808", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.31.0.1", false),
            ("192.168.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("198.18.0.1", false),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:169.254.169.254", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("2002:a9fe:a9fe::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2001::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn literals_need_no_resolver() {
        for (host, expected) in [("192.0.2.1", "192.0.2.1:80"), ("::1", "[::1]:80"), ("[::1]", "[::1]:80")] {
            assert_eq!(lookup(host, 80).await.unwrap(), [expected.parse().unwrap()]);
        }
    }
}
