//! From a host to the addresses that are tried, in the order in which they are.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::failure::{Failure, Reason};
use crate::guard::Guard;
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

/// A host as DNS, TLS and certificates want it: names of other scripts than ours in ASCII (`bücher.example` is
/// `xn--bcher-kva.example`), as browsers and Go write them. What is ASCII already stays as it is.
///
/// # Errors
/// It can be no host's name.
pub fn ascii(host: &str) -> Result<Cow<'_, str>, &'static str> {
    if host.is_ascii() {
        return Ok(Cow::Borrowed(host));
    }
    let length = DnsLength::VerifyAllowRootDot;
    let converted = Uts46::new().to_ascii(host.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, length);
    converted.map_err(|_invalid| "the name cannot be written in ASCII, as DNS needs it")
}

/// The addresses of a host, in the order of the system's resolver. A literal address is taken as it is. There is no
/// deadline here: whoever asks has one.
///
/// # Errors
/// The host cannot be resolved, or our own machine cannot ask.
pub async fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
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
///
/// # Errors
/// None is left: of the family, or that the guard allows.
pub fn choose(
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
    usable.retain(|address| guard.is_none_or(|guard| guard.allows(*address)));
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
    fn names_of_other_scripts() {
        for (host, expected) in [
            ("Example.com", Some("Example.com")),
            ("my_db", Some("my_db")),
            ("::1", Some("::1")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("BÜCHER.example.", Some("xn--bcher-kva.example.")),
            ("straße.example", Some("xn--strae-oqa.example")),
            ("例え。テスト", Some("xn--r8jz45g.xn--zckzah")),
            ("b\u{fc}cher /x", None),
            ("xn--\u{fc}.example", None),
            ("\u{200b}.ü", None),
        ] {
            assert_eq!(ascii(host).ok().as_deref(), expected, "{host}");
        }
    }

    #[tokio::test]
    async fn literals_need_no_resolver() {
        for (host, expected) in [("192.0.2.1", "192.0.2.1:80"), ("::1", "[::1]:80"), ("[::1]", "[::1]:80")] {
            assert_eq!(lookup(host, 80).await.unwrap(), [expected.parse().unwrap()]);
        }
    }
}
