//! The certificates that are trusted because somebody said so.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cert::Certificate;

/// Trusted certificates, found by their subject. Made once, and shared by all checks.
#[derive(Debug, Default)]
pub struct Roots {
    by_subject: HashMap<Box<[u8]>, Vec<Arc<Certificate>>>,
    count: usize,
}

impl Roots {
    /// Trusts these certificates. Duplicates count once.
    pub fn new(certificates: impl IntoIterator<Item = Arc<Certificate>>) -> Self {
        let mut roots = Self::default();
        for certificate in certificates {
            let same = roots.by_subject.entry(certificate.subject_raw().into()).or_default();
            if !same.contains(&certificate) {
                same.push(certificate);
                roots.count += 1;
            }
        }
        roots
    }

    /// Trusts all of these that can be read, and says how many cannot.
    pub fn of_der(certificates: impl IntoIterator<Item = impl AsRef<[u8]>>) -> (Self, usize) {
        let mut bad = 0;
        let mut good = Vec::new();
        for der in certificates {
            match Certificate::parse(der.as_ref()) {
                Ok(certificate) => good.push(Arc::new(certificate)),
                Err(_) => bad += 1,
            }
        }
        (Self::new(good), bad)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Certificate>> {
        self.by_subject.values().flatten()
    }

    /// Whether this very certificate is trusted.
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.named(certificate.subject_raw()).any(|root| **root == *certificate)
    }

    /// Those with this subject, in the order in which they came.
    pub(super) fn named(&self, subject: &[u8]) -> impl Iterator<Item = &Arc<Certificate>> {
        self.by_subject.get(subject).into_iter().flatten()
    }
}
