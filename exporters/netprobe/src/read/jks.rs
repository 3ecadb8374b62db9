//! Java's old stores, JKS and JCEKS. Certificates in them are plain; the password is only for the digest at the end.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use crate::cert::der::Malformed;

use super::Contents;

/// How a JKS store begins.
pub(super) const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];

/// How a JCEKS store begins.
pub(super) const MAGIC_JCEKS: [u8; 4] = [0xce, 0xce, 0xce, 0xce];

/// The words that Java mixes into the digest.
const WORDS: &[u8] = b"Mighty Aphrodite";

/// The length of the digest at the end.
const DIGEST: usize = 20;

/// Milliseconds since 1970 until the year 2200: an entry that was made later is none.
const LATEST: u64 = 7_258_118_400_000;

const PRIVATE_KEY: u32 = 1;
const CERTIFICATE: u32 = 2;
const SECRET_KEY: u32 = 3;

pub(super) fn certificates(
    bytes: &[u8],
    password: Option<&str>,
    contents: &mut Contents,
) -> Result<(), Malformed> {
    let signed = bytes.len().checked_sub(DIGEST).ok_or(Malformed)?;
    let (body, digest) = bytes.split_at_checked(signed).ok_or(Malformed)?;
    let mut reader = Reader(body);
    reader.take(MAGIC.len())?;
    let version = reader.number()?;
    if version != 1 && version != 2 {
        return Err(Malformed);
    }
    let entries = reader.number()?;
    for _ in 0..entries {
        let kind = reader.number()?;
        let alias = reader.text()?;
        reader.take(8)?;
        match kind {
            PRIVATE_KEY => {
                // the key, encrypted; passed over
                let length = reader.number()?;
                reader.take(length as usize)?;
                for _ in 0..reader.number()? {
                    contents.push(reader.certificate(version)?, Some(alias.clone()));
                }
            }
            CERTIFICATE => contents.push(reader.certificate(version)?, Some(alias)),
            SECRET_KEY => reader.skip_object(),
            _ => return Err(Malformed),
        }
    }
    contents.wrong_password = password
        .filter(|password| !password.is_empty())
        .is_some_and(|password| sum(password, body) != digest);
    Ok(())
}

fn sum(password: &str, body: &[u8]) -> Vec<u8> {
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for unit in password.encode_utf16() {
        digest.update(&unit.to_be_bytes());
    }
    digest.update(WORDS);
    digest.update(body);
    digest.finish().as_ref().to_vec()
}

/// What is left of the store.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// Java's own UTF-8, which differs only in characters that are in no alias.
    fn text(&mut self) -> Result<String, Malformed> {
        let length = self.take(2)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn certificate(&mut self, version: u32) -> Result<&'a [u8], Malformed> {
        if version == 2 && self.text()? != "X.509" {
            return Err(Malformed);
        }
        let length = self.number()?;
        self.take(length as usize)
    }

    /// Passes over a secret key: a Java object, whose length is written nowhere. It ends where something begins that is
    /// an entry, or at the end.
    fn skip_object(&mut self) {
        while !self.0.is_empty() && !self.is_entry() {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
    }

    fn is_entry(mut self) -> bool {
        let mut entry = || {
            let kind = self.number()?;
            if !(PRIVATE_KEY..=SECRET_KEY).contains(&kind) {
                return Err(Malformed);
            }
            let length = self.take(2)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let alias = self.take(length)?;
            let made = self.take(8)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            let plausible = made > 0 && made < LATEST && !alias.contains(&0) && !alias.is_empty();
            if plausible { Ok(()) } else { Err(Malformed) }
        };
        entry().is_ok()
    }
}
