//! PKCS #12: stores with a password, of today (PBES2) and of old (RC2 and triple DES).

mod cipher;
mod derive;

use crate::cert::der::{Element, Malformed, Reader, tag};
use crate::cert::name;

use super::{Contents, Form, ReadError, ber};

/// How often a password may be hashed for one file, all parts together: half a second of work. Stores have 2,048 to
/// 600,000 rounds.
const MAX_ROUNDS: u32 = 2_000_000;

/// How deep bags may be in bags.
const MAX_DEPTH: usize = 8;

mod oid {
    /// `pkcs-7`: the last part says which.
    pub(super) const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7];
    /// `bagtypes`: the last part says which.
    pub(super) const BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1];
    /// `x509Certificate` of `certTypes`.
    pub(super) const X509: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 22, 1];
    /// `friendlyName`.
    pub(super) const NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 20];
}

/// What is not known yet when a store breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Malformed,
    Password,
    Cipher,
}

impl From<Malformed> for Trouble {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<Trouble> for ReadError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Malformed => Self::Malformed(Form::Pkcs12),
            Trouble::Password => Self::Password(Form::Pkcs12),
            Trouble::Cipher => Self::Cipher(Form::Pkcs12),
        }
    }
}

/// A password in the two forms that a store knows.
struct Password<'a> {
    /// For PBES2.
    utf8: &'a [u8],
    /// For everything older: UTF-16 with a zero at the end; nothing at all when there is no password.
    utf16: Vec<u8>,
}

impl<'a> Password<'a> {
    fn of(text: &'a str) -> Self {
        let units = text.encode_utf16().chain([0]).flat_map(u16::to_be_bytes);
        Self { utf8: text.as_bytes(), utf16: units.collect() }
    }

    fn none() -> Self {
        Self { utf8: &[], utf16: Vec::new() }
    }
}

/// The rounds that are left.
struct Rounds(u32);

impl Rounds {
    fn spend(&mut self, rounds: u32) -> Result<u32, Trouble> {
        self.0 = self.0.checked_sub(rounds.max(1)).ok_or(Trouble::Cipher)?;
        Ok(rounds.max(1))
    }
}

pub(super) fn certificates(
    bytes: &[u8],
    password: Option<&str>,
    contents: &mut Contents,
) -> Result<(), ReadError> {
    let der = ber::to_der(bytes).map_err(Trouble::from)?;
    let passwords = match password {
        Some(text) if !text.is_empty() => vec![Password::of(text)],
        // tools differ on what an empty password is
        _ => vec![Password::of(""), Password::none()],
    };
    let mut rounds = Rounds(MAX_ROUNDS);
    let mut outcome = Err(Trouble::Password);
    for password in &passwords {
        let mut found = Contents::default();
        outcome = store(&der, password, &mut rounds, &mut found);
        if outcome.is_ok() {
            *contents = found;
        }
        if outcome != Err(Trouble::Password) {
            break;
        }
    }
    outcome.map_err(ReadError::from)
}

fn store(
    der: &[u8],
    password: &Password<'_>,
    rounds: &mut Rounds,
    found: &mut Contents,
) -> Result<(), Trouble> {
    let mut outer = Reader::new(der).sequence()?;
    outer.element(tag::INTEGER)?;
    let mut safe = outer.sequence()?;
    // a store signed by a key instead of a password has 2 here; nobody makes them
    if safe.oid()?.strip_prefix(oid::PKCS7) != Some(&[1]) {
        return Err(Trouble::Cipher);
    }
    let safe = octets(safe.element(tag::context(0))?.inside().any()?)?;
    let is_proved = match outer.optional(tag::SEQUENCE)? {
        Some(mac) => match derive::mac_fits(mac.inside(), safe, password, rounds)? {
            Some(false) => return Err(Trouble::Password),
            proved => proved.is_some(),
        },
        None => false,
    };
    let mut parts = Reader::new(safe).sequence()?;
    while !parts.is_empty() {
        let mut part = parts.sequence()?;
        match part.oid()?.strip_prefix(oid::PKCS7) {
            Some([1]) => {
                let plain = octets(part.element(tag::context(0))?.inside().any()?)?;
                take_bags(plain, found, 0)?;
            }
            Some([6]) => {
                let mut encrypted = part.element(tag::context(0))?.inside().sequence()?;
                encrypted.element(tag::INTEGER)?;
                let plain = decrypt(encrypted.sequence()?, password, rounds)?;
                // a wrong password that happens to leave well-formed padding leaves no bags
                let broken = if is_proved { Trouble::Malformed } else { Trouble::Password };
                take_bags(&plain, found, 0).map_err(|_| broken)?;
            }
            // encrypted for somebody's key: not with this password
            _ => {}
        }
    }
    Ok(())
}

fn octets(element: Element<'_>) -> Result<&[u8], Malformed> {
    if element.tag == tag::OCTET_STRING { Ok(element.body) } else { Err(Malformed) }
}

fn decrypt(mut info: Reader<'_>, password: &Password<'_>, rounds: &mut Rounds) -> Result<Vec<u8>, Trouble> {
    info.oid()?;
    let algorithm = info.sequence()?;
    let mut data = Vec::new();
    let content = info.any()?;
    match content.tag {
        0x80 => data.extend_from_slice(content.body),
        // in pieces
        0xa0 => {
            let mut pieces = content.inside();
            while !pieces.is_empty() {
                data.extend_from_slice(octets(pieces.any()?)?);
            }
        }
        _ => return Err(Trouble::Malformed),
    }
    cipher::decrypt(algorithm, data, password, rounds)
}

/// The certificates of bags. Keys, which have their own encryption, are passed over.
fn take_bags(plain: &[u8], found: &mut Contents, depth: usize) -> Result<(), Malformed> {
    let mut bags = Reader::new(plain).sequence()?;
    while !bags.is_empty() {
        let mut bag = bags.sequence()?;
        let kind = bag.oid()?.strip_prefix(oid::BAG);
        let value = bag.element(tag::context(0))?;
        let alias = match bag.optional(tag::SET)? {
            Some(attributes) => alias(attributes.inside())?,
            None => None,
        };
        match kind {
            Some([3]) => {
                let mut certificate = value.inside().sequence()?;
                if certificate.oid()? == oid::X509 {
                    let der = octets(certificate.element(tag::context(0))?.inside().any()?)?;
                    found.push(der, alias);
                }
            }
            Some([6]) if depth < MAX_DEPTH => take_bags(value.body, found, depth + 1)?,
            _ => {}
        }
    }
    Ok(())
}

fn alias(mut attributes: Reader<'_>) -> Result<Option<String>, Malformed> {
    while !attributes.is_empty() {
        let mut attribute = attributes.sequence()?;
        if attribute.oid()? == oid::NAME {
            let value = attribute.element(tag::SET)?.inside().any()?;
            return Ok(Some(name::text(value)));
        }
    }
    Ok(None)
}
