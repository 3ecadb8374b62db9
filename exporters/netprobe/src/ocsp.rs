//! Stapled OCSP responses: what they say of a certificate, and whether its issuer really said so.

use std::sync::Arc;

use thiserror::Error;

use crate::cert::der::{Element, Malformed, Reader, tag};
use crate::cert::{Certificate, Checked, SignatureAlgorithm, digest_named};

/// Longest response that is read. One with a responder's certificate has 2 kB.
pub const MAX_RESPONSE: usize = 64 << 10;

/// Single answers and certificates of one response that are looked at.
const MAX_PARTS: usize = 32;

/// Times up to the end of the year 1 mean "none": that is how Go encodes one that is not set.
const NO_TIME: i64 = -62_135_596_800 + 366 * 24 * 60 * 60;

/// Why a response says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OcspError {
    /// It is longer than [`MAX_RESPONSE`].
    #[error("the response is longer than {MAX_RESPONSE} bytes")]
    TooLong,
    /// It is not a response.
    #[error("the response is malformed")]
    Malformed,
    /// The responder could not answer; the number is its status.
    #[error("the responder failed with status {0}")]
    Failed(u32),
    /// It is of a kind other than basic.
    #[error("the response is not a basic one")]
    NotBasic,
    /// It says nothing of this certificate.
    #[error("the response is about another certificate")]
    OtherCertificate,
}

impl From<Malformed> for OcspError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// What is known of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is not revoked.
    Good,
    /// It is revoked.
    Revoked {
        /// Since when.
        at: Option<i64>,
        /// Why, as RFC 5280 numbers it.
        reason: Option<u32>,
    },
    /// The responder does not know it.
    Unknown,
}

impl Status {
    /// Its number in `ssl_ocsp_response_status`.
    pub fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Revoked { .. } => 1,
            Self::Unknown => 2,
        }
    }

    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked { .. } => "revoked",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a response is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Genuine {
    /// The issuer signed it, or a responder that the issuer made one.
    Yes,
    /// The signature does not hold, or whoever made it may not.
    No,
    /// Nobody can say: the issuer's certificate was not served, or the signature is of an unknown kind.
    Unknown,
}

/// A response about one certificate. Times are in seconds since 1970, and those that are not set are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What is known of it.
    pub status: Status,
    /// When it was signed.
    pub produced_at: Option<i64>,
    /// When the status was known to be right.
    pub this_update: Option<i64>,
    /// When there will be newer information.
    pub next_update: Option<i64>,
    /// Whether it is genuine.
    pub genuine: Genuine,
}

impl Response {
    /// When the certificate was revoked, if it is.
    pub fn revoked_at(&self) -> Option<i64> {
        match self.status {
            Status::Revoked { at, .. } => at,
            Status::Good | Status::Unknown => None,
        }
    }

    /// Whether it is known to be genuine.
    pub fn is_genuine(&self) -> bool {
        self.genuine == Genuine::Yes
    }

    /// Whether `now` is in the time that it is for. Without times, always.
    pub fn is_current(&self, now: i64) -> bool {
        self.this_update.is_none_or(|this| this <= now) && self.next_update.is_none_or(|next| now <= next)
    }
}

/// Reads a response about `leaf`, and checks its signature if `issuer` is there.
pub fn read(
    bytes: &[u8],
    leaf: &Certificate,
    issuer: Option<&Arc<Certificate>>,
) -> Result<Response, OcspError> {
    if bytes.len() > MAX_RESPONSE {
        return Err(OcspError::TooLong);
    }
    let basic = basic(bytes)?;
    let mut response = basic.response(leaf, issuer)?;
    response.genuine = match issuer {
        Some(issuer) => basic.genuine(issuer, response.produced_at.or(response.this_update)),
        None => Genuine::Unknown,
    };
    Ok(response)
}

/// A basic response.
struct Basic<'a> {
    /// What is signed.
    data: Element<'a>,
    algorithm: SignatureAlgorithm,
    signature: &'a [u8],
    certificates: Vec<Certificate>,
}

fn basic(bytes: &[u8]) -> Result<Basic<'_>, OcspError> {
    const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
    let mut outer = Reader::new(bytes).sequence()?;
    let status = outer.element(tag::ENUMERATED)?.small()?;
    if status != 0 {
        return Err(OcspError::Failed(status));
    }
    let mut response = outer.element(tag::context(0))?.inside().sequence()?;
    if response.oid()? != BASIC {
        return Err(OcspError::NotBasic);
    }
    let mut basic = Reader::new(response.element(tag::OCTET_STRING)?.body).sequence()?;
    let data = basic.element(tag::SEQUENCE)?;
    let algorithm = SignatureAlgorithm::of(basic.element(tag::SEQUENCE)?.body);
    let signature = basic.element(tag::BIT_STRING)?.bits()?;
    let mut certificates = Vec::new();
    if let Some(list) = basic.optional(tag::context(0))? {
        let mut list = list.inside().sequence()?;
        while !list.is_empty() && certificates.len() < MAX_PARTS {
            // one that cannot be read cannot have signed the response either
            certificates.extend(Certificate::parse(list.any()?.whole).ok());
        }
    }
    Ok(Basic { data, algorithm, signature, certificates })
}

impl Basic<'_> {
    fn response(&self, leaf: &Certificate, issuer: Option<&Arc<Certificate>>) -> Result<Response, OcspError> {
        let mut data = self.data.inside();
        data.optional(tag::context(0))?;
        // the responder's name or key: its certificate tells more
        data.any()?;
        let produced_at = match data.optional(tag::GENERALIZED_TIME)? {
            Some(time) => set(time.time()?),
            None => None,
        };
        let mut answers = data.sequence()?;
        let mut count = 0;
        while !answers.is_empty() && count < MAX_PARTS {
            count += 1;
            let mut answer = answers.sequence()?;
            if !is_about(answer.sequence()?, leaf, issuer)? {
                continue;
            }
            let status = status(answer.any()?)?;
            let this_update = match answer.optional(tag::GENERALIZED_TIME)? {
                Some(time) => set(time.time()?),
                None => None,
            };
            let next_update = match answer.optional(tag::context(0))? {
                Some(time) => set(time.inside().any()?.time()?),
                None => None,
            };
            return Ok(Response { status, produced_at, this_update, next_update, genuine: Genuine::Unknown });
        }
        Err(OcspError::OtherCertificate)
    }

    /// Whether the issuer signed it, or a responder to whom the issuer gave a certificate for it that was valid then.
    fn genuine(&self, issuer: &Certificate, at: Option<i64>) -> Genuine {
        if self.algorithm.is_weak() {
            return Genuine::No;
        }
        match self.verify(issuer) {
            Checked::Good => return Genuine::Yes,
            Checked::Unsupported if self.certificates.is_empty() => return Genuine::Unknown,
            Checked::Bad | Checked::Unsupported => {}
        }
        let is_responder = |one: &&Certificate| {
            one.issuer_raw() == issuer.subject_raw()
                && one.extended_key_usage.is_some_and(|usage| usage.ocsp_signing)
                && at.is_none_or(|at| one.is_valid_at(at))
                && !one.signature_algorithm.is_weak()
                && one.signed_by(issuer) == Checked::Good
        };
        let signed = self.certificates.iter().filter(is_responder).map(|one| self.verify(one));
        signed.fold(Genuine::No, |so_far, checked| match (so_far, checked) {
            (Genuine::Yes, _) | (_, Checked::Good) => Genuine::Yes,
            (Genuine::Unknown, _) | (_, Checked::Unsupported) => Genuine::Unknown,
            _ => Genuine::No,
        })
    }

    fn verify(&self, signer: &Certificate) -> Checked {
        self.algorithm.verify(&signer.key, signer.public_bits(), self.data.whole, self.signature)
    }
}

/// Whether a `CertID` means this certificate. Its issuer is compared where it is known and the digest is.
fn is_about(
    mut id: Reader<'_>,
    leaf: &Certificate,
    issuer: Option<&Arc<Certificate>>,
) -> Result<bool, Malformed> {
    let digest = id.sequence()?.oid()?;
    let name = id.element(tag::OCTET_STRING)?.body;
    let key = id.element(tag::OCTET_STRING)?.body;
    let serial = id.element(tag::INTEGER)?.body;
    let is_issuer = match issuer {
        Some(issuer) => {
            let fits = |hash: &[u8], bytes: &[u8]| digest_named(digest, bytes).is_none_or(|own| own == hash);
            fits(name, issuer.subject_raw()) && fits(key, issuer.public_bits())
        }
        None => true,
    };
    Ok(serial == leaf.serial_raw() && is_issuer)
}

fn status(status: Element<'_>) -> Result<Status, Malformed> {
    const GOOD: u8 = 0x80;
    const REVOKED: u8 = 0xa1;
    const UNKNOWN: u8 = 0x82;
    match status.tag {
        GOOD => Ok(Status::Good),
        UNKNOWN => Ok(Status::Unknown),
        REVOKED => {
            let mut inside = status.inside();
            let at = set(inside.element(tag::GENERALIZED_TIME)?.time()?);
            let reason = match inside.optional(tag::context(0))? {
                Some(reason) => Some(reason.inside().element(tag::ENUMERATED)?.small()?),
                None => None,
            };
            Ok(Status::Revoked { at, reason })
        }
        _ => Err(Malformed),
    }
}

fn set(time: i64) -> Option<i64> {
    (time > NO_TIME).then_some(time)
}
