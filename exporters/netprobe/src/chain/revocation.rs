//! Revoked certificates: by lists whose signatures were checked, and by a genuine stapled response.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use crate::cert::{Certificate, Checked, fingerprint};
use crate::crl::Crl;
use crate::ocsp::{OcspError, Response, Status};

use super::{Against, Path};

/// Lists of one issuer that are kept: the largest authorities split theirs into 128.
pub const MAX_LISTS: usize = 256;

/// `cRLSign` in the key usage.
const CRL_SIGN: u16 = 1 << 6;

/// Why a list is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RevocationError {
    /// It is somebody else's list.
    #[error("the list is not of this issuer")]
    OtherIssuer,
    /// Its signature does not hold.
    #[error("the signature of the list does not hold")]
    BadSignature,
    /// Its signature is of a kind that cannot be checked or must not be trusted.
    #[error("the signature of the list is of a kind that is not trusted")]
    UntrustedSignature,
    /// The issuer has [`MAX_LISTS`] lists already.
    #[error("the issuer has more than {MAX_LISTS} lists")]
    TooMany,
}

/// Lists of revoked certificates, by the key that signed them. Cheap to copy: the lists are shared.
#[derive(Clone, Debug, Default)]
pub struct Revocation {
    lists: HashMap<[u8; 32], Vec<Arc<Crl>>>,
}

impl Revocation {
    /// Takes a list, if `issuer` signed it. A list with the same scope is replaced.
    pub fn add(&mut self, list: Arc<Crl>, issuer: &Certificate) -> Result<(), RevocationError> {
        if list.issuer_raw() != issuer.subject_raw() {
            return Err(RevocationError::OtherIssuer);
        }
        if issuer.key_usage.is_some_and(|usage| usage & CRL_SIGN == 0) {
            return Err(RevocationError::UntrustedSignature);
        }
        match list.signed_by(issuer) {
            Checked::Good if !list.signature_algorithm.is_weak() => {}
            Checked::Bad => return Err(RevocationError::BadSignature),
            Checked::Good | Checked::Unsupported => return Err(RevocationError::UntrustedSignature),
        }
        let lists = self.lists.entry(fingerprint(issuer.public_key())).or_default();
        lists.retain(|other| other.scope() != list.scope());
        if lists.len() == MAX_LISTS {
            return Err(RevocationError::TooMany);
        }
        lists.push(list);
        Ok(())
    }

    /// Whether a list of `issuer` has `certificate`. A list that is out of date still knows who was revoked.
    pub fn has(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        !self.lists.is_empty()
            && self
                .lists
                .get(&fingerprint(issuer.public_key()))
                .is_some_and(|lists| lists.iter().any(|list| list.contains(certificate.serial_raw())))
    }
}

/// Whether the leaf is revoked, or an authority on each of its paths.
pub(super) fn is_revoked(
    paths: &[Path],
    issuer: Option<&Arc<Certificate>>,
    leaf: &Certificate,
    staple: Option<&Result<Response, OcspError>>,
    against: &Against<'_>,
) -> bool {
    let stapled = staple.is_some_and(|read| {
        read.as_ref().is_ok_and(|read| read.is_genuine() && matches!(read.status, Status::Revoked { .. }))
    });
    let listed = |path: &Path| {
        path.windows(2).any(|pair| match pair {
            [below, above] => against.revocation.has(below, above),
            _ => false,
        })
    };
    stapled
        || issuer.is_some_and(|issuer| against.revocation.has(leaf, issuer))
        || (!paths.is_empty() && paths.iter().all(listed))
}
