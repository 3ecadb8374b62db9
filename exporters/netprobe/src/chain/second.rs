//! The second opinion: webpki on a path that we found.
//!
//! Ours decides what is tried and why it fails; webpki judges each good path once more, and above all what only it
//! judges: whether the authorities on it permit the names below them.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use crate::cert::Certificate;

/// Whether nothing speaks against the path.
pub(super) fn agrees(path: &[Arc<Certificate>], now: i64) -> bool {
    // a leaf that is trusted itself has nobody above it
    let [leaf, middle @ .., root] = path else { return true };
    match opinion(leaf, middle, root, now) {
        Ok(()) => true,
        Err(error) => takes_no_position(&error) && !path.iter().any(|one| one.has_name_constraints),
    }
}

fn opinion(
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
    leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &middle, now, usage, None, None).map(drop)
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
