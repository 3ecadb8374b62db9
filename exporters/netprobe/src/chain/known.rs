//! Intermediates that were seen elsewhere.
//!
//! Whether a leaf that comes alone lacks its intermediate or was signed by somebody unknown cannot be told from the
//! leaf. When another server sent the certificate that signed it, it can.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::cert::Certificate;

/// Intermediates that are kept: the public web has about two thousand in use, ten thousand servers some two hundred.
pub const MAX_KNOWN: usize = 512;

/// Intermediates of valid paths, found by their subject; the oldest makes room.
#[derive(Debug, Default)]
pub struct Known {
    by_subject: HashMap<Box<[u8]>, Arc<Certificate>>,
    order: VecDeque<Box<[u8]>>,
}

impl Known {
    /// Keeps the intermediates of a valid path.
    pub fn learn(&mut self, path: &[Arc<Certificate>]) {
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

    pub(super) fn named(&self, subject: &[u8]) -> Option<&Arc<Certificate>> {
        self.by_subject.get(subject)
    }
}
