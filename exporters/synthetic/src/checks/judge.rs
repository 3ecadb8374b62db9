//! From an outcome to a result: what the check itself asks for beside the module.

use std::sync::Arc;

use netprobe::phase::Phase;
use tokio::time::Instant;

use super::result::{CheckResult, Fact, Status};
use crate::config::{Limits, Probe};
use crate::metrics::{float, unix};
use crate::outcome::{Failed, Outcome};
use crate::probe::Facts;
use crate::reason::Reason;

/// What a run came to, as of `now`, when it ended.
pub(super) fn judge(probe: &Probe, outcome: &Outcome, now: Instant, now_unix: f64) -> CheckResult {
    let (status, failure) = verdict(probe.refused, &probe.warn, &probe.fail, outcome, now_unix);
    CheckResult {
        status,
        failure: failure.map(Into::into),
        took: outcome.duration,
        at: now,
        at_unix: now_unix,
        facts: facts(outcome).into(),
        journey: match &outcome.facts {
            Facts::Journey(facts) => Some(Arc::clone(facts)),
            _ => None,
        },
    }
}

fn verdict(
    refused: bool,
    warn: &Limits,
    fail: &Limits,
    outcome: &Outcome,
    now: f64,
) -> (Status, Option<Failed>) {
    if refused {
        return unreachable(outcome);
    }
    match &outcome.failure {
        // what this machine cannot do says nothing of the target
        Some(failed) if failed.reason == Reason::Internal => return (Status::Unknown, Some(failed.clone())),
        Some(failed) => return (Status::Fail, Some(failed.clone())),
        None => {}
    }
    if let Some(failed) = broken(fail, outcome, now) {
        return (Status::Fail, Some(failed));
    }
    match outcome.warnings.first().cloned().or_else(|| broken(warn, outcome, now)) {
        Some(warning) => (Status::Warn, Some(warning)),
        None => (Status::Ok, None),
    }
}

/// `expect: refused`: nobody may answer there. A connection that came to be is enough; what is wrong with the name or
/// with this machine proves nothing.
fn unreachable(outcome: &Outcome) -> (Status, Option<Failed>) {
    let Some(failed) = &outcome.failure else { return (Status::Fail, Some(reachable())) };
    match failed.reason {
        Reason::ConnectRefused | Reason::ConnectTimeout | Reason::Unreachable => (Status::Ok, None),
        Reason::Internal => (Status::Unknown, Some(failed.clone())),
        _ if failed.phase == Phase::Resolve.as_str() || failed.phase == "target" => {
            (Status::Fail, Some(failed.clone()))
        }
        // a reset while it connects is how some firewalls refuse
        _ if failed.phase == Phase::Connect.as_str() => (Status::Ok, None),
        _ if failed.phase == Phase::Proxy.as_str() || failed.phase == "token" => {
            (Status::Unknown, Some(failed.clone()))
        }
        _ => (Status::Fail, Some(reachable())),
    }
}

fn reachable() -> Failed {
    Failed::new("check", Reason::Reachable, "it can be reached, and must not")
}

/// The first limit that does not hold.
fn broken(limits: &Limits, outcome: &Outcome, now: f64) -> Option<Failed> {
    let fails = |reason, message: String| Some(Failed::new("check", reason, message));
    if let Some(most) = limits.slower_than
        && outcome.duration > most
    {
        return fails(
            Reason::Slow,
            format!("it took {:.3} s, more than {most:?}", outcome.duration.as_secs_f64()),
        );
    }
    let tls = outcome.tls.as_deref();
    if let Some(least) = limits.least_tls_version {
        let version = tls.and_then(|tls| tls.version);
        if version.is_none_or(|version| version < least) {
            let spoken = version.map_or("no TLS", |version| version.as_str());
            return fails(
                Reason::TlsVersion,
                format!("it speaks {spoken}, which is older than {}", least.as_str()),
            );
        }
    }
    if let Some(least) = limits.certificate_remaining
        && let Some(end) = tls.and_then(|tls| tls.chain.earliest_not_after)
    {
        let left = unix(end) - now;
        if left < least.as_secs_f64() {
            return fails(
                Reason::CertificateEnds,
                format!("a certificate ends in {:.1} days", left / 86_400.0),
            );
        }
    }
    None
}

fn facts(outcome: &Outcome) -> Vec<(Fact, f64)> {
    let phases =
        outcome.timings.iter().map(|(phase, took)| (Fact::Phase(phase.as_str()), took.as_secs_f64()));
    let mut facts: Vec<_> = phases.collect();
    if let Some(ip) = outcome.address.and_then(|chosen| chosen.ip) {
        facts.push((Fact::IpProtocol, if ip.is_ipv4() { 4.0 } else { 6.0 }));
    }
    if let Some(end) = outcome.tls.as_ref().and_then(|tls| tls.chain.earliest_not_after) {
        facts.push((Fact::CertificateEnd, unix(end)));
    }
    if let Some(leaf) = outcome.tls.as_ref().and_then(|tls| tls.chain.leaf.as_ref()) {
        facts.push((Fact::CertificateLife, unix(leaf.lifetime())));
    }
    match &outcome.facts {
        Facts::Http(found) if found.status != 0 => facts.push((Fact::HttpStatus, found.status.into())),
        Facts::Icmp(found) => facts.push((Fact::PacketLoss, found.loss())),
        Facts::Postgres(found) => facts.extend(found.value.map(|value| (Fact::QueryValue, value))),
        Facts::Artifact(found) => {
            facts.extend(found.count.map(|count| (Fact::ArtifactCount, float(count))));
            if let Some(newest) = found.newest {
                facts.push((Fact::ArtifactTime, newest.modified));
                facts.push((Fact::ArtifactSize, float(newest.size)));
            }
        }
        _ => {}
    }
    facts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use netprobe::tls::Version;

    use super::*;
    use crate::config::Limits;
    use crate::probe::{ChainFacts, TlsFacts};

    /// What a check with these settings makes of a failure in this phase and for this reason.
    fn status(refused: bool, failure: Option<(&'static str, Reason)>) -> (Status, Option<Reason>) {
        let mut outcome = Outcome::new(Facts::None);
        if let Some((phase, reason)) = failure {
            outcome.fail(Failed::new(phase, reason, "x"));
        }
        let (status, failure) = verdict(refused, &Limits::default(), &Limits::default(), &outcome, 0.0);
        (status, failure.map(|failed| failed.reason))
    }

    #[test]
    fn what_must_not_be_reachable_is_refused_and_nothing_else() {
        for (failure, expected) in [
            (None, (Status::Fail, Some(Reason::Reachable))),
            (Some(("connect", Reason::ConnectRefused)), (Status::Ok, None)),
            (Some(("connect", Reason::ConnectTimeout)), (Status::Ok, None)),
            (Some(("connect", Reason::Unreachable)), (Status::Ok, None)),
            (Some(("connect", Reason::Reset)), (Status::Ok, None)),
            (Some(("connect", Reason::Internal)), (Status::Unknown, Some(Reason::Internal))),
            (Some(("resolve", Reason::DnsNxdomain)), (Status::Fail, Some(Reason::DnsNxdomain))),
            (Some(("target", Reason::TargetDenied)), (Status::Fail, Some(Reason::TargetDenied))),
            (Some(("proxy", Reason::ProxyRefused)), (Status::Unknown, Some(Reason::ProxyRefused))),
            (Some(("tls", Reason::TlsExpired)), (Status::Fail, Some(Reason::Reachable))),
            (Some(("first_byte", Reason::Timeout)), (Status::Fail, Some(Reason::Reachable))),
            (Some(("check", Reason::HttpStatus)), (Status::Fail, Some(Reason::Reachable))),
        ] {
            assert_eq!(status(true, failure), expected, "{failure:?}");
        }
    }

    #[test]
    fn what_this_machine_cannot_do_is_no_failure_of_the_target() {
        assert_eq!(status(false, None), (Status::Ok, None));
        let internal = status(false, Some(("connect", Reason::Internal)));
        assert_eq!(internal, (Status::Unknown, Some(Reason::Internal)));
        let reset = status(false, Some(("connect", Reason::Reset)));
        assert_eq!(reset, (Status::Fail, Some(Reason::Reset)));
    }

    #[test]
    fn limits_on_time_tls_and_certificates() {
        let now = 1_000_000.0;
        let mut outcome = Outcome::new(Facts::None);
        outcome.duration = Duration::from_millis(300);
        let chain = ChainFacts { earliest_not_after: Some(1_000_000 + 86_400), ..ChainFacts::default() };
        let tls = TlsFacts { version: Some(Version::Tls12), chain: Arc::new(chain), ..TlsFacts::default() };
        let plain = outcome.tls.clone();
        outcome.tls = Some(Arc::new(tls));
        let none = Limits::default();
        let day = Duration::from_hours(24);
        for (limits, expected) in [
            (
                Limits { slower_than: Some(Duration::from_millis(299)), ..Limits::default() },
                Some(Reason::Slow),
            ),
            (Limits { slower_than: Some(Duration::from_millis(300)), ..Limits::default() }, None),
            (
                Limits { least_tls_version: Some(Version::Tls13), ..Limits::default() },
                Some(Reason::TlsVersion),
            ),
            (Limits { least_tls_version: Some(Version::Tls12), ..Limits::default() }, None),
            (
                Limits { certificate_remaining: Some(day * 2), ..Limits::default() },
                Some(Reason::CertificateEnds),
            ),
            (Limits { certificate_remaining: Some(day), ..Limits::default() }, None),
        ] {
            assert_eq!(broken(&limits, &outcome, now).map(|failed| failed.reason), expected, "{limits:?}");
            let warned = verdict(false, &limits, &none, &outcome, now);
            let failed = verdict(false, &none, &limits, &outcome, now);
            let [warn, fail] =
                if expected.is_some() { [Status::Warn, Status::Fail] } else { [Status::Ok; 2] };
            assert_eq!((warned.0, failed.0), (warn, fail));
        }
        outcome.tls = plain;
        let least = Limits { least_tls_version: Some(Version::Tls12), ..none };
        assert_eq!(broken(&least, &outcome, now).map(|failed| failed.reason), Some(Reason::TlsVersion));
    }
}
