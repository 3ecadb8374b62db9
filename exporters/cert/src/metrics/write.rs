//! From a report to samples.

use std::sync::Arc;

use netprobe::cert::lifetime::{POLICIES, lifetime, remaining_ratio, renewal_due, renewal_overdue};
use toolkit::expo::{Desc, Labels, Samples};

use super::table as metric;
use crate::facts::{Facts, LABELS};
use crate::report::{Content, CrlFinding, Place, Report, Served, Staple, Store, Stored};

/// Labels that every series of a target carries beside its own.
#[derive(Clone, Debug, Default)]
pub struct Extra<'a> {
    names: Vec<&'a str>,
    values: Vec<&'a str>,
}

impl<'a> Extra<'a> {
    /// The target's name and its own labels.
    pub fn new(target: &'a str, labels: &'a [(String, String)]) -> Self {
        let mut extra = Self { names: vec!["target"], values: vec![target] };
        for (name, value) in labels {
            extra.names.push(name);
            extra.values.push(value);
        }
        extra
    }
}

/// Writes all that a report says; what depends on the time of day is that of `now`.
pub fn write(report: &Report, now: i64, extra: &Extra<'_>, samples: &mut Samples) {
    let mut page = Writer { samples, extra, now };
    page.add(&metric::PROBE_SUCCESS, &[], flag(report.success));
    page.add(&metric::PROBER, &[report.prober], 1.0);
    for (phase, took) in report.timings.iter() {
        page.add(&metric::DURATION, &[phase.as_str()], took.as_secs_f64());
    }
    if let Some(failure) = &report.failure {
        page.add(&metric::FAILURE, &[failure.phase, failure.reason], 1.0);
    }
    match &report.content {
        Content::Nothing => {}
        Content::Served(served) => page.served(served),
        Content::Stored(stored) => page.stored(stored),
    }
}

/// Writes when a target was checked last.
pub fn write_last_check(at: f64, extra: &Extra<'_>, samples: &mut Samples) {
    Writer { samples, extra, now: 0 }.add(&metric::LAST_CHECK, &[], at);
}

struct Writer<'a> {
    samples: &'a mut Samples,
    extra: &'a Extra<'a>,
    now: i64,
}

impl Writer<'_> {
    /// Escapes a label set, with the target's own labels before it.
    fn labels(&mut self, desc: &Desc<'_>, values: &[&str]) -> Labels {
        if self.extra.names.is_empty() {
            return self.samples.labels(desc.labels, values);
        }
        let names = [self.extra.names.as_slice(), desc.labels].concat();
        let values = [self.extra.values.as_slice(), values].concat();
        self.samples.labels(&names, &values)
    }

    fn add(&mut self, desc: &Desc<'_>, values: &[&str], value: f64) {
        let labels = self.labels(desc, values);
        self.push(desc, labels, value);
    }

    fn push(&mut self, desc: &Desc<'_>, labels: Labels, value: f64) {
        let family = self.samples.family(desc);
        self.samples.push(family, labels, value);
    }

    /// Two series with the labels that ssl_exporter has, for each certificate that its labels tell from others.
    fn dates(&mut self, [after, before]: [&Desc<'_>; 2], place: &[&str], certificates: &[Arc<Facts>]) {
        for (index, facts) in certificates.iter().enumerate() {
            let earlier = certificates.get(..index).unwrap_or_default();
            if earlier.iter().any(|known| known.labels == facts.labels) {
                continue;
            }
            let values = values(place, facts);
            let labels = self.labels(after, &values);
            self.push(after, labels, seconds(facts.not_after));
            self.push(before, labels, seconds(facts.not_before));
        }
    }

    fn served(&mut self, served: &Served) {
        if let Some(version) = served.version {
            self.add(&metric::TLS_VERSION, &[version], 1.0);
            self.add(&metric::TLS_INFO, &[&served.cipher, &served.group, &served.alpn], 1.0);
            self.add(&metric::CLIENT_ASKED, &[], flag(served.asked_for_ours));
        }
        let readable: Vec<Arc<Facts>> = served.chain.iter().flatten().cloned().collect();
        self.dates([&metric::NOT_AFTER, &metric::NOT_BEFORE], &[], &readable);
        for (number, chain) in served.verified.iter().enumerate() {
            let families = [&metric::VERIFIED_NOT_AFTER, &metric::VERIFIED_NOT_BEFORE];
            self.dates(families, &[&number.to_string()], chain);
        }
        let ends = served.verified.iter().filter_map(|chain| chain.iter().map(|facts| facts.not_after).min());
        if let Some(end) = ends.max() {
            self.add(&metric::EFFECTIVE, &[], seconds(end));
        }
        if !served.chain.is_empty() {
            self.add(&metric::VERIFY_SUCCESS, &[], flag(served.faults.is_empty()));
        }
        for reason in &served.faults {
            self.add(&metric::VERIFY_ERROR, &[reason], 1.0);
        }
        for (position, facts) in served.chain.iter().enumerate() {
            self.position(&position.to_string(), role(position, facts.as_deref()), facts.as_deref());
        }
        if let Some(Some(leaf)) = served.chain.first() {
            self.leaf(leaf);
        }
        self.beside(served);
    }

    /// A certificate at its place among the served ones.
    fn position(&mut self, position: &str, role: &str, facts: Option<&Facts>) {
        let Some(facts) = facts else {
            return self.add(&metric::UNREADABLE, &[position], 1.0);
        };
        let [serial, issuer, name, ..] = &facts.labels;
        let (bits, fingerprint) = (facts.key_bits.to_string(), facts.fingerprint_text());
        let (key, signature) = (&facts.key_type, &facts.signature_algorithm);
        let what = [position, role, serial, issuer, name, key, &bits, signature, &fingerprint];
        self.add(&metric::SERVED_INFO, &what, 1.0);
        self.add(&metric::SERVED_NOT_AFTER, &[position, role], seconds(facts.not_after));
        for kind in &facts.weaknesses {
            self.add(&metric::WEAKNESS, &[position, kind], 1.0);
        }
    }

    fn leaf(&mut self, leaf: &Facts) {
        let (from, to) = (leaf.not_before, leaf.not_after);
        self.add(&metric::LIFETIME, &[], seconds(lifetime(from, to)));
        self.add(&metric::REMAINING, &[], remaining_ratio(from, to, self.now));
        self.add(&metric::RENEWAL_DUE, &[], seconds(renewal_due(from, to)));
        self.add(&metric::RENEWAL_OVERDUE, &[], flag(renewal_overdue(from, to, self.now)));
        for policy in POLICIES {
            self.add(&metric::POLICY_READY, &[policy.name], flag(policy.is_met(from, to)));
        }
    }

    /// What was asked beside the handshake.
    fn beside(&mut self, served: &Served) {
        if served.version.is_some() {
            self.add(&metric::OCSP_STAPLED, &[], flag(served.staple.is_some()));
        }
        if let Some(staple) = &served.staple {
            self.staple(staple);
        }
        if served.must_staple {
            self.add(&metric::MUST_STAPLE_MISSING, &[], flag(served.staple.is_none()));
        }
        match served.crl {
            None => {}
            Some(CrlFinding::Unavailable(reason)) => {
                self.add(&metric::CRL_AVAILABLE, &[], 0.0);
                self.add(&metric::CRL_ERROR, &[reason], 1.0);
            }
            Some(finding @ (CrlFinding::Good { next_update } | CrlFinding::Revoked { next_update })) => {
                self.add(&metric::CRL_AVAILABLE, &[], 1.0);
                self.add(&metric::CRL_REVOKED, &[], flag(matches!(finding, CrlFinding::Revoked { .. })));
                self.time(&metric::CRL_NEXT_UPDATE, next_update);
            }
        }
        for (version, accepted) in &served.versions {
            self.add(&metric::ACCEPTED, &[version], flag(*accepted));
        }
        match served.differs {
            None => {}
            Some(Ok(differs)) => self.add(&metric::DIFFERS, &[], flag(differs)),
            Some(Err(reason)) => self.add(&metric::FILE_UNKNOWN, &[reason], 1.0),
        }
        if let Some(domain) = &served.domain {
            match domain.expires {
                Ok(expires) => self.add(&metric::DOMAIN_EXPIRY, &[&domain.name], seconds(expires)),
                Err(reason) => self.add(&metric::DOMAIN_ERROR, &[&domain.name, reason], 1.0),
            }
        }
    }

    fn staple(&mut self, staple: &Staple) {
        self.add(&metric::OCSP_VERIFIED, &[], flag(staple.verified));
        if let Some(status) = staple.status {
            self.add(&metric::OCSP_STATUS, &[], f64::from(status));
        }
        self.time(&metric::OCSP_PRODUCED_AT, staple.produced_at);
        self.time(&metric::OCSP_THIS_UPDATE, staple.this_update);
        self.time(&metric::OCSP_NEXT_UPDATE, staple.next_update);
        self.time(&metric::OCSP_REVOKED_AT, staple.revoked_at);
    }

    /// A time that is not known is no sample: neither 0 nor the year 1.
    fn time(&mut self, desc: &Desc<'_>, time: Option<i64>) {
        if let Some(time) = time {
            self.add(desc, &[], seconds(time));
        }
    }

    fn stored(&mut self, stored: &Stored) {
        let families = match stored.kind {
            Store::File => [&metric::FILE_NOT_AFTER, &metric::FILE_NOT_BEFORE],
            Store::HttpFile => [&metric::NOT_AFTER, &metric::NOT_BEFORE],
            Store::Kubeconfig => [&metric::KUBECONFIG_NOT_AFTER, &metric::KUBECONFIG_NOT_BEFORE],
            Store::Kubernetes => [&metric::KUBERNETES_NOT_AFTER, &metric::KUBERNETES_NOT_BEFORE],
        };
        for place in &stored.places {
            self.place(families, place);
        }
    }

    fn place(&mut self, families: [&Desc<'_>; 2], place: &Place) {
        let labels: Vec<&str> = place.labels.iter().map(AsRef::as_ref).collect();
        self.dates(families, &labels, &place.certificates);
        let name = labels.join("/");
        if let Some(reason) = place.problem {
            self.add(&metric::STORED_ERROR, &[&name, reason], 1.0);
        }
        if let (Some(credential), [file, user, ..]) = (place.credential, labels.as_slice()) {
            self.add(&metric::KUBECONFIG_USER, &[file, user, credential], 1.0);
        }
        for (position, facts) in place.certificates.iter().enumerate() {
            let left = remaining_ratio(facts.not_before, facts.not_after, self.now);
            let labels = self.labels(&metric::STORED_NOT_AFTER, &[&name, &position.to_string()]);
            self.push(&metric::STORED_NOT_AFTER, labels, seconds(facts.not_after));
            self.push(&metric::STORED_REMAINING, labels, left);
        }
        // authorities live for decades and are replaced by plan, not renewed
        if let Some(leaf) = place.certificates.first().filter(|facts| !facts.is_ca) {
            let overdue = renewal_overdue(leaf.not_before, leaf.not_after, self.now);
            self.add(&metric::STORED_OVERDUE, &[&name], flag(overdue));
        }
    }
}

/// Place, then what the certificate is.
fn values<'a>(place: &[&'a str], facts: &'a Facts) -> Vec<&'a str> {
    let mut values = Vec::with_capacity(place.len() + LABELS);
    values.extend_from_slice(place);
    values.extend(facts.labels.iter().map(AsRef::as_ref));
    values
}

/// What a certificate is by its place: the first is the leaf, whatever it says; one that names itself is a root.
fn role(position: usize, facts: Option<&Facts>) -> &'static str {
    match (position, facts) {
        (0, _) => "leaf",
        (_, Some(facts)) if facts.is_self_issued => "root",
        _ => "intermediate",
    }
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "times that a certificate can have are far below 2^53")]
fn seconds(time: i64) -> f64 {
    time as f64
}
