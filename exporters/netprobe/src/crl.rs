//! Lists of revoked certificates (CRLs), of PEM or DER, with hundreds of thousands of entries.

use std::ops::Range;

use thiserror::Error;

use crate::cert::der::{Element, Malformed, Reader, tag};
use crate::cert::{Certificate, Checked, Name, SignatureAlgorithm};
use crate::read::pem;

/// Longest list that is read. The largest public ones have 10 MB.
pub const MAX_CRL: usize = 20 << 20;

/// Why a list is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CrlError {
    /// It is longer than [`MAX_CRL`].
    #[error("the list is longer than {MAX_CRL} bytes")]
    TooLong,
    /// It is not a list.
    #[error("the list is malformed")]
    Malformed,
    /// It only has the changes since another list.
    #[error("the list is a delta of another list")]
    Delta,
    /// It has certificates of several issuers.
    #[error("the list is indirect")]
    Indirect,
    /// It has a critical extension that is unknown here.
    #[error("the list has an unknown critical extension")]
    UnknownCritical,
}

impl From<Malformed> for CrlError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// A list of revoked certificates.
pub struct Crl {
    der: Box<[u8]>,
    tbs: Range<usize>,
    signature: Range<usize>,
    issuer_raw: Range<usize>,
    scope: Range<usize>,
    /// Where the serial numbers are in `der`, in the order of their bytes.
    serials: Vec<Serial>,
    /// Who made it.
    pub issuer: Name,
    /// When it was made.
    pub this_update: i64,
    /// When the next one comes at the latest, if it says so.
    pub next_update: Option<i64>,
    /// Its number in hexadecimal, if it has one.
    pub number: Option<String>,
    /// How it is signed.
    pub signature_algorithm: SignatureAlgorithm,
}

/// A serial number's place: four bytes and one, not two words.
#[derive(Clone, Copy)]
struct Serial {
    start: u32,
    length: u8,
}

/// Where the parts of a list are.
#[derive(Default)]
struct Parts {
    scope: Range<usize>,
    number: Option<String>,
}

mod oid {
    pub(super) const NUMBER: &[u8] = &[0x55, 0x1d, 20];
    pub(super) const DELTA: &[u8] = &[0x55, 0x1d, 27];
    pub(super) const SCOPE: &[u8] = &[0x55, 0x1d, 28];
    pub(super) const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 35];
    pub(super) const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];
    pub(super) const REASON: &[u8] = &[0x55, 0x1d, 21];
    pub(super) const INVALIDITY: &[u8] = &[0x55, 0x1d, 24];
}

impl Crl {
    /// Reads a list in PEM (the first `X509 CRL` block) or DER.
    pub fn parse(bytes: &[u8]) -> Result<Self, CrlError> {
        if bytes.len() > MAX_CRL {
            return Err(CrlError::TooLong);
        }
        if bytes.first() == Some(&tag::SEQUENCE) {
            return Self::of_der(bytes.into());
        }
        let block = pem::blocks(bytes).find(|block| block.label == "X509 CRL").ok_or(CrlError::Malformed)?;
        Self::of_der(block.decode().ok_or(CrlError::Malformed)?.into())
    }

    fn of_der(der: Box<[u8]>) -> Result<Self, CrlError> {
        let at = |element: Element<'_>| range(&der, element.whole);
        let mut outer = Reader::new(&der);
        let mut list = outer.sequence()?;
        let tbs = list.element(tag::SEQUENCE)?;
        let algorithm = list.element(tag::SEQUENCE)?;
        let signature = list.element(tag::BIT_STRING)?.bits()?;
        if !outer.is_empty() || !list.is_empty() {
            return Err(CrlError::Malformed);
        }
        let mut body = tbs.inside();
        body.optional(tag::INTEGER)?;
        body.element(tag::SEQUENCE)?;
        let issuer = body.element(tag::SEQUENCE)?;
        let this_update = body.any()?.time()?;
        let next_update = match body.rest().first() {
            Some(&(tag::UTC_TIME | tag::GENERALIZED_TIME)) => Some(body.any()?.time()?),
            _ => None,
        };
        let serials = match body.optional(tag::SEQUENCE)? {
            Some(entries) => serials(&der, entries.inside())?,
            None => Vec::new(),
        };
        let parts = match body.optional(tag::context(0))? {
            Some(extensions) => extensions_of(&der, extensions.inside().sequence()?)?,
            None => Parts::default(),
        };
        Ok(Self {
            tbs: at(tbs),
            signature: range(&der, signature),
            issuer_raw: at(issuer),
            scope: parts.scope,
            serials,
            issuer: Name::of(issuer.whole),
            this_update,
            next_update,
            number: parts.number,
            signature_algorithm: SignatureAlgorithm::of(algorithm.body),
            der,
        })
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }

    fn serial(&self, serial: Serial) -> &[u8] {
        serial_of(&self.der, serial)
    }

    /// The issuer as it is encoded.
    pub fn issuer_raw(&self) -> &[u8] {
        self.part(&self.issuer_raw)
    }

    /// The part of its issuer's certificates that it is about, as encoded; empty when it is about all.
    pub(crate) fn scope(&self) -> &[u8] {
        self.part(&self.scope)
    }

    /// Whether `issuer`'s key made its signature.
    pub fn signed_by(&self, issuer: &Certificate) -> Checked {
        let (message, signature) = (self.part(&self.tbs), self.part(&self.signature));
        self.signature_algorithm.verify(&issuer.key, issuer.public_bits(), message, signature)
    }

    /// Whether it has the certificate with this serial number, in bytes.
    pub fn contains(&self, serial: &[u8]) -> bool {
        let serial = shortest(serial);
        self.serials.binary_search_by(|own| self.serial(*own).cmp(serial)).is_ok()
    }

    /// How many certificates it has.
    pub fn len(&self) -> usize {
        self.serials.len()
    }

    /// Whether nobody is revoked.
    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// The memory that it holds, in bytes.
    pub fn size(&self) -> usize {
        self.der.len() + self.serials.len() * size_of::<Serial>()
    }

    /// Whether its time is over.
    pub fn is_stale(&self, now: i64) -> bool {
        self.next_update.is_some_and(|next| now > next)
    }
}

impl std::fmt::Debug for Crl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Crl")
            .field("issuer", &self.issuer.text)
            .field("revoked", &self.serials.len())
            .finish_non_exhaustive()
    }
}

fn range(all: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(all.as_ptr() as usize);
    start..start + part.len()
}

fn serial_of(der: &[u8], serial: Serial) -> &[u8] {
    let start = serial.start as usize;
    der.get(start..start + usize::from(serial.length)).unwrap_or_default()
}

/// A serial number without the zeroes before it, which some authorities write and some do not.
fn shortest(serial: &[u8]) -> &[u8] {
    let skip = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(skip..).unwrap_or_default()
}

fn serials(der: &[u8], mut entries: Reader<'_>) -> Result<Vec<Serial>, CrlError> {
    let mut found = Vec::new();
    while !entries.is_empty() {
        let mut entry = entries.sequence()?;
        let serial = shortest(entry.element(tag::INTEGER)?.body);
        let length = u8::try_from(serial.len()).map_err(|_| CrlError::Malformed)?;
        let start = u32::try_from(range(der, serial).start).map_err(|_| CrlError::TooLong)?;
        entry.any()?.time()?;
        if let Some(extensions) = entry.optional(tag::SEQUENCE)? {
            check_entry(extensions.inside())?;
        }
        found.push(Serial { start, length });
    }
    found.sort_unstable_by(|one, other| serial_of(der, *one).cmp(serial_of(der, *other)));
    found.shrink_to_fit();
    Ok(found)
}

fn check_entry(mut extensions: Reader<'_>) -> Result<(), CrlError> {
    while !extensions.is_empty() {
        let (id, critical, _) = extension(&mut extensions)?;
        match id {
            oid::CERTIFICATE_ISSUER => return Err(CrlError::Indirect),
            oid::REASON | oid::INVALIDITY => {}
            _ if critical => return Err(CrlError::UnknownCritical),
            _ => {}
        }
    }
    Ok(())
}

fn extensions_of(der: &[u8], mut extensions: Reader<'_>) -> Result<Parts, CrlError> {
    let mut parts = Parts::default();
    while !extensions.is_empty() {
        let (id, critical, value) = extension(&mut extensions)?;
        match id {
            oid::NUMBER => {
                let number = Reader::new(value).element(tag::INTEGER)?;
                parts.number = Some(crate::cert::der::hex(shortest(number.body)));
            }
            oid::DELTA => return Err(CrlError::Delta),
            oid::SCOPE => {
                let mut scope = Reader::new(value).sequence()?;
                while !scope.is_empty() {
                    // [4] indirectCRL; the default is false
                    let part = scope.any()?;
                    if part.tag == 0x84 && part.body != [0] {
                        return Err(CrlError::Indirect);
                    }
                }
                parts.scope = range(der, value);
            }
            oid::AUTHORITY_KEY => {}
            _ if critical => return Err(CrlError::UnknownCritical),
            _ => {}
        }
    }
    Ok(parts)
}

/// The next extension: its identifier, whether it is critical, and its value.
fn extension<'a>(extensions: &mut Reader<'a>) -> Result<(&'a [u8], bool, &'a [u8]), Malformed> {
    let mut extension = extensions.sequence()?;
    let id = extension.oid()?;
    let critical = extension.optional(tag::BOOLEAN)?.is_some_and(|critical| critical.body != [0]);
    Ok((id, critical, extension.element(tag::OCTET_STRING)?.body))
}
