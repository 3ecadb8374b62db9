//! Token buckets: how fast a target may be used before it says 429.
//!
//! One bucket per limit of the target, shared by everything that uses the same credentials, and kept over reloads.
//!
//! Invariants: over any minute a bucket lets through at most its burst and its rate times sixty; a pause that the
//! target asked for holds for everybody who shares the bucket.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

/// All buckets.
#[derive(Debug, Clone, Default)]
pub struct Paces {
    buckets: Arc<Mutex<HashMap<u64, Bucket>>>,
    /// Keys are hashed with a seed of this process: some are made from secrets.
    seed: RandomState,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Uses that may follow each other at once.
    pub burst: f64,
    /// Uses a second in the long run.
    pub per_second: f64,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
    paused_until: Option<Instant>,
}

/// Buckets that are kept at most: a full one says nothing, so any that have been full for long are dropped.
const MAX_BUCKETS: usize = 10_000;

impl Paces {
    /// Waits for a token of the bucket with this key.
    pub async fn wait(&self, key: impl Hash, rate: Rate) {
        let key = self.seed.hash_one(key);
        while let Err(until) = self.take(key, rate, Instant::now()) {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Lets nobody through for a while.
    pub fn pause(&self, key: impl Hash, rate: Rate, pause: Duration) {
        let now = Instant::now();
        let key = self.seed.hash_one(key);
        if let Ok(mut buckets) = self.buckets.lock() {
            let bucket = buckets.entry(key).or_insert_with(|| Bucket::full(rate, now));
            bucket.paused_until = bucket.paused_until.max(Some(now + pause));
        }
    }

    fn take(&self, key: u64, rate: Rate, now: Instant) -> Result<(), Instant> {
        let Ok(mut buckets) = self.buckets.lock() else { return Ok(()) };
        if buckets.len() >= MAX_BUCKETS {
            buckets.retain(|_, bucket| bucket.tokens_at(rate, now) < rate.burst);
        }
        buckets.entry(key).or_insert_with(|| Bucket::full(rate, now)).take(rate, now)
    }
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, filled: now, paused_until: None }
    }

    fn tokens_at(&self, rate: Rate, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        (self.tokens + passed * rate.per_second).min(rate.burst)
    }

    fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Instant> {
        if let Some(until) = self.paused_until {
            if now < until {
                return Err(until);
            }
            self.paused_until = None;
        }
        self.tokens = self.tokens_at(rate, now);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // a hair later than exactly, so that rounding never wakes anybody a moment too early for ever
        let missing = (1.0 - self.tokens) / rate.per_second + 0.001;
        Err(now + Duration::from_secs_f64(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3.0, per_second: 0.5 };

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_the_rate() {
        let paces = Paces::default();
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..5 {
            paces.wait("a", RATE).await;
            at.push(start.elapsed().as_secs());
        }
        assert_eq!(at, [0, 0, 0, 2, 4]);
        paces.wait("b", RATE).await;
        assert_eq!(start.elapsed().as_secs(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_for_all() {
        let paces = Paces::default();
        let start = Instant::now();
        paces.pause("a", RATE, Duration::from_secs(30));
        tokio::join!(paces.wait("a", RATE), paces.wait("a", RATE));
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
