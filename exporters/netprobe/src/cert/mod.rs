//! A certificate's facts, owned, in the words that people and dashboards use for them.

pub(crate) mod der;
mod extensions;
mod host;
mod key;
pub mod lifetime;
pub(crate) mod name;
mod serial;
mod signature;

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use thiserror::Error;
use x509_parser::nom::Parser;
use x509_parser::prelude::{X509Certificate, X509CertificateParser};

pub use der::Malformed;
pub use extensions::{BasicConstraints, ExtendedKeyUsage};
pub use key::{Key, KeyKind, MIN_EC_BITS, MIN_RSA_BITS};
pub use name::Name;
pub(crate) use signature::digest_named;
pub use signature::{Checked, SignatureAlgorithm, fingerprint};

/// Longest certificate that is read. One with 1,000 long names has 60 kB.
pub const MAX_CERTIFICATE: usize = 1 << 20;

/// Longest text of a list of names in a label, in bytes; names that do not fit are left out, whole.
pub const MAX_LABEL: usize = 32 << 10;

/// Why some bytes are no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotACertificate {
    /// The bytes are longer than [`MAX_CERTIFICATE`].
    #[error("the certificate is longer than {MAX_CERTIFICATE} bytes")]
    TooLong,
    /// The bytes are not the DER of a certificate.
    #[error("the certificate is malformed")]
    Malformed,
    /// Something follows the certificate.
    #[error("there are bytes after the certificate")]
    Trailing,
}

/// A weakness for which clients refuse a certificate, or soon will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weakness {
    /// The key is too short.
    Key,
    /// It is signed with SHA-1 or an older digest.
    Signature,
}

impl Weakness {
    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "weak_key",
            Self::Signature => "weak_signature",
        }
    }
}

/// What a certificate says.
pub struct Certificate {
    der: Box<[u8]>,
    tbs: Range<usize>,
    public: Range<usize>,
    public_bits: Range<usize>,
    subject_raw: Range<usize>,
    issuer_raw: Range<usize>,
    serial_raw: Range<usize>,
    signature: Range<usize>,
    /// Whom it is for.
    pub subject: Name,
    /// Who made it.
    pub issuer: Name,
    /// Its serial number in decimal.
    pub serial: String,
    /// The version that X.509 counts: 1 to 3.
    pub version: u32,
    /// The first second in which it is valid (since 1970; before is negative).
    pub not_before: i64,
    /// The last second in which it is valid.
    pub not_after: i64,
    /// Its public key.
    pub key: Key,
    /// How it is signed.
    pub signature_algorithm: SignatureAlgorithm,
    /// The SHA-256 of all of it.
    pub fingerprint: [u8; 32],
    /// Host names it is for.
    pub dns_names: Vec<String>,
    /// Addresses it is for.
    pub ips: Vec<IpAddr>,
    /// Mail addresses it is for.
    pub emails: Vec<String>,
    /// Other identifiers it is for.
    pub uris: Vec<String>,
    /// Whether it may sign others, if it says so.
    pub basic_constraints: Option<BasicConstraints>,
    /// What its key may be used for: bit 0 is `digitalSignature`, bit 5 `keyCertSign`, bit 6 `cRLSign`.
    pub key_usage: Option<u16>,
    /// What the certificate may be used for.
    pub extended_key_usage: Option<ExtendedKeyUsage>,
    /// Its key's identifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// Its issuer's key's identifier.
    pub authority_key_id: Option<Vec<u8>>,
    /// Where lists of revoked certificates are. Whoever made the certificate chose these addresses.
    pub crl_urls: Vec<String>,
    /// Where to ask whether it is revoked.
    pub ocsp_urls: Vec<String>,
    /// Where its issuer's certificate is.
    pub issuer_urls: Vec<String>,
    /// A server has to staple an OCSP response to it.
    pub must_staple: bool,
    /// How many logs promised to publish it.
    pub scts: usize,
    /// It restricts the names that certificates below it may have.
    pub has_name_constraints: bool,
    /// Critical extensions that are unknown here (or malformed): whoever does not know them must refuse.
    pub unknown_critical: Vec<String>,
}

impl Certificate {
    /// Reads one certificate, and nothing after it.
    pub fn parse(der: &[u8]) -> Result<Self, NotACertificate> {
        if der.len() > MAX_CERTIFICATE {
            return Err(NotACertificate::TooLong);
        }
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(true);
        let (rest, parsed) = parser.parse(der).map_err(|_| NotACertificate::Malformed)?;
        if !rest.is_empty() {
            return Err(NotACertificate::Trailing);
        }
        Self::of(der, &parsed).ok_or(NotACertificate::Malformed)
    }

    fn of(der: &[u8], parsed: &X509Certificate<'_>) -> Option<Self> {
        let body = &parsed.tbs_certificate;
        let within = |part: &[u8]| {
            let start = (part.as_ptr() as usize).checked_sub(der.as_ptr() as usize)?;
            (start + part.len() <= der.len()).then_some(start..start + part.len())
        };
        let mut outer = der::Reader::new(der).sequence().ok()?;
        let tbs = outer.element(der::tag::SEQUENCE).ok()?.whole;
        let algorithm = outer.element(der::tag::SEQUENCE).ok()?.body;
        let mut certificate = Self {
            tbs: within(tbs)?,
            public: within(body.subject_pki.raw)?,
            public_bits: within(&body.subject_pki.subject_public_key.data)?,
            subject_raw: within(body.subject.as_raw())?,
            issuer_raw: within(body.issuer.as_raw())?,
            serial_raw: within(body.raw_serial())?,
            signature: within(&parsed.signature_value.data)?,
            subject: Name::of(body.subject.as_raw()),
            issuer: Name::of(body.issuer.as_raw()),
            serial: serial::decimal(body.raw_serial()),
            version: body.version.0.saturating_add(1),
            not_before: body.validity.not_before.timestamp(),
            not_after: body.validity.not_after.timestamp(),
            key: Key::of(&body.subject_pki),
            signature_algorithm: SignatureAlgorithm::of(algorithm),
            fingerprint: fingerprint(der),
            der: der.into(),
            dns_names: Vec::new(),
            ips: Vec::new(),
            emails: Vec::new(),
            uris: Vec::new(),
            basic_constraints: None,
            key_usage: None,
            extended_key_usage: None,
            subject_key_id: None,
            authority_key_id: None,
            crl_urls: Vec::new(),
            ocsp_urls: Vec::new(),
            issuer_urls: Vec::new(),
            must_staple: false,
            scts: 0,
            has_name_constraints: false,
            unknown_critical: Vec::new(),
        };
        certificate.extend(body.extensions());
        Some(certificate)
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }

    /// The whole certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject as it is encoded: what issuers are found by.
    pub fn subject_raw(&self) -> &[u8] {
        self.part(&self.subject_raw)
    }

    /// The issuer as it is encoded.
    pub fn issuer_raw(&self) -> &[u8] {
        self.part(&self.issuer_raw)
    }

    /// The bytes of the serial number.
    pub fn serial_raw(&self) -> &[u8] {
        self.part(&self.serial_raw)
    }

    /// The public key with its algorithm (`SubjectPublicKeyInfo`).
    pub fn public_key(&self) -> &[u8] {
        self.part(&self.public)
    }

    /// The public key alone.
    pub(crate) fn public_bits(&self) -> &[u8] {
        self.part(&self.public_bits)
    }

    /// The SHA-256 fingerprint in hexadecimal.
    pub fn fingerprint_text(&self) -> String {
        der::hex(&self.fingerprint)
    }

    /// The serial number in hexadecimal, as its bytes are, without the zero that only says that it is not negative.
    pub fn serial_hex(&self) -> String {
        let raw = self.serial_raw();
        der::hex(raw.strip_prefix(&[0]).unwrap_or(raw))
    }

    /// Whether it says that it may sign others.
    pub fn is_ca(&self) -> bool {
        self.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Whether it names itself as its issuer. That does not say that it signed itself.
    pub fn is_self_issued(&self) -> bool {
        self.subject_raw() == self.issuer_raw()
    }

    /// Whether its own key made its signature.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued()
            && match self.signed_by(self) {
                Checked::Good => true,
                Checked::Bad => false,
                // nobody can say; the name and the key's identifier are all there is
                Checked::Unsupported => {
                    self.authority_key_id.is_none() || self.authority_key_id == self.subject_key_id
                }
            }
    }

    /// Whether `issuer`'s key made its signature.
    pub fn signed_by(&self, issuer: &Self) -> Checked {
        self.signature_algorithm.verify(
            &issuer.key,
            issuer.public_bits(),
            self.part(&self.tbs),
            self.part(&self.signature),
        )
    }

    /// What was signed, and the signature.
    pub(crate) fn signed_parts(&self) -> (&[u8], &[u8]) {
        (self.part(&self.tbs), self.part(&self.signature))
    }

    /// Whether it is valid at `now` by its dates; both ends count.
    pub fn is_valid_at(&self, now: i64) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Its weaknesses. The signature of a certificate on itself proves nothing, so it cannot be weak.
    pub fn weaknesses(&self) -> Vec<Weakness> {
        let signature = self.signature_algorithm.is_weak() && !self.is_self_issued();
        [(self.key.is_weak(), Weakness::Key), (signature, Weakness::Signature)]
            .into_iter()
            .filter_map(|(is, weakness)| is.then_some(weakness))
            .collect()
    }

    /// The host names as `ssl_exporter` writes lists: `,a,b,`.
    pub fn dns_names_label(&self) -> String {
        label(self.dns_names.iter())
    }

    /// The addresses as `ssl_exporter` writes lists.
    pub fn ips_label(&self) -> String {
        label(self.ips.iter().map(|ip| match ip {
            // Go prints an IPv4 address inside IPv6 as IPv4
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| v6.to_string(), |v4| v4.to_string()),
            IpAddr::V4(v4) => v4.to_string(),
        }))
    }

    /// The mail addresses as `ssl_exporter` writes lists.
    pub fn emails_label(&self) -> String {
        label(self.emails.iter())
    }

    /// The subject's organizational units as `ssl_exporter` writes lists.
    pub fn units_label(&self) -> String {
        label(self.subject.organizational_units.iter())
    }
}

/// Two are the same when all their bytes are.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Certificate")
            .field("subject", &self.subject.text)
            .field("issuer", &self.issuer.text)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

fn label(values: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut out = String::new();
    for value in values {
        let value = value.as_ref();
        if out.len() + value.len() + 2 > MAX_LABEL {
            break;
        }
        if out.is_empty() {
            out.push(',');
        }
        out.push_str(value);
        out.push(',');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_commas_at_both_ends_and_a_bound() {
        assert_eq!(label([].iter().map(|(): &()| "")), "");
        assert_eq!(label(["a"].iter()), ",a,");
        assert_eq!(label(["a", "b"].iter()), ",a,b,");
        let long = "x".repeat(MAX_LABEL / 2);
        assert_eq!(label([&long, &long].into_iter()).len(), MAX_LABEL / 2 + 2);
    }

    #[test]
    fn no_certificate_says_why() {
        assert_eq!(Certificate::parse(b"").unwrap_err(), NotACertificate::Malformed);
        assert_eq!(Certificate::parse(&vec![0; MAX_CERTIFICATE + 1]).unwrap_err(), NotACertificate::TooLong);
    }
}
