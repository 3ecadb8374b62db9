//! Keys from passwords: PKCS #12's own derivation, PBKDF2, and the store's authentication code.

use std::num::NonZeroU32;

use aws_lc_rs::digest::{self, Context};
use aws_lc_rs::{hmac, pbkdf2};

use crate::cert::der::{Reader, oid_text, tag};

use super::{Password, Rounds, Trouble};

/// What a derived key is for, as PKCS #12 numbers it.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// Digests with the length of their blocks and the code that is made with them.
struct Digest {
    oid: &'static str,
    algorithm: &'static digest::Algorithm,
    block: usize,
    hmac: hmac::Algorithm,
}

const DIGESTS: [Digest; 5] = [
    Digest {
        oid: "1.3.14.3.2.26",
        algorithm: &digest::SHA1_FOR_LEGACY_USE_ONLY,
        block: 64,
        hmac: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
    },
    Digest { oid: "2.16.840.1.101.3.4.2.4", algorithm: &digest::SHA224, block: 64, hmac: hmac::HMAC_SHA224 },
    Digest { oid: "2.16.840.1.101.3.4.2.1", algorithm: &digest::SHA256, block: 64, hmac: hmac::HMAC_SHA256 },
    Digest { oid: "2.16.840.1.101.3.4.2.2", algorithm: &digest::SHA384, block: 128, hmac: hmac::HMAC_SHA384 },
    Digest { oid: "2.16.840.1.101.3.4.2.3", algorithm: &digest::SHA512, block: 128, hmac: hmac::HMAC_SHA512 },
];

/// HMACs as PBKDF2 and PBMAC1 name them.
const HMACS: [(&str, pbkdf2::Algorithm, hmac::Algorithm); 4] = [
    ("1.2.840.113549.2.7", pbkdf2::PBKDF2_HMAC_SHA1, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
    ("1.2.840.113549.2.9", pbkdf2::PBKDF2_HMAC_SHA256, hmac::HMAC_SHA256),
    ("1.2.840.113549.2.10", pbkdf2::PBKDF2_HMAC_SHA384, hmac::HMAC_SHA384),
    ("1.2.840.113549.2.11", pbkdf2::PBKDF2_HMAC_SHA512, hmac::HMAC_SHA512),
];

const PBKDF2: &str = "1.2.840.113549.1.5.12";
const PBMAC1: &str = "1.2.840.113549.1.5.14";

/// Longest key of a code; PBMAC1 says how long its own is.
const MAX_MAC_KEY: usize = 64;

/// Whether the store's code is right for the password; nothing if it is of a kind that is not known.
pub(super) fn mac_fits(
    mut mac: Reader<'_>,
    message: &[u8],
    password: &Password<'_>,
    rounds: &mut Rounds,
) -> Result<Option<bool>, Trouble> {
    let mut info = mac.sequence()?;
    let mut algorithm = info.sequence()?;
    let oid = oid_text(algorithm.oid()?);
    let code = info.element(tag::OCTET_STRING)?.body;
    let salt = mac.element(tag::OCTET_STRING)?.body;
    let count = match mac.optional(tag::INTEGER)? {
        Some(count) => count.small()?,
        None => 1,
    };
    if oid == PBMAC1 {
        let mut parameters = algorithm.sequence()?;
        let derivation = parameters.sequence()?;
        let scheme = oid_text(parameters.sequence()?.oid()?);
        let Some((.., algorithm)) = HMACS.iter().find(|(id, ..)| *id == scheme) else { return Ok(None) };
        let key = by_pbkdf2(derivation, password, rounds, MAX_MAC_KEY)?;
        return Ok(Some(hmac::verify(&hmac::Key::new(*algorithm, &key), message, code).is_ok()));
    }
    let Some(digest) = DIGESTS.iter().find(|digest| digest.oid == oid) else { return Ok(None) };
    let length = digest.algorithm.output_len();
    let key = derive(digest, password, Purpose::Mac, salt, rounds.spend(count)?, length);
    Ok(Some(hmac::verify(&hmac::Key::new(digest.hmac, &key), message, code).is_ok()))
}

/// PKCS #12's own derivation with SHA-1, as all its ciphers use it.
pub(super) fn by_sha1(
    password: &Password<'_>,
    purpose: Purpose,
    salt: &[u8],
    rounds: u32,
    length: usize,
) -> Vec<u8> {
    let [sha1, ..] = &DIGESTS;
    derive(sha1, password, purpose, salt, rounds, length)
}

/// RFC 7292, appendix B.2.
fn derive(
    digest: &Digest,
    password: &Password<'_>,
    purpose: Purpose,
    salt: &[u8],
    rounds: u32,
    length: usize,
) -> Vec<u8> {
    let fill = |bytes: &[u8]| -> Vec<u8> {
        let length = bytes.len().div_ceil(digest.block) * digest.block;
        bytes.iter().copied().cycle().take(length).collect()
    };
    let diversifier = vec![purpose as u8; digest.block];
    let mut input = [fill(salt), fill(&password.utf16)].concat();
    let mut out = Vec::new();
    while out.len() < length {
        let mut context = Context::new(digest.algorithm);
        context.update(&diversifier);
        context.update(&input);
        let mut sum = context.finish();
        for _ in 1..rounds {
            sum = digest::digest(digest.algorithm, sum.as_ref());
        }
        out.extend_from_slice(sum.as_ref());
        // each block of the input plus the sum (repeated to a block) plus one
        let repeated: Vec<u8> = sum.as_ref().iter().copied().cycle().take(digest.block).collect();
        for block in input.chunks_mut(digest.block) {
            let mut carry = 1_u16;
            for (byte, added) in block.iter_mut().zip(&repeated).rev() {
                let value = u16::from(*byte) + u16::from(*added) + carry;
                *byte = value.to_be_bytes()[1];
                carry = value >> 8;
            }
        }
    }
    out.truncate(length);
    out
}

/// A key by PBKDF2, as its parameters say; `length` if they do not.
pub(super) fn by_pbkdf2(
    mut derivation: Reader<'_>,
    password: &Password<'_>,
    rounds: &mut Rounds,
    length: usize,
) -> Result<Vec<u8>, Trouble> {
    if oid_text(derivation.oid()?) != PBKDF2 {
        return Err(Trouble::Cipher);
    }
    let mut parameters = derivation.sequence()?;
    let salt = parameters.element(tag::OCTET_STRING)?.body;
    let count = rounds.spend(parameters.element(tag::INTEGER)?.small()?)?;
    let length = match parameters.optional(tag::INTEGER)? {
        Some(given) => usize::try_from(given.small()?).unwrap_or(length).min(MAX_MAC_KEY),
        None => length,
    };
    let hmac = match parameters.optional(tag::SEQUENCE)? {
        Some(function) => oid_text(function.inside().oid()?),
        None => HMACS[0].0.to_owned(),
    };
    let (_, algorithm, _) = HMACS.iter().find(|(id, ..)| *id == hmac).ok_or(Trouble::Cipher)?;
    let mut key = vec![0; length];
    let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(*algorithm, count, salt, password.utf8, &mut key);
    Ok(key)
}
