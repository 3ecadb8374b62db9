//! What is kept of a certificate: what the page shows, and no more. 10,000 targets show the same few intermediates, so
//! that equal certificates share their facts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use netprobe::cert::{Certificate, Weakness};

/// The labels by which ssl_exporter tells certificates apart.
pub const LABELS: usize = 7;

/// What is kept of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    /// Serial number, issuer's and subject's common names, names, addresses, mail addresses, units.
    pub labels: [Box<str>; LABELS],
    /// The first second in which it is valid.
    pub not_before: i64,
    /// The last one.
    pub not_after: i64,
    /// The kind of its key.
    pub key_type: Box<str>,
    /// The length of its key.
    pub key_bits: u32,
    /// How it is signed.
    pub signature_algorithm: Box<str>,
    /// The SHA-256 of all of it.
    pub fingerprint: [u8; 32],
    /// Whether it may sign others.
    pub is_ca: bool,
    /// Whether it names itself as its issuer.
    pub is_self_issued: bool,
    /// Whether it demands a stapled OCSP response.
    pub must_staple: bool,
    /// What is weak in it.
    pub weaknesses: Vec<&'static str>,
}

impl Facts {
    /// The facts of a certificate.
    pub fn of(certificate: &Certificate) -> Self {
        let labels = [
            certificate.serial.clone(),
            certificate.issuer.common_name.clone(),
            certificate.subject.common_name.clone(),
            certificate.dns_names_label(),
            certificate.ips_label(),
            certificate.emails_label(),
            certificate.units_label(),
        ];
        Self {
            labels: labels.map(String::into_boxed_str),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            key_type: certificate.key.name().into(),
            key_bits: certificate.key.bits,
            signature_algorithm: certificate.signature_algorithm.name.as_str().into(),
            fingerprint: certificate.fingerprint,
            is_ca: certificate.is_ca(),
            is_self_issued: certificate.is_self_issued(),
            must_staple: certificate.must_staple,
            weaknesses: certificate.weaknesses().into_iter().map(Weakness::as_str).collect(),
        }
    }

    /// The subject's common name, or the first of its other names.
    pub fn name(&self) -> &str {
        let [_, _, common, names, addresses, ..] = &self.labels;
        let first = |list: &'_ str| list.trim_start_matches(',').split(',').next().map(str::len);
        match (&**common, &**names, &**addresses) {
            ("", "", "") => "",
            ("", "", list) | ("", list, _) => {
                list.get(1..=first(list).unwrap_or_default()).unwrap_or_default()
            }
            (common, ..) => common,
        }
    }

    /// The issuer's common name.
    pub fn issuer(&self) -> &str {
        let [_, issuer, ..] = &self.labels;
        issuer
    }

    /// The fingerprint in hexadecimal.
    pub fn fingerprint_text(&self) -> String {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
        self.fingerprint.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

/// The facts that are in use, by fingerprint.
#[derive(Debug, Default)]
pub struct Pool(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    known: HashMap<[u8; 32], Weak<Facts>>,
    /// Those that nobody uses any more are looked for when there are so many.
    sweep_at: usize,
}

/// Fewer than this many are never looked through.
const SWEEP_AT_LEAST: usize = 1024;

impl Pool {
    /// The facts of a certificate, shared with all who hold the same one.
    pub fn facts(&self, certificate: &Certificate) -> Arc<Facts> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(facts) = shared.known.get(&certificate.fingerprint).and_then(Weak::upgrade) {
            return facts;
        }
        let facts = Arc::new(Facts::of(certificate));
        if shared.known.len() >= shared.sweep_at.max(SWEEP_AT_LEAST) {
            shared.known.retain(|_, facts| facts.strong_count() > 0);
            shared.sweep_at = shared.known.len() * 2;
        }
        shared.known.insert(facts.fingerprint, Arc::downgrade(&facts));
        facts
    }
}
