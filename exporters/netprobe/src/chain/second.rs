//! The second opinion: webpki on a path that we found.
//!
//! Ours decides what is tried and why it fails; webpki judges each good path once more, and above all what only it
//! judges: whether the authorities on it permit the names below them.
//!
//! Signatures are the costly part. Those on the path were checked when it was found; the very same (key, message and
//! signature) are not checked again, all others are.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, UnixTime,
};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use crate::cert::Certificate;

/// Whether nothing speaks against the path, whose signatures all hold.
pub(super) fn agrees(path: &[Arc<Certificate>], now: i64) -> bool {
    // a leaf that is trusted itself has nobody above it
    let [leaf, middle @ .., root] = path else { return true };
    match opinion(path, leaf, middle, root, now) {
        Ok(()) => true,
        Err(error) => takes_no_position(&error) && !path.iter().any(|one| one.has_name_constraints),
    }
}

fn opinion(
    path: &[Arc<Certificate>],
    leaf: &Certificate,
    middle: &[Arc<Certificate>],
    root: &Certificate,
    now: i64,
) -> Result<(), Error> {
    let root = CertificateDer::from(root.der());
    let leaf = CertificateDer::from(leaf.der());
    let middle: Vec<CertificateDer<'_>> = middle.iter().map(|one| CertificateDer::from(one.der())).collect();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or_default()));
    let anchors = [anchor_from_trusted_cert(&root)?];
    let leaf = EndEntityCert::try_from(&leaf)?;
    let usage = KeyUsage::server_auth();
    let algorithms: Vec<Checking<'_>> =
        ALL_VERIFICATION_ALGS.iter().map(|algorithm| Checking { algorithm: *algorithm, path }).collect();
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
        algorithms.iter().map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm).collect();
    leaf.verify_for_usage(&algorithms, &anchors, &middle, now, usage, None, None).map(drop)
}

/// A way to check signatures that knows those of a path.
#[derive(Debug)]
struct Checking<'a> {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    path: &'a [Arc<Certificate>],
}

impl SignatureVerificationAlgorithm for Checking<'_> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let is_known = self.path.windows(2).any(|pair| match pair {
            [below, above] => key == above.public_bits() && (message, signature) == below.signed_parts(),
            _ => false,
        });
        if is_known { Ok(()) } else { self.algorithm.verify_signature(key, message, signature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

/// Whether webpki refuses to read the certificates rather than to trust them. It takes no authority as a server's
/// certificate, no version 1, no `anyExtendedKeyUsage`, no critical policies, no long serial numbers.
fn takes_no_position(error: &Error) -> bool {
    matches!(
        error,
        Error::BadDer
            | Error::BadDerTime
            | Error::CaUsedAsEndEntity
            | Error::EmptyEkuExtension
            | Error::ExtensionValueInvalid
            | Error::InvalidCertValidity
            | Error::InvalidSerialNumber
            | Error::MalformedExtensions
            | Error::RequiredEkuNotFoundContext(_)
            | Error::TrailingData(_)
            | Error::UnsupportedCertVersion
            | Error::UnsupportedCriticalExtension
            | Error::UnsupportedSignatureAlgorithmContext(_)
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
    )
}

#[cfg(test)]
mod tests {
    use kit::pki::{Recipe, Signer, first_der};

    use super::*;

    /// Lets nothing pass.
    #[derive(Debug)]
    struct Never;

    impl SignatureVerificationAlgorithm for Never {
        fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
            Err(InvalidSignature)
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            AlgorithmIdentifier::from_slice(&[])
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            AlgorithmIdentifier::from_slice(&[])
        }
    }

    #[test]
    fn only_the_very_signatures_of_the_path_are_known() {
        let root = Signer::root(Recipe::new("root", &[])).unwrap();
        let middle = root.below(Recipe::new("middle", &[])).unwrap();
        let leaf = middle.leaf(&Recipe::new("leaf", &["a.example"])).unwrap();
        let read = |pem: &str| Arc::new(Certificate::parse(&first_der(pem).unwrap()).unwrap());
        let path = [read(&leaf.certificate_pem), read(&middle.pem), read(&root.pem)];
        let (message, signature) = path[0].signed_parts();
        let (of_middle, of_root) = (path[1].public_bits(), path[2].public_bits());
        let checking = Checking { algorithm: &Never, path: &path };
        let changed = [message, &[0]].concat();
        for (key, message, signature, known) in [
            (of_middle, message, signature, true),
            (of_root, message, signature, false),
            (of_middle, &*changed, signature, false),
            (of_middle, message, &signature[1..], false),
            (path[0].public_bits(), message, signature, false),
        ] {
            assert_eq!(checking.verify_signature(key, message, signature).is_ok(), known);
        }
        assert!(agrees(&path, 1_800_000_000) && !agrees(&path, 4_200_000_000), "dates are its own business");
    }
}
