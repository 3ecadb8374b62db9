//! What files said when they were read last: one that is still the same is not read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sums::{Part, Wanted};

/// Charges of one provider that are kept, with 100 bytes each; what is more is read again.
const MAX_KEPT: usize = 50_000;

/// What was read in the refresh before; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<Read>>);

/// Files by name, as they were.
#[derive(Debug, Default)]
pub(super) struct Read {
    wanted: Option<Wanted>,
    parts: HashMap<String, (String, Arc<Part>)>,
    charges: usize,
}

impl Kept {
    /// What a file said, if it is the same one and the same is wanted of it.
    pub(super) fn get(&self, wanted: &Wanted, name: &str, version: &str) -> Option<Arc<Part>> {
        let read = self.lock();
        let (known, part) = read.parts.get(name).filter(|_| read.wanted.as_ref() == Some(wanted))?;
        (known == version).then(|| Arc::clone(part))
    }

    /// Keeps what was read in place of what was read before.
    pub(super) fn replace(&self, read: Read) {
        *self.lock() = read;
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    /// Nothing was read yet of what is wanted.
    pub(super) fn of(wanted: &Wanted) -> Self {
        Self { wanted: Some(wanted.clone()), ..Self::default() }
    }

    /// Notes what a file said, as long as there is room.
    pub(super) fn add(&mut self, name: String, version: String, part: Arc<Part>) {
        let charges = self.charges.saturating_add(part.charges.len());
        if charges <= MAX_KEPT {
            self.charges = charges;
            self.parts.insert(name, (version, part));
        }
    }
}
