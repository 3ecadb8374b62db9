//! Public keys: what kind, how long, and whether that is enough today.

use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::{Element, Reader, oid_text, tag};

/// The shortest RSA key that clients still take: below it OpenSSL's default level, browsers and rustls refuse.
pub const MIN_RSA_BITS: u32 = 2048;

/// The shortest elliptic-curve key that clients still take.
pub const MIN_EC_BITS: u32 = 256;

/// What kind of key. The words are those of labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA, also when the key says that it is for PSS only.
    Rsa,
    /// NIST's curve of 256 bits.
    P256,
    /// NIST's curve of 384 bits.
    P384,
    /// NIST's curve of 521 bits.
    P521,
    /// Edwards' curve of 255 bits.
    Ed25519,
    /// Edwards' curve of 448 bits.
    Ed448,
    /// The old digital signature algorithm.
    Dsa,
    /// The lattice signatures with keys of three sizes: 44, 65 and 87.
    MlDsa(u8),
    /// Another elliptic curve, by its object identifier.
    Curve(String),
    /// Another kind, by its object identifier.
    Other(String),
}

/// A public key's kind and length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its kind.
    pub kind: KeyKind,
    /// Its length in bits, as people name it; 0 when it is not known.
    pub bits: u32,
}

impl Key {
    /// The kind's word: `RSA`, `P-256`, `Ed25519`, or an object identifier.
    pub fn name(&self) -> &str {
        match &self.kind {
            KeyKind::Rsa => "RSA",
            KeyKind::P256 => "P-256",
            KeyKind::P384 => "P-384",
            KeyKind::P521 => "P-521",
            KeyKind::Ed25519 => "Ed25519",
            KeyKind::Ed448 => "Ed448",
            KeyKind::Dsa => "DSA",
            KeyKind::MlDsa(44) => "ML-DSA-44",
            KeyKind::MlDsa(65) => "ML-DSA-65",
            KeyKind::MlDsa(_) => "ML-DSA-87",
            KeyKind::Curve(oid) => CURVES.iter().find(|(id, ..)| id == oid).map_or(oid, |(_, name, _)| name),
            KeyKind::Other(oid) => oid,
        }
    }

    /// Whether clients refuse it as too short.
    pub fn is_weak(&self) -> bool {
        match self.kind {
            KeyKind::Rsa => self.bits < MIN_RSA_BITS,
            KeyKind::Curve(_) => self.bits != 0 && self.bits < MIN_EC_BITS,
            KeyKind::Dsa => true,
            _ => false,
        }
    }

    pub(super) fn of(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let oid = info.algorithm.algorithm.to_id_string();
        let fixed = match oid.as_str() {
            "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
                return Self::rsa(&info.subject_public_key.data);
            }
            "1.2.840.10045.2.1" => return Self::curve(info),
            "1.2.840.10040.4.1" => {
                let bits = info.algorithm.parameters.as_ref().and_then(|any| first_integer_bits(any.data));
                (KeyKind::Dsa, bits.unwrap_or_default())
            }
            "1.3.101.112" => (KeyKind::Ed25519, 256),
            "1.3.101.113" => (KeyKind::Ed448, 456),
            "2.16.840.1.101.3.4.3.17" => (KeyKind::MlDsa(44), 10_496),
            "2.16.840.1.101.3.4.3.18" => (KeyKind::MlDsa(65), 15_616),
            "2.16.840.1.101.3.4.3.19" => (KeyKind::MlDsa(87), 20_736),
            _ => (KeyKind::Other(oid), bits_of_others(info)),
        };
        Self { kind: fixed.0, bits: fixed.1 }
    }

    fn rsa(key: &[u8]) -> Self {
        let modulus =
            Reader::new(key).sequence().ok().map(|inside| inside.rest()).and_then(first_integer_bits);
        Self { kind: KeyKind::Rsa, bits: modulus.unwrap_or_default() }
    }

    fn curve(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let named = info.algorithm.parameters.as_ref().filter(|any| any.tag().0 == u32::from(tag::OID));
        let oid = named.map_or_else(|| "explicit".to_owned(), |any| oid_text(any.data));
        let (kind, bits) = match oid.as_str() {
            "1.2.840.10045.3.1.7" => (KeyKind::P256, 256),
            "1.3.132.0.34" => (KeyKind::P384, 384),
            "1.3.132.0.35" => (KeyKind::P521, 521),
            _ => {
                let known = CURVES.iter().find(|(id, ..)| *id == oid).map(|(.., bits)| *bits);
                (KeyKind::Curve(oid), known.unwrap_or_else(|| bits_of_others(info)))
            }
        };
        Self { kind, bits }
    }
}

/// Curves that are seen now and then.
const CURVES: [(&str, &str, u32); 6] = [
    ("1.2.840.10045.3.1.1", "P-192", 192),
    ("1.3.132.0.33", "P-224", 224),
    ("1.3.132.0.10", "secp256k1", 256),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1", 256),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1", 384),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1", 512),
];

fn bits_of_others(info: &SubjectPublicKeyInfo<'_>) -> u32 {
    info.parsed()
        .ok()
        .as_ref()
        .map(PublicKey::key_size)
        .and_then(|bits| u32::try_from(bits).ok())
        .unwrap_or(0)
}

/// The bits of the first INTEGER, leading zeroes not counted.
fn first_integer_bits(bytes: &[u8]) -> Option<u32> {
    let Element { body, .. } = Reader::new(bytes).element(tag::INTEGER).ok()?;
    let skip = body.iter().take_while(|byte| **byte == 0).count();
    let body = body.get(skip..)?;
    let top = body.first()?.leading_zeros();
    Some(u32::try_from(body.len()).ok()?.saturating_mul(8).saturating_sub(top))
}
