//! From an outcome to the page.

mod table;

use std::net::IpAddr;
use std::time::Duration;

use netprobe::tls::Version;
use toolkit::expo::{Desc, Page, Samples};

pub use table::NAMESPACE;
pub(crate) use table::exporter;

use crate::outcome::{Chosen, Failed, Outcome};
use crate::probe::journey::{self, JourneyFacts};
use crate::probe::{self, Facts, TlsFacts};
use crate::{checks, health};
use table as metric;

/// All metrics there are, by what their names begin with; a name may be there twice.
pub fn all() -> [(&'static str, Vec<Desc<'static>>); 4] {
    let probes =
        metric::METRICS.iter().copied().chain(probe::metrics()).chain(checks::METRICS.iter().copied());
    [
        (NAMESPACE, probes.collect()),
        (journey::NAMESPACE, JourneyFacts::METRICS.to_vec()),
        (health::NAMESPACE, health::METRICS.to_vec()),
        ("", exporter::METRICS.to_vec()),
    ]
}

/// Writes the page of `/probe`; `timeout` is how long the probe might have taken.
pub fn write(outcome: &Outcome, timeout: Duration, page: &mut Page) {
    let mut samples = Samples::new(NAMESPACE);
    write_probe(outcome, timeout, &mut samples);
    page.section(samples);
    if let Facts::Journey(facts) = &outcome.facts {
        let mut samples = Samples::new(journey::NAMESPACE);
        facts.each(|desc, labels, value| samples.add(desc, labels, value));
        page.section(samples);
    }
}

fn write_probe(outcome: &Outcome, timeout: Duration, samples: &mut Samples) {
    samples.add(&metric::SUCCESS, &[], flag(outcome.success()));
    samples.add(&metric::DURATION, &[], outcome.duration.as_secs_f64());
    samples.add(&metric::TIMEOUT, &[], timeout.as_secs_f64());
    if let Some(address) = &outcome.address {
        write_address(address, samples);
    }
    outcome.facts.write(outcome, samples);
    if let Some(tls) = &outcome.tls {
        write_tls(tls, samples);
    }
    if let Some(failed) = &outcome.failure {
        samples.add(&metric::FAILURE, &[failed.phase, failed.reason.as_str()], 1.0);
    }
    samples.add(&metric::DEGRADED, &[], flag(outcome.success() && !outcome.warnings.is_empty()));
    let named = |warning: &Failed| (warning.phase, warning.reason);
    for (at, warning) in outcome.warnings.iter().enumerate() {
        // two assertions may not hold for the same reason
        if !outcome.warnings.iter().take(at).any(|earlier| named(earlier) == named(warning)) {
            samples.add(&metric::WARNING, &[warning.phase, warning.reason.as_str()], 1.0);
        }
    }
    for (phase, took) in outcome.timings.iter() {
        samples.add(&metric::PHASE, &[phase.as_str()], took.as_secs_f64());
    }
}

fn write_address(address: &Chosen, samples: &mut Samples) {
    let (protocol, hash) = match address.ip.map(|ip| ip.to_canonical()) {
        None => (0.0, 0.0),
        Some(IpAddr::V4(v4)) => (4.0, f64::from(fnv1a(&v4.octets()))),
        Some(IpAddr::V6(v6)) => (6.0, f64::from(fnv1a(&v6.octets()))),
    };
    samples.add(&metric::LOOKUP, &[], address.lookup.as_secs_f64());
    samples.add(&metric::PROTOCOL, &[], protocol);
    samples.add(&metric::ADDRESS_HASH, &[], hash);
}

fn write_tls(tls: &TlsFacts, samples: &mut Samples) {
    let chain = &tls.chain;
    if let Some(end) = chain.earliest_not_after {
        samples.add(&metric::EARLIEST_EXPIRY, &[], unix(end));
    }
    if let Some(end) = chain.last_chain_not_after {
        samples.add(&metric::LAST_CHAIN_EXPIRY, &[], unix(end));
    }
    if let Some(leaf) = &chain.leaf {
        let values = [&leaf.fingerprint, &leaf.subject, &leaf.issuer, &leaf.names, &leaf.serial];
        samples.add(&metric::LAST_CHAIN_INFO, &values.map(String::as_str), 1.0);
        samples.add(&metric::TRUSTED, &[], flag(chain.trusted));
        samples.add(&metric::LEAF_LIFETIME, &[], unix(leaf.lifetime()));
    }
    if let Some(version) = tls.version.map(Version::as_str) {
        samples.add(&metric::TLS_VERSION, &[version], 1.0);
    }
    if let Some(cipher) = &tls.cipher {
        samples.add(&metric::TLS_CIPHER, &[cipher], 1.0);
    }
}

/// FNV-1a of 32 bits, as blackbox_exporter hashes addresses.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Yes or no as a value.
pub(crate) fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// A count as a value.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// A date in Unix time as a value.
#[expect(clippy::cast_precision_loss, reason = "dates far below 2^53")]
pub(crate) fn unix(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_addresses_are_the_peer_s() {
        // FNV's own test vectors, and 127.0.0.1 as blackbox_exporter 0.28 shows it
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
        assert_eq!(fnv1a(&[127, 0, 0, 1]), 3_668_918_509);
    }
}
