//! What a schedule wants to know of a target.

use std::hash::{Hash, Hasher};
use std::time::Duration;

/// Intervals for which a result is good, where the target does not say it itself: one may be late, one may fail to come.
const USUAL_INTERVALS: u32 = 3;

/// Something that is checked again and again.
pub trait Target: Send + Sync + 'static {
    /// What tells it from the others, over reloads and restarts.
    type Key: Eq + Hash + Send;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// How often it is checked.
    fn interval(&self) -> Duration;

    /// How long after a check its result is too old to be shown.
    fn stale_after(&self) -> Duration {
        self.interval() * USUAL_INTERVALS
    }
}

/// A number of a target's own that stays the same from start to start: FNV-1a over its key. It decides the target's place
/// in its interval.
pub fn number(key: &impl Hash) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    key.hash(&mut hasher);
    hasher.finish()
}

/// The standard library promises no hash that stays the same.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
