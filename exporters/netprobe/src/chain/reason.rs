//! Why a chain is not trusted, in words of a closed list.

use std::fmt;
use std::sync::Arc;

use crate::cert::Certificate;

use super::Against;
use super::paths::Search;

/// What is wrong. In order of how hard it is to mend, so that of several paths the nearest to a good one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The server's certificate has run out.
    Expired,
    /// A certificate is not valid yet (or our clock is slow).
    NotYetValid,
    /// The certificate is not for the name or address that was asked for.
    HostnameMismatch,
    /// A certificate above the server's has run out, and there is no other path: an intermediate, or a root.
    ExpiredIntermediate,
    /// A signature by SHA-1 or older, or a key that is too short.
    WeakSignature,
    /// The certificate is signed by itself, and not trusted.
    SelfSigned,
    /// The server did not send the certificate that leads to a root.
    IncompleteChain,
    /// The chain ends at somebody whom we do not trust.
    UnknownAuthority,
    /// A certificate was revoked.
    Revoked,
    /// The server wants a certificate from us. The connection tells that, not the chain.
    ClientCertRequired,
    /// Something else: a malformed leaf, an authority that may not sign, names that are not permitted, a wrong usage.
    Other,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Expired,
        Self::NotYetValid,
        Self::HostnameMismatch,
        Self::ExpiredIntermediate,
        Self::WeakSignature,
        Self::SelfSigned,
        Self::IncompleteChain,
        Self::UnknownAuthority,
        Self::Revoked,
        Self::ClientCertRequired,
        Self::Other,
    ];

    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::HostnameMismatch => "hostname_mismatch",
            Self::ExpiredIntermediate => "expired_intermediate",
            Self::WeakSignature => "weak_signature",
            Self::SelfSigned => "self_signed",
            Self::IncompleteChain => "incomplete_chain",
            Self::UnknownAuthority => "unknown_authority",
            Self::Revoked => "revoked",
            Self::ClientCertRequired => "client_cert_required",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why there is no sound path.
pub(super) fn of_no_path(
    search: &mut Search<'_>,
    others: &[&Arc<Certificate>],
    against: &Against<'_>,
) -> Option<Reason> {
    let all = search.all();
    if let Some(nearest) = all.iter().map(|path| path.fault).min() {
        return nearest;
    }
    let path = search.top();
    let leaf = path.first()?;
    if path.len() == 1 && leaf.is_self_signed() {
        return Some(Reason::SelfSigned);
    }
    let top = path.last()?;
    if is_incomplete(search, top, path.len() == 1, others, against) {
        return Some(Reason::IncompleteChain);
    }
    Some(Reason::UnknownAuthority)
}

/// Whether a certificate between `top` and a root is missing.
fn is_incomplete(
    search: &mut Search<'_>,
    top: &Arc<Certificate>,
    alone: bool,
    others: &[&Arc<Certificate>],
    against: &Against<'_>,
) -> bool {
    if top.is_self_issued() {
        return false;
    }
    // its issuer is here under that name, with another key
    if against.roots.named(top.issuer_raw()).next().is_some()
        || others.iter().any(|other| other.subject_raw() == top.issuer_raw())
    {
        return false;
    }
    // another server sent the very certificate, and it leads to a root
    let known = against.known.and_then(|known| known.named(top.issuer_raw()));
    if let Some(known) = known
        && search.signed(top, known)
    {
        return true;
    }
    if !alone {
        // an intermediate's issuer is a root nearly always, and we do not have it
        return false;
    }
    // no root signs leaves and says where its own certificate is to be had: a certificate stands between. Likewise when
    // the server sent authorities that have nothing to do with its leaf, but lead to a root: those of the last leaf
    !top.issuer_urls.is_empty()
        || others.iter().any(|other| {
            other.is_ca() && against.roots.named(other.issuer_raw()).any(|root| search.signed(other, root))
        })
}
