//! Which keys were seen before: SCAN may give a key twice.
//!
//! It does so when the server's table of keys shrinks meanwhile, and then the copies are near each other: SCAN goes on
//! with the part of the new table that it had half done in the old one. So the last keys are remembered, at least
//! [`WINDOW`] of them. Databases that are smaller are counted exactly; in a larger one, a key could count twice whose
//! copies are further apart.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Keys remembered, twice that at most; they take 18 bytes each.
const WINDOW: usize = 50_000;

/// The keys that were seen last, by their hashes.
#[derive(Debug, Default)]
pub struct Recent {
    hashing: RandomState,
    newer: HashSet<u64>,
    older: HashSet<u64>,
}

impl Recent {
    /// Whether this key was not seen of late.
    pub fn is_new(&mut self, key: &[u8]) -> bool {
        let hash = self.hashing.hash_one(key);
        if self.newer.contains(&hash) || self.older.contains(&hash) {
            return false;
        }
        if self.newer.len() >= WINDOW {
            std::mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
        }
        self.newer.insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_once_within_the_window() {
        let mut recent = Recent::default();
        let mut count = |range: std::ops::Range<usize>| {
            range.filter(|number| recent.is_new(&number.to_le_bytes())).count()
        };
        assert_eq!(count(0..WINDOW), WINDOW);
        assert_eq!(count(0..WINDOW), 0);
        assert_eq!(count(WINDOW..3 * WINDOW), 2 * WINDOW);
        assert_eq!(count(2 * WINDOW..3 * WINDOW), 0);
        assert_eq!(count(0..1), 1);
    }
}
