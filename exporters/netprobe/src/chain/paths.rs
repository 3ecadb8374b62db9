//! Paths from a leaf to trusted roots, as Go's `x509.Verify` finds them: roots are tried before what was served, and of
//! each those first whose key identifier fits.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cert::{Certificate, Checked};

use super::reason::Reason;
use super::{Against, Known, Path, Roots};

/// Signatures that are checked for one chain in one pass, as many as Go checks: a hostile chain costs no more.
pub(super) const MAX_CHECKS: usize = 100;

/// Certificates in a path. Real ones have up to six.
pub(super) const MAX_DEPTH: usize = 10;

/// Paths that are kept. Cross signatures of public authorities make four.
const MAX_PATHS: usize = 32;

/// `keyCertSign` in the key usage.
const CERT_SIGN: u16 = 1 << 5;

/// A path that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) certificates: Path,
    /// The worst that is wrong with it. Of the leaf, neither its dates nor its names count here.
    pub(super) fault: Option<Reason>,
}

/// A certificate may not follow on a path.
struct NoStep;

/// One search for paths. Signatures are checked once, however often it goes over them.
pub(super) struct Search<'a> {
    leaf: &'a Arc<Certificate>,
    /// What was served beside the leaf, each once.
    others: Vec<&'a Arc<Certificate>>,
    roots: &'a Roots,
    now: i64,
    known: Option<&'a Known>,
    signatures: HashMap<([u8; 32], [u8; 32]), Checked>,
    checks: usize,
    found: Vec<Found>,
    /// Whether paths with faults are wanted too.
    lenient: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        leaf: &'a Arc<Certificate>,
        others: &[&'a Arc<Certificate>],
        against: &Against<'a>,
    ) -> Self {
        let mut unique: Vec<&'a Arc<Certificate>> = Vec::new();
        for other in others {
            if !unique.contains(other) {
                unique.push(other);
            }
        }
        Self {
            leaf,
            others: unique,
            roots: against.roots,
            now: against.now,
            known: against.known,
            signatures: HashMap::new(),
            checks: 0,
            found: Vec::new(),
            lenient: false,
        }
    }

    /// The paths that Go would give. The only fault that one may have is a key that is too short.
    pub(super) fn sound(&mut self) -> Vec<Found> {
        self.lenient = false;
        if !self.leaf.is_valid_at(self.now) || !self.leaf.unknown_critical.is_empty() {
            return Vec::new();
        }
        self.run()
    }

    /// All paths to a root, whatever is wrong with them.
    pub(super) fn all(&mut self) -> Vec<Found> {
        self.lenient = true;
        self.run()
    }

    fn run(&mut self) -> Vec<Found> {
        self.checks = 0;
        let fault = fault_of(self.leaf);
        let mut path = vec![Arc::clone(self.leaf)];
        if self.roots.contains(self.leaf) {
            self.found.push(Found { certificates: path, fault });
        } else {
            self.extend(&mut path, fault);
        }
        let lenient = self.lenient;
        std::mem::take(&mut self.found)
            .into_iter()
            .filter_map(|mut found| {
                let usage = fault_of_usage(&found.certificates);
                found.fault = found.fault.max(usage);
                (lenient || usage.is_none()).then_some(found)
            })
            .collect()
    }

    fn extend(&mut self, path: &mut Path, fault: Option<Reason>) {
        let Some(child) = path.last().map(Arc::clone) else { return };
        let roots = ranked(&child, self.roots.named(child.issuer_raw()));
        for root in roots {
            if let Ok(fault) = self.consider(path, &child, &root, true, fault) {
                path.push(root);
                if self.found.len() < MAX_PATHS {
                    self.found.push(Found { certificates: path.clone(), fault });
                }
                path.pop();
            }
        }
        let others = self.others.iter().filter(|other| other.subject_raw() == child.issuer_raw()).copied();
        let others = ranked(&child, others);
        for other in others {
            if path.len() + 1 < MAX_DEPTH
                && let Ok(fault) = self.consider(path, &child, &other, false, fault)
            {
                path.push(other);
                self.extend(path, fault);
                path.pop();
            }
        }
    }

    /// The worst fault on the path up to `parent`, if that may follow on it.
    fn consider(
        &mut self,
        path: &[Arc<Certificate>],
        child: &Certificate,
        parent: &Certificate,
        is_root: bool,
        fault: Option<Reason>,
    ) -> Result<Option<Reason>, NoStep> {
        if path.iter().any(|earlier| is_same_authority(earlier, parent)) {
            return Err(NoStep);
        }
        let signature = match self.signature(child, parent).ok_or(NoStep)? {
            Checked::Good if child.signature_algorithm.is_weak() => Some(Reason::WeakSignature),
            Checked::Good => None,
            Checked::Bad => return Err(NoStep),
            // too old or too short to be checked: it counts as weak, so the path is never a good one
            Checked::Unsupported if child.signature_algorithm.is_weak() || parent.key.is_weak() => {
                Some(Reason::WeakSignature)
            }
            Checked::Unsupported => Some(Reason::Other),
        };
        let limits = (!may_sign(parent, is_root) || is_too_long(parent, path.len())).then_some(Reason::Other);
        let dates = if self.now > parent.not_after {
            Some(Reason::ExpiredIntermediate)
        } else if self.now < parent.not_before {
            Some(Reason::NotYetValid)
        } else {
            None
        };
        let critical = (!parent.unknown_critical.is_empty()).then_some(Reason::Other);
        let worst = signature.max(limits).max(dates).max(critical);
        if worst.is_some() && !self.lenient {
            return Err(NoStep);
        }
        Ok(fault.max(worst).max(fault_of(parent)))
    }

    fn signature(&mut self, child: &Certificate, parent: &Certificate) -> Option<Checked> {
        if self.checks == MAX_CHECKS {
            return None;
        }
        self.checks += 1;
        let checked = self.signatures.entry((child.fingerprint, parent.fingerprint)).or_insert_with(|| {
            match self.known {
                Some(known) if known.is_signed(child, parent) => Checked::Good,
                _ => child.signed_by(parent),
            }
        });
        Some(*checked)
    }

    /// Whether `parent` signed `child`, within this pass's bound.
    pub(super) fn signed(&mut self, child: &Certificate, parent: &Certificate) -> bool {
        child.issuer_raw() == parent.subject_raw() && self.signature(child, parent) == Some(Checked::Good)
    }

    /// The last certificate that can be reached upwards from the leaf within what was served.
    pub(super) fn top(&mut self) -> Path {
        let mut path = vec![Arc::clone(self.leaf)];
        while path.len() < MAX_DEPTH
            && let Some(child) = path.last().map(Arc::clone)
        {
            let others = self.others.clone();
            let next = others.into_iter().find(|other| {
                !path.iter().any(|earlier| is_same_authority(earlier, other)) && self.signed(&child, other)
            });
            match next {
                Some(next) => path.push(Arc::clone(next)),
                None => break,
            }
        }
        path
    }
}

/// What is wrong with a certificate wherever it stands.
fn fault_of(certificate: &Certificate) -> Option<Reason> {
    let weak = certificate.key.is_weak().then_some(Reason::WeakSignature);
    weak.max((!certificate.unknown_critical.is_empty()).then_some(Reason::Other))
}

/// The candidates in Go's order: key identifiers that match, then those that are absent, then those that differ.
fn ranked<'c>(
    child: &Certificate,
    candidates: impl Iterator<Item = &'c Arc<Certificate>>,
) -> Vec<Arc<Certificate>> {
    let mut candidates: Vec<Arc<Certificate>> = candidates.map(Arc::clone).collect();
    candidates.sort_by_key(|candidate| match (&child.authority_key_id, &candidate.subject_key_id) {
        (Some(wanted), Some(own)) if wanted == own => 0,
        (Some(_), Some(_)) => 2,
        _ => 1,
    });
    candidates
}

/// Whether two certificates are for the same key under the same names: no path goes over one twice.
fn is_same_authority(one: &Certificate, other: &Certificate) -> bool {
    one.subject_raw() == other.subject_raw()
        && one.public_key() == other.public_key()
        && one.dns_names == other.dns_names
        && one.ips == other.ips
        && one.emails == other.emails
        && one.uris == other.uris
}

/// Whether a certificate may sign others. A root of before version 3 says nothing about it.
fn may_sign(parent: &Certificate, is_root: bool) -> bool {
    let constraints = match parent.basic_constraints {
        Some(constraints) => constraints.ca,
        None => is_root && parent.version < 3,
    };
    constraints && parent.key_usage.is_none_or(|usage| usage & CERT_SIGN != 0)
}

/// Whether more authorities stand below `parent` than it allows; `below` is the length of the path up to it.
fn is_too_long(parent: &Certificate, below: usize) -> bool {
    let limit = parent.basic_constraints.and_then(|constraints| constraints.path_len);
    limit.is_some_and(|limit| below.saturating_sub(1) > usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Every certificate of a path that says what it is for must be for servers.
fn fault_of_usage(path: &[Arc<Certificate>]) -> Option<Reason> {
    let fits = |certificate: &Arc<Certificate>| {
        certificate.extended_key_usage.is_none_or(|usage| usage.any || usage.server)
    };
    (!path.iter().all(fits)).then_some(Reason::Other)
}
