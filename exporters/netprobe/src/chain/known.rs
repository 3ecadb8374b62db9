//! Intermediates that were seen elsewhere.
//!
//! Whether a leaf that comes alone lacks its intermediate or was signed by somebody unknown cannot be told from the
//! leaf. When another server sent the certificate that signed it, it can.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::cert::Certificate;

/// Intermediates that are kept: the public web has about two thousand in use, ten thousand servers some two hundred.
pub const MAX_KNOWN: usize = 512;

/// Intermediates of valid paths, found by their subject; the oldest makes room.
#[derive(Debug, Default)]
pub struct Known {
    by_subject: HashMap<Box<[u8]>, Arc<Certificate>>,
    order: VecDeque<Box<[u8]>>,
    /// Who signed them, each by the fingerprints of both: the same few signatures stand on all paths.
    signed: HashSet<([u8; 32], [u8; 32])>,
}

impl Known {
    /// Keeps the intermediates of a valid path.
    pub fn learn(&mut self, path: &[Arc<Certificate>]) {
        for pair in path.windows(2).skip(1) {
            if let [below, above] = pair {
                // whoever has as many as this has them from hostile servers
                if self.signed.len() == MAX_KNOWN {
                    self.signed.clear();
                }
                self.signed.insert((below.fingerprint, above.fingerprint));
            }
        }
        let middle = path.get(1..path.len().saturating_sub(1)).unwrap_or_default();
        for certificate in middle {
            let subject = certificate.subject_raw();
            if self.by_subject.contains_key(subject) {
                continue;
            }
            if self.order.len() == MAX_KNOWN
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_subject.remove(&oldest);
            }
            self.order.push_back(subject.into());
            self.by_subject.insert(subject.into(), Arc::clone(certificate));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether the signature of `below` by `above` was found to hold.
    pub(super) fn is_signed(&self, below: &Certificate, above: &Certificate) -> bool {
        self.signed.contains(&(below.fingerprint, above.fingerprint))
    }

    pub(super) fn named(&self, subject: &[u8]) -> Option<&Arc<Certificate>> {
        self.by_subject.get(subject)
    }
}

#[cfg(test)]
mod tests {
    use kit::pki::{Recipe, Signer, first_der};

    use super::*;

    #[test]
    fn signatures_of_authorities_are_kept_and_those_of_servers_are_not() {
        let read = |pem: &str| Arc::new(Certificate::parse(&first_der(pem).unwrap()).unwrap());
        let root = Signer::root(Recipe::new("root", &[])).unwrap();
        let mut known = Known::default();
        for number in 0..=MAX_KNOWN {
            let name = format!("middle {number}");
            let middle = root.below(Recipe::new(&name, &[])).unwrap();
            let leaf = middle.leaf(&Recipe::new("leaf", &["a.example"])).unwrap();
            let path = [read(&leaf.certificate_pem), read(&middle.pem), read(&root.pem)];
            known.learn(&path);
            let [leaf, middle, root] = &path;
            assert!(known.is_signed(middle, root) && !known.is_signed(leaf, middle));
            assert!(!known.is_signed(root, middle));
            assert!(known.signed.len() <= MAX_KNOWN && known.len() <= MAX_KNOWN);
        }
    }
}
