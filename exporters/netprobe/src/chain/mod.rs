//! What a served chain is worth: every path to a trusted root, one verdict, and the reason when it is bad.
//!
//! Three steps, each on its own: `paths` lists the paths as Go's `x509.Verify` does (roots included, since clients
//! differ on them and dashboards count chains), `second` asks webpki about each of them, and `reason` explains why
//! there is none. Pure: the clock, the roots and the revocations are given.

mod known;
mod paths;
mod reason;
mod revocation;
mod roots;
mod second;

use std::sync::Arc;

use crate::cert::{Certificate, NotACertificate};
use crate::ocsp;

pub use known::{Known, MAX_KNOWN};
pub use reason::Reason;
pub use revocation::{MAX_LISTS, Revocation, RevocationError};
pub use roots::Roots;

/// Certificates of one chain that are looked at. Servers send up to ten; the rest is reported as too many.
pub const MAX_SERVED: usize = 100;

/// A path from the leaf to a root. A leaf that is trusted itself is a path of its own.
pub type Path = Vec<Arc<Certificate>>;

/// What a server sent, read.
#[derive(Debug, Default)]
pub struct Served {
    /// The chain in its order; the first is the leaf. One that cannot be read costs only itself.
    pub chain: Vec<Result<Arc<Certificate>, NotACertificate>>,
    /// Certificates beyond [`MAX_SERVED`], which nobody looked at.
    pub ignored: usize,
    /// The stapled OCSP response.
    pub staple: Option<Vec<u8>>,
}

impl Served {
    /// Reads a chain as it was served.
    pub fn read(chain: &[impl AsRef<[u8]>], staple: Option<&[u8]>) -> Self {
        Self {
            chain: chain
                .iter()
                .take(MAX_SERVED)
                .map(|der| Certificate::parse(der.as_ref()).map(Arc::new))
                .collect(),
            ignored: chain.len().saturating_sub(MAX_SERVED),
            staple: staple.filter(|bytes| !bytes.is_empty()).map(<[u8]>::to_vec),
        }
    }

    /// The server's own certificate.
    pub fn leaf(&self) -> Option<&Arc<Certificate>> {
        self.chain.first()?.as_ref().ok()
    }

    /// When the first of the served certificates runs out.
    pub fn earliest_end(&self) -> Option<i64> {
        self.certificates().map(|(_, certificate)| certificate.not_after).min()
    }

    /// The certificates that can be read, with their positions.
    pub fn certificates(&self) -> impl Iterator<Item = (usize, &Arc<Certificate>)> {
        self.chain.iter().enumerate().filter_map(|(at, read)| read.as_ref().ok().map(|read| (at, read)))
    }
}

/// What a chain is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// Whom we trust.
    pub roots: &'a Roots,
    /// The host name or address that the certificate has to be for; none for a file.
    pub name: Option<&'a str>,
    /// Seconds since 1970.
    pub now: i64,
    /// Lists of revoked certificates that were fetched.
    pub revocation: &'a Revocation,
    /// Intermediates that other servers sent: they prove that one is missing here, and make nothing valid.
    pub known: Option<&'a Known>,
}

/// The judgement of a chain.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Every path that Go's `x509.Verify` would give, in its order. A path with a short RSA key is here too.
    pub paths: Vec<Path>,
    /// Everything that is wrong, the most basic first; empty when all is well.
    pub faults: Vec<Reason>,
    /// The stapled OCSP response: what it says, and whether it is genuine.
    pub staple: Option<Result<ocsp::Response, ocsp::OcspError>>,
    name_fits: bool,
}

impl Verdict {
    /// Whether a careful client would go on.
    pub fn success(&self) -> bool {
        self.faults.is_empty()
    }

    /// What is wrong, if anything is.
    pub fn reason(&self) -> Option<Reason> {
        self.faults.first().copied()
    }

    /// Whether a program in Go, as ssl_exporter is, would go on: it takes short RSA keys and asks nobody about
    /// revocation.
    pub fn success_in_go(&self) -> bool {
        self.name_fits && !self.paths.is_empty()
    }

    /// The paths as `ssl_exporter` numbers them: the one that is valid longest is number 0.
    pub fn paths_by_life(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = self.paths.iter().collect();
        paths.sort_by_key(|path| std::cmp::Reverse(ends(path)));
        paths
    }

    /// When the last of the paths stops being valid: until then a client that knows its roots goes on.
    pub fn valid_until(&self) -> Option<i64> {
        self.paths.iter().map(ends).max()
    }
}

/// When the first certificate of a path runs out.
fn ends(path: &Path) -> i64 {
    path.iter().map(|certificate| certificate.not_after).min().unwrap_or(i64::MIN)
}

/// Judges what a server sent.
pub fn judge(served: &Served, against: &Against<'_>) -> Verdict {
    let Some(leaf) = served.leaf() else {
        return Verdict { faults: vec![Reason::Other], ..Verdict::default() };
    };
    let others: Vec<&Arc<Certificate>> =
        served.certificates().filter(|(at, _)| *at > 0).map(|(_, read)| read).collect();
    let mut search = paths::Search::new(leaf, &others, against);
    let mut found = search.sound();
    // webpki takes no short keys, so it has no opinion on paths that have one
    found.retain(|path| path.fault.is_some() || second::agrees(&path.certificates, against.now));

    let mut faults = Vec::new();
    if against.now > leaf.not_after {
        faults.push(Reason::Expired);
    } else if against.now < leaf.not_before {
        faults.push(Reason::NotYetValid);
    }
    let name_fits = against.name.is_none_or(|name| leaf.is_for(name));
    if !name_fits {
        faults.push(Reason::HostnameMismatch);
    }
    let of_path = match found.iter().map(|path| path.fault).min() {
        Some(fault) => fault,
        None => reason::of_no_path(&mut search, &others, against),
    };
    faults.extend(of_path.filter(|fault| !faults.contains(fault)));
    if found.is_empty() && faults.is_empty() {
        // nothing is wrong with any certificate of a path but its place in it: names that are not permitted
        faults.push(Reason::Other);
    }
    let paths: Vec<Path> = found.into_iter().map(|path| path.certificates).collect();
    let issuer = issuer(leaf, &paths, &others, against.roots);
    let staple = served.staple.as_deref().map(|staple| ocsp::read(staple, leaf, issuer));
    if revocation::is_revoked(&paths, issuer, leaf, staple.as_ref(), against) {
        faults.push(Reason::Revoked);
    }
    Verdict { paths, faults, staple, name_fits }
}

/// Who signed the leaf, whether we trust them or not.
fn issuer<'a>(
    leaf: &Certificate,
    paths: &'a [Path],
    others: &[&'a Arc<Certificate>],
    roots: &'a Roots,
) -> Option<&'a Arc<Certificate>> {
    if let Some(issuer) = paths.iter().find_map(|path| path.get(1)) {
        return Some(issuer);
    }
    let candidates = others.iter().copied().chain(roots.named(leaf.issuer_raw()));
    candidates
        .filter(|other| other.subject_raw() == leaf.issuer_raw())
        .take(paths::MAX_DEPTH)
        .find(|other| leaf.signed_by(other) == crate::cert::Checked::Good)
}
