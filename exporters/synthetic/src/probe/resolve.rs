//! From a target's host to the one address that is probed, as blackbox_exporter chooses it, and the connection to it.
//!
//! The address that the guard approved is the one that is connected to: nobody asks for the name again.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use netprobe::address::{self, Family};
use netprobe::failure::{Failure, Reason as Network};
use netprobe::phase::Phase;
use netprobe::{Dial, dial};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use toolkit::config::Fields;

use super::{Engine, Job, dns};
use crate::outcome::{Chosen, Failed, Outcome};
use crate::reason::Reason;

/// The system's resolver says "try again" both when a server failed and when none answered. It waits for a second at
/// least (resolv.conf's shortest timeout), so that what comes sooner is a failure.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

/// What glibc's and musl's resolver say, and what that means. They translate nothing unless a program asks for it.
const WORDS: [(&str, Reason); 8] = [
    ("Name or service not known", Reason::DnsNxdomain),
    ("Name does not resolve", Reason::DnsNxdomain),
    ("No address associated with hostname", Reason::DnsNoAddress),
    ("Name has no usable address", Reason::DnsNoAddress),
    ("Temporary failure in name resolution", Reason::DnsServfail),
    ("Try again", Reason::DnsServfail),
    ("Non-recoverable", Reason::DnsServfail),
    ("Address family for hostname not supported", Reason::DnsNoAddress),
];

/// Which IP protocol a module prefers; blackbox_exporter's keys `preferred_ip_protocol` and `ip_protocol_fallback`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preference {
    /// The protocol.
    pub family: Family,
    /// Whether the other one will do.
    pub fallback: bool,
}

impl Default for Preference {
    /// IPv6 first, as blackbox_exporter has it.
    fn default() -> Self {
        Self { family: Family::V6, fallback: true }
    }
}

impl Preference {
    /// Reads both keys.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let words = [("ip6", Family::V6), ("ip4", Family::V4), ("", Family::V6)];
        Self {
            family: fields.choice("preferred_ip_protocol", &words).unwrap_or(Family::V6),
            fallback: fields.bool("ip_protocol_fallback").unwrap_or(true),
        }
    }

    /// The address of these that is probed: the first of the preferred protocol, else the first of the other one.
    fn of(self, found: &[SocketAddr]) -> Option<SocketAddr> {
        let wanted = |address: &&SocketAddr| {
            let is_v4 = address.ip().to_canonical().is_ipv4();
            match self.family {
                Family::Any => true,
                Family::V4 => is_v4,
                Family::V6 => !is_v4,
            }
        };
        found.iter().find(wanted).or_else(|| found.first().filter(|_| self.fallback)).copied()
    }
}

/// What is to be resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// A name, or an address with or without brackets.
    pub(crate) host: &'a str,
    /// The port.
    pub(crate) port: u16,
    /// The IP protocol.
    pub(crate) preference: Preference,
}

/// The address that is probed. Writes it, and the time that it took, into the outcome.
///
/// What the guard does not let pass fails with [`Reason::TargetDenied`]; on a redirect's hop the caller says
/// [`Reason::RedirectBlocked`] instead.
pub(crate) async fn choose(
    engine: &Engine,
    job: &Job<'_>,
    place: Place<'_>,
    outcome: &mut Outcome,
) -> Result<SocketAddr, Failed> {
    let start = Instant::now();
    let found = timeout_at(job.deadline, lookup(engine, job, place, start)).await;
    let found = found.unwrap_or_else(|_| {
        Err(Failed::new("resolve", Reason::DnsTimeout, "the name was not resolved in time"))
    });
    let took = start.elapsed();
    outcome.timings.add(Phase::Resolve, took);
    let mut chosen = Chosen { ip: None, lookup: took };
    outcome.address = Some(chosen);
    let found = found?;
    let address = place.preference.of(&found).ok_or_else(|| {
        let message = "the name has no address of the protocol that is wanted (hint: ip_protocol_fallback)";
        Failed::new("resolve", Reason::DnsNoAddress, message)
    })?;
    // what the kernel sends as IPv4 is IPv4
    let address = match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(v6.ip().to_canonical(), v6.port())
        }
        address => address,
    };
    chosen.ip = Some(address.ip());
    outcome.address = Some(chosen);
    outcome.transcript.line("debug", format!("resolved to {}", address.ip()));
    job.permit_address(place.host, address)?;
    Ok(address)
}

/// Connects to an address that [`choose`] gave. Writes the time into the outcome.
pub(crate) async fn connect(
    address: SocketAddr,
    source: Option<IpAddr>,
    job: &Job<'_>,
    outcome: &mut Outcome,
) -> Result<TcpStream, Failed> {
    let way =
        Dial { connect_to: Some(address), source, ..Dial::new(address.ip().to_string(), address.port()) };
    let (timings, result) = match dial(&way, job.deadline).await {
        Ok(dialed) => (dialed.timings, Ok(dialed.stream)),
        Err(failure) => (failure.timings, Err(Failed::of(&failure))),
    };
    outcome.timings.join(&timings);
    result
}

async fn lookup(
    engine: &Engine,
    job: &Job<'_>,
    Place { host, port, .. }: Place<'_>,
    start: Instant,
) -> Result<Vec<SocketAddr>, Failed> {
    if host.is_empty() {
        return Err(Failed::new("resolve", Reason::TargetInvalid, "the target names no host"));
    }
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if let Some(server) = job.module.resolver.filter(|_| !literal) {
        let found = dns::lookup::addresses(server, host).await?;
        return Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect());
    }
    // the system's resolver keeps a thread busy for each name
    let _turn = engine.lookups.acquire().await;
    address::lookup(host, port).await.map_err(|failure| {
        let reason = reason_of(&failure, start.elapsed());
        Failed::new("resolve", reason, toolkit::chain::chain(&failure))
    })
}

fn reason_of(failure: &Failure, took: Duration) -> Reason {
    if failure.reason != Network::Dns {
        return Reason::of_network(failure);
    }
    let text = failure.source.as_ref().map(ToString::to_string).unwrap_or_default();
    match WORDS.iter().find(|(words, _)| text.contains(words)) {
        Some((_, Reason::DnsServfail)) if took >= SHORTEST_TIMEOUT => Reason::DnsTimeout,
        Some((_, reason)) => *reason,
        None => Reason::DnsError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_as_the_peer_chooses_it() {
        let (four, six) = ("192.0.2.1", "2001:db8::1");
        for (found, family, fallback, expected) in [
            (&[four, six][..], Family::V6, true, Some(six)),
            (&[four, six], Family::V6, false, Some(six)),
            (&[six, four], Family::V4, false, Some(four)),
            (&[four], Family::V6, true, Some(four)),
            (&[four], Family::V6, false, None),
            (&[six], Family::V4, true, Some(six)),
            (&[six], Family::V4, false, None),
            (&["::ffff:192.0.2.7"], Family::V4, false, Some("::ffff:192.0.2.7")),
            (&[], Family::V6, true, None),
        ] {
            let addresses: Vec<SocketAddr> =
                found.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 80)).collect();
            let chosen = Preference { family, fallback }.of(&addresses);
            let expected = expected.map(|text| SocketAddr::new(text.parse().unwrap(), 80));
            assert_eq!(chosen, expected, "{found:?} {family:?} {fallback}");
        }
    }

    #[test]
    fn what_the_resolver_s_words_mean() {
        for (words, seconds, expected) in [
            ("failed to lookup address information: Name or service not known", 0, Reason::DnsNxdomain),
            (
                "failed to lookup address information: No address associated with hostname",
                0,
                Reason::DnsNoAddress,
            ),
            (
                "failed to lookup address information: Temporary failure in name resolution",
                0,
                Reason::DnsServfail,
            ),
            (
                "failed to lookup address information: Temporary failure in name resolution",
                5,
                Reason::DnsTimeout,
            ),
            ("failed to lookup address information: System error", 0, Reason::DnsError),
        ] {
            let failure = Failure::new(Phase::Resolve, Network::Dns).because(words);
            assert_eq!(reason_of(&failure, Duration::from_secs(seconds)), expected, "{words}");
        }
    }
}
