//! How much of a server's time is taken: pure bookkeeping.
//!
//! Time that was not taken is saved, up to [`BURST`], so that a small keyspace is looked through at once when a scrape
//! asks for it. What is taken beyond is slept off, and more, so that work comes in bursts of many short writes: a
//! server whose memory has left the processor's caches between two of them needs half as much time again. Over any
//! longer time the share holds.

use std::time::Duration;

use tokio::time::Instant;

/// Server time that can be saved: some 80,000 keys.
pub const BURST: Duration = Duration::from_millis(50);

/// How long one write may keep the server from others.
const ONE_WRITE: Duration = Duration::from_millis(1);

/// Fewest keys to be looked at by one write: fewer would cost more in round trips than they spare.
const FEWEST: usize = 100;

/// The server time that may be taken.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Seconds saved; less than none is to be slept off.
    saved: f64,
    since: Instant,
}

impl Pace {
    /// Begins with all that can be saved.
    pub fn new(now: Instant) -> Self {
        Self { saved: BURST.as_secs_f64(), since: now }
    }

    /// Notes that server time was taken; gives how long to sleep.
    pub fn take(&mut self, taken: Duration, share: f64, now: Instant) -> Duration {
        self.save(share, now);
        self.saved -= taken.as_secs_f64();
        if self.saved >= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64((BURST.as_secs_f64() - self.saved) / share).unwrap_or_default()
    }

    /// Whether so much can be taken without a sleep.
    pub fn affords(&mut self, cost: Duration, share: f64, now: Instant) -> bool {
        self.save(share, now);
        self.saved >= cost.min(BURST).as_secs_f64()
    }

    fn save(&mut self, share: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.saved = (self.saved + passed * share).min(BURST.as_secs_f64());
        self.since = now;
    }
}

/// How many keys one write looks at: as many as the server does in a millisecond.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    size: usize,
    most: usize,
}

impl Batch {
    /// At most so many.
    pub fn new(most: usize) -> Self {
        Self { size: FEWEST.min(most), most }
    }

    /// How many now.
    pub fn size(self) -> usize {
        self.size
    }

    /// Learns how long the last write took.
    pub fn took(&mut self, taken: Duration) {
        let size = if taken > ONE_WRITE {
            self.size / 2
        } else if taken < ONE_WRITE / 2 {
            self.size * 2
        } else {
            self.size
        };
        self.size = size.max(FEWEST).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_share_is_kept() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.take(40 * MILLISECOND, 0.05, start), Duration::ZERO);
        assert!(pace.affords(10 * MILLISECOND, 0.05, start) && !pace.affords(11 * MILLISECOND, 0.05, start));
        let sleep = pace.take(12 * MILLISECOND, 0.05, start);
        assert!(sleep.abs_diff(1_040 * MILLISECOND) < MILLISECOND, "{sleep:?}");
        // an hour saves no more than a burst
        let later = start + Duration::from_hours(1);
        assert!(pace.affords(Duration::from_secs(9), 0.05, later));
        let sleep = pace.take(60 * MILLISECOND, 0.05, later);
        assert!(sleep.abs_diff(1_200 * MILLISECOND) < MILLISECOND, "{sleep:?}");
    }

    #[test]
    fn batches_follow_the_server() {
        for (most, took, expected) in [
            (1000, vec![100, 100, 100, 100, 100], 1000),
            (1000, vec![100, 400, 600], 400),
            (1000, vec![100, 100, 1500, 5000, 5000], 100),
            (10, vec![100, 5000], 10),
            (1, vec![], 1),
        ] {
            let mut batch = Batch::new(most);
            for took in &took {
                batch.took(Duration::from_micros(*took));
            }
            assert_eq!(batch.size(), expected, "{most} {took:?}");
        }
    }
}
