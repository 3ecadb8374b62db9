//! Signatures: what algorithm, whether it is too weak to be trusted, and whether it holds.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use aws_lc_rs::signature::{self as aws, UnparsedPublicKey, VerificationAlgorithm};

use super::der::{Reader, oid_text, tag};
use super::key::{Key, KeyKind, MIN_RSA_BITS};

/// How a signature was made: key, digest and form. The name is Go's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureAlgorithm {
    /// `SHA256-RSA`, `ECDSA-SHA384`, `Ed25519`, …; the object identifier when it is none that we know.
    pub name: String,
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Rsa(Digest),
    RsaPss(Digest),
    Ecdsa(Digest),
    Ed25519,
    MlDsa,
    Dsa(Digest),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digest {
    Md2,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The outcome of looking at a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It holds.
    Good,
    /// It does not hold.
    Bad,
    /// Nothing here can check signatures of this kind: MD5, DSA, unknown curves.
    Unsupported,
}

const ALGORITHMS: [(&str, &str, Scheme); 23] = [
    ("1.2.840.113549.1.1.2", "MD2-RSA", Scheme::Rsa(Digest::Md2)),
    ("1.2.840.113549.1.1.4", "MD5-RSA", Scheme::Rsa(Digest::Md5)),
    ("1.2.840.113549.1.1.5", "SHA1-RSA", Scheme::Rsa(Digest::Sha1)),
    ("1.3.14.3.2.29", "SHA1-RSA", Scheme::Rsa(Digest::Sha1)),
    ("1.2.840.113549.1.1.14", "SHA224-RSA", Scheme::Rsa(Digest::Sha224)),
    ("1.2.840.113549.1.1.11", "SHA256-RSA", Scheme::Rsa(Digest::Sha256)),
    ("1.2.840.113549.1.1.12", "SHA384-RSA", Scheme::Rsa(Digest::Sha384)),
    ("1.2.840.113549.1.1.13", "SHA512-RSA", Scheme::Rsa(Digest::Sha512)),
    ("1.2.840.10045.4.1", "ECDSA-SHA1", Scheme::Ecdsa(Digest::Sha1)),
    ("1.2.840.10045.4.3.1", "ECDSA-SHA224", Scheme::Ecdsa(Digest::Sha224)),
    ("1.2.840.10045.4.3.2", "ECDSA-SHA256", Scheme::Ecdsa(Digest::Sha256)),
    ("1.2.840.10045.4.3.3", "ECDSA-SHA384", Scheme::Ecdsa(Digest::Sha384)),
    ("1.2.840.10045.4.3.4", "ECDSA-SHA512", Scheme::Ecdsa(Digest::Sha512)),
    ("1.3.101.112", "Ed25519", Scheme::Ed25519),
    ("1.3.101.113", "Ed448", Scheme::Unknown),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44", Scheme::MlDsa),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65", Scheme::MlDsa),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87", Scheme::MlDsa),
    ("1.2.840.10040.4.3", "DSA-SHA1", Scheme::Dsa(Digest::Sha1)),
    ("2.16.840.1.101.3.4.3.1", "DSA-SHA224", Scheme::Dsa(Digest::Sha224)),
    ("2.16.840.1.101.3.4.3.2", "DSA-SHA256", Scheme::Dsa(Digest::Sha256)),
    ("2.16.840.1.101.3.4.3.3", "DSA-SHA384", Scheme::Dsa(Digest::Sha384)),
    ("2.16.840.1.101.3.4.3.4", "DSA-SHA512", Scheme::Dsa(Digest::Sha512)),
];

const PSS: &str = "1.2.840.113549.1.1.10";

const DIGESTS: [(&str, Digest); 7] = [
    ("1.2.840.113549.2.2", Digest::Md2),
    ("1.2.840.113549.2.5", Digest::Md5),
    ("1.3.14.3.2.26", Digest::Sha1),
    ("2.16.840.1.101.3.4.2.4", Digest::Sha224),
    ("2.16.840.1.101.3.4.2.1", Digest::Sha256),
    ("2.16.840.1.101.3.4.2.2", Digest::Sha384),
    ("2.16.840.1.101.3.4.2.3", Digest::Sha512),
];

impl SignatureAlgorithm {
    /// The algorithm that an `AlgorithmIdentifier` names; `inside` is what its SEQUENCE holds.
    pub(crate) fn of(inside: &[u8]) -> Self {
        let mut reader = Reader::new(inside);
        let oid = reader.oid().map(oid_text).unwrap_or_default();
        if oid == PSS {
            return match pss_digest(reader) {
                Some(digest) => {
                    Self { name: format!("{}-RSAPSS", digest.name()), scheme: Scheme::RsaPss(digest) }
                }
                None => Self { name: oid, scheme: Scheme::Unknown },
            };
        }
        match ALGORITHMS.iter().find(|(id, ..)| *id == oid) {
            Some((_, name, scheme)) => Self { name: (*name).to_owned(), scheme: *scheme },
            None => Self { name: oid, scheme: Scheme::Unknown },
        }
    }

    /// Whether its digest is so weak that clients refuse the signature: SHA-1 and everything before it.
    pub fn is_weak(&self) -> bool {
        self.digest().is_some_and(|digest| matches!(digest, Digest::Md2 | Digest::Md5 | Digest::Sha1))
    }

    fn digest(&self) -> Option<Digest> {
        match self.scheme {
            Scheme::Rsa(digest) | Scheme::RsaPss(digest) | Scheme::Ecdsa(digest) | Scheme::Dsa(digest) => {
                Some(digest)
            }
            Scheme::Ed25519 | Scheme::MlDsa | Scheme::Unknown => None,
        }
    }

    /// Whether `signature` is one of `message` by the key in `public` (the bits of a `SubjectPublicKeyInfo`).
    pub(crate) fn verify(&self, key: &Key, public: &[u8], message: &[u8], signature: &[u8]) -> Checked {
        let Some(algorithm) = self.algorithm(key) else { return Checked::Unsupported };
        match UnparsedPublicKey::new(algorithm, public).verify(message, signature) {
            Ok(()) => Checked::Good,
            Err(_) => Checked::Bad,
        }
    }

    fn algorithm(&self, key: &Key) -> Option<&'static dyn VerificationAlgorithm> {
        use Digest::{Sha1, Sha256, Sha384, Sha512};
        Some(match (self.scheme, &key.kind) {
            (Scheme::Rsa(digest), KeyKind::Rsa) => rsa(digest, key.bits)?,
            (Scheme::RsaPss(Sha256), KeyKind::Rsa) if key.bits >= MIN_RSA_BITS => {
                &aws::RSA_PSS_2048_8192_SHA256
            }
            (Scheme::RsaPss(Sha384), KeyKind::Rsa) if key.bits >= MIN_RSA_BITS => {
                &aws::RSA_PSS_2048_8192_SHA384
            }
            (Scheme::RsaPss(Sha512), KeyKind::Rsa) if key.bits >= MIN_RSA_BITS => {
                &aws::RSA_PSS_2048_8192_SHA512
            }
            (Scheme::Ecdsa(Sha1), KeyKind::P256) => &aws::ECDSA_P256_SHA1_ASN1,
            (Scheme::Ecdsa(Sha256), KeyKind::P256) => &aws::ECDSA_P256_SHA256_ASN1,
            (Scheme::Ecdsa(Sha384), KeyKind::P256) => &aws::ECDSA_P256_SHA384_ASN1,
            (Scheme::Ecdsa(Sha512), KeyKind::P256) => &aws::ECDSA_P256_SHA512_ASN1,
            (Scheme::Ecdsa(Sha256), KeyKind::P384) => &aws::ECDSA_P384_SHA256_ASN1,
            (Scheme::Ecdsa(Sha384), KeyKind::P384) => &aws::ECDSA_P384_SHA384_ASN1,
            (Scheme::Ecdsa(Sha512), KeyKind::P384) => &aws::ECDSA_P384_SHA512_ASN1,
            (Scheme::Ecdsa(Sha1), KeyKind::P521) => &aws::ECDSA_P521_SHA1_ASN1,
            (Scheme::Ecdsa(Sha256), KeyKind::P521) => &aws::ECDSA_P521_SHA256_ASN1,
            (Scheme::Ecdsa(Sha384), KeyKind::P521) => &aws::ECDSA_P521_SHA384_ASN1,
            (Scheme::Ecdsa(Sha512), KeyKind::P521) => &aws::ECDSA_P521_SHA512_ASN1,
            (Scheme::Ecdsa(Sha256), KeyKind::Curve(curve)) if curve == "1.3.132.0.10" => {
                &aws::ECDSA_P256K1_SHA256_ASN1
            }
            (Scheme::Ed25519, KeyKind::Ed25519) => &aws::ED25519,
            (Scheme::MlDsa, KeyKind::MlDsa(44)) => &aws::ML_DSA_44,
            (Scheme::MlDsa, KeyKind::MlDsa(65)) => &aws::ML_DSA_65,
            (Scheme::MlDsa, KeyKind::MlDsa(_)) => &aws::ML_DSA_87,
            _ => return None,
        })
    }
}

/// RSA with the padding of PKCS #1. Keys under 2,048 bits are checked too, since their certificates are reported and Go
/// trusts them; below 1,024 nothing here takes them.
fn rsa(digest: Digest, bits: u32) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match digest {
        Digest::Sha1 => &aws::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 => &aws::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Digest::Sha512 => &aws::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        Digest::Sha384 if bits >= MIN_RSA_BITS => &aws::RSA_PKCS1_2048_8192_SHA384,
        _ => return None,
    })
}

/// The digest of RSA-PSS parameters: SHA-1 when they do not say.
fn pss_digest(mut reader: Reader<'_>) -> Option<Digest> {
    let Ok(mut parameters) = reader.sequence() else { return Some(Digest::Sha1) };
    match parameters.optional(tag::context(0)).ok()? {
        Some(named) => {
            let oid = oid_text(named.inside().sequence().ok()?.oid().ok()?);
            DIGESTS.iter().find(|(id, _)| *id == oid).map(|(_, digest)| *digest)
        }
        None => Some(Digest::Sha1),
    }
}

impl Digest {
    fn name(self) -> &'static str {
        match self {
            Self::Md2 => "MD2",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha224 => "SHA224",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }
}

/// SHA-256, the fingerprint of everything here.
pub fn fingerprint(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// The digest of `bytes` by the algorithm that an object identifier names; for OCSP's names of issuers.
pub(crate) fn digest_named(oid: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let oid = oid_text(oid);
    let algorithm = match DIGESTS.iter().find(|(id, _)| *id == oid)?.1 {
        Digest::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 => &SHA256,
        Digest::Sha384 => &SHA384,
        Digest::Sha512 => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, bytes).as_ref().to_vec())
}
