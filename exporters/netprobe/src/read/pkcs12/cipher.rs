//! The ciphers of stores: AES today; triple DES and RC2 in files of before 2022.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use des::cipher::consts::U8;
use des::cipher::{Array, BlockCipherDecrypt, BlockSizeUser, KeyInit};
use des::{TdesEde2, TdesEde3};
use rc2::Rc2;

use crate::cert::der::{Reader, oid_text, tag};

use super::derive::{Purpose, by_pbkdf2, by_sha1};
use super::{Password, Rounds, Trouble};

/// Blocks of the old ciphers.
const BLOCK: usize = 8;

const PBES2: &str = "1.2.840.113549.1.5.13";

/// PKCS #12's own schemes: identifier, cipher and length of the key in bytes.
const OLD: [(&str, Old, usize); 4] = [
    ("1.2.840.113549.1.12.1.3", Old::TripleDes, 24),
    ("1.2.840.113549.1.12.1.4", Old::TripleDes, 16),
    ("1.2.840.113549.1.12.1.5", Old::Rc2, 16),
    ("1.2.840.113549.1.12.1.6", Old::Rc2, 5),
];

#[derive(Clone, Copy)]
enum Old {
    TripleDes,
    Rc2,
}

/// Decrypts with what `algorithm` names.
pub(super) fn decrypt(
    mut algorithm: Reader<'_>,
    data: Vec<u8>,
    password: &Password<'_>,
    rounds: &mut Rounds,
) -> Result<Vec<u8>, Trouble> {
    let oid = oid_text(algorithm.oid()?);
    let mut parameters = algorithm.sequence()?;
    if oid == PBES2 {
        let derivation = parameters.sequence()?;
        return pbes2(derivation, parameters.sequence()?, data, password, rounds);
    }
    let (_, cipher, length) = OLD.iter().find(|(id, ..)| *id == oid).ok_or(Trouble::Cipher)?;
    let salt = parameters.element(tag::OCTET_STRING)?.body;
    let count = rounds.spend(parameters.element(tag::INTEGER)?.small()?)?;
    let key = by_sha1(password, Purpose::Key, salt, count, *length);
    let iv = by_sha1(password, Purpose::Iv, salt, count, BLOCK);
    old(*cipher, &key, &iv, data)
}

fn pbes2(
    derivation: Reader<'_>,
    mut scheme: Reader<'_>,
    data: Vec<u8>,
    password: &Password<'_>,
    rounds: &mut Rounds,
) -> Result<Vec<u8>, Trouble> {
    let (aes, length): (Option<&Algorithm>, usize) = match oid_text(scheme.oid()?).as_str() {
        "2.16.840.1.101.3.4.1.2" => (Some(&AES_128), 16),
        "2.16.840.1.101.3.4.1.22" => (Some(&AES_192), 24),
        "2.16.840.1.101.3.4.1.42" => (Some(&AES_256), 32),
        "1.2.840.113549.3.7" => (None, 24),
        _ => return Err(Trouble::Cipher),
    };
    let iv = scheme.element(tag::OCTET_STRING)?.body;
    let key = by_pbkdf2(derivation, password, rounds, length)?;
    match aes {
        Some(algorithm) => by_aes(algorithm, &key, iv, data),
        None => old(Old::TripleDes, &key, iv, data),
    }
}

fn by_aes(
    algorithm: &'static Algorithm,
    key: &[u8],
    iv: &[u8],
    mut data: Vec<u8>,
) -> Result<Vec<u8>, Trouble> {
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| Trouble::Malformed)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| Trouble::Malformed)?;
    let iv = <[u8; 16]>::try_from(iv).map_err(|_| Trouble::Malformed)?;
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let length = key.decrypt(&mut data, context).map_err(|_| Trouble::Password)?.len();
    data.truncate(length);
    Ok(data)
}

fn old(cipher: Old, key: &[u8], iv: &[u8], data: Vec<u8>) -> Result<Vec<u8>, Trouble> {
    match (cipher, key.len()) {
        (Old::TripleDes, 24) => {
            cbc(&TdesEde3::new_from_slice(key).map_err(|_| Trouble::Malformed)?, iv, data)
        }
        (Old::TripleDes, 16) => {
            cbc(&TdesEde2::new_from_slice(key).map_err(|_| Trouble::Malformed)?, iv, data)
        }
        (Old::Rc2, 5 | 16) => cbc(&Rc2::new_with_eff_key_len(key, key.len() * 8), iv, data),
        _ => Err(Trouble::Malformed),
    }
}

/// Cipher block chaining with the padding of PKCS #7.
fn cbc<C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U8>>(
    cipher: &C,
    iv: &[u8],
    mut data: Vec<u8>,
) -> Result<Vec<u8>, Trouble> {
    let mut before = <[u8; BLOCK]>::try_from(iv).map_err(|_| Trouble::Malformed)?;
    let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
    if !rest.is_empty() || blocks.is_empty() {
        return Err(Trouble::Malformed);
    }
    for block in blocks {
        let encrypted = *block;
        let mut plain = Array::from(encrypted);
        cipher.decrypt_block(&mut plain);
        for ((out, byte), mask) in block.iter_mut().zip(plain).zip(before) {
            *out = byte ^ mask;
        }
        before = encrypted;
    }
    let padding = usize::from(data.last().copied().unwrap_or_default());
    let length = data.len().checked_sub(padding).ok_or(Trouble::Password)?;
    let fits = (1..=BLOCK).contains(&padding);
    if !fits || data.iter().skip(length).any(|byte| usize::from(*byte) != padding) {
        return Err(Trouble::Password);
    }
    data.truncate(length);
    Ok(data)
}
