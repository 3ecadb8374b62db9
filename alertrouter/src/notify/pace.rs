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
    buckets: Arc<Mutex<Buckets>>,
    /// Keys are hashed with a seed of this process: some are made from secrets.
    seed: RandomState,
}

#[derive(Debug, Default)]
struct Buckets {
    of: HashMap<u64, Bucket>,
    /// Names of a bucket that turned out to be another's: a channel by name and by ID is one channel.
    same: HashMap<u64, u64>,
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

/// Buckets (and names of buckets) that are kept at most: a full one says nothing, so any that have been full for long
/// are dropped.
const MAX_BUCKETS: usize = 10_000;

/// A pause is longer than asked by up to this share, so that several routers do not come back at the same moment.
const JITTER: f64 = 0.1;

/// Longest jitter.
const MAX_JITTER: Duration = Duration::from_secs(5);

impl Paces {
    /// Waits for a token of the bucket with this key.
    pub async fn wait(&self, key: impl Hash, rate: Rate) {
        let key = self.seed.hash_one(key);
        while let Err(until) = self.take(key, rate, Instant::now()) {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Lets nobody through for a while, and then one by one.
    pub fn pause(&self, key: impl Hash, rate: Rate, pause: Duration) {
        let now = Instant::now();
        let key = self.seed.hash_one(key);
        let until = now + pause + self.jitter(key, now, pause);
        if let Ok(mut buckets) = self.buckets.lock() {
            let bucket = buckets.bucket(key, rate, now);
            bucket.paused_until = bucket.paused_until.max(Some(until));
        }
    }

    /// Whether the bucket is paused now.
    pub fn is_paused(&self, key: impl Hash) -> bool {
        let key = self.seed.hash_one(key);
        let Ok(buckets) = self.buckets.lock() else { return false };
        let key = buckets.same.get(&key).unwrap_or(&key);
        buckets.of.get(key).and_then(|bucket| bucket.paused_until).is_some_and(|until| Instant::now() < until)
    }

    /// From now on both keys mean the second one's bucket.
    pub fn join(&self, name: impl Hash, key: impl Hash) {
        let (name, key) = (self.seed.hash_one(name), self.seed.hash_one(key));
        let Ok(mut buckets) = self.buckets.lock() else { return };
        if name == key || buckets.same.len() >= MAX_BUCKETS || buckets.same.insert(name, key) == Some(key) {
            return;
        }
        // what was used under the name was used of the channel
        if let Some(named) = buckets.of.remove(&name) {
            let known = buckets.of.entry(key).or_insert(Bucket { filled: named.filled, ..named });
            known.tokens = known.tokens.min(named.tokens);
            known.paused_until = known.paused_until.max(named.paused_until);
        }
    }

    fn take(&self, key: u64, rate: Rate, now: Instant) -> Result<(), Instant> {
        let Ok(mut buckets) = self.buckets.lock() else { return Ok(()) };
        buckets.bucket(key, rate, now).take(rate, now)
    }

    fn jitter(&self, key: u64, now: Instant, pause: Duration) -> Duration {
        // the seed is random, so this is, too
        let share = f64::from(u16::try_from(self.seed.hash_one((key, now)) & 0xffff).unwrap_or(0)) / 65_536.0;
        pause.mul_f64(JITTER * share).min(MAX_JITTER)
    }
}

impl Buckets {
    fn bucket(&mut self, key: u64, rate: Rate, now: Instant) -> &mut Bucket {
        let key = *self.same.get(&key).unwrap_or(&key);
        if self.of.len() >= MAX_BUCKETS {
            self.of.retain(|_, bucket| bucket.says_something(rate, now));
        }
        self.of.entry(key).or_insert_with(|| Bucket::full(rate, now))
    }
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, filled: now, paused_until: None }
    }

    fn says_something(&self, rate: Rate, now: Instant) -> bool {
        self.tokens_at(rate, now) < rate.burst || self.paused_until.is_some_and(|until| now < until)
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
            // whoever said "later" has an empty bucket: a burst would be refused again
            (self.paused_until, self.tokens, self.filled) = (None, 1.0, now);
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
        assert!(paces.is_paused("a") && !paces.is_paused("b"));
        let mut at = Vec::new();
        for _ in 0..3 {
            paces.wait("a", RATE).await;
            at.push(start.elapsed().as_secs());
        }
        // with up to 3 s of jitter, and then at the rate: no burst
        assert!((30..=33).contains(&at[0]) && at[1] - at[0] == 2 && at[2] - at[1] == 2, "{at:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn two_names_share_one_bucket() {
        let paces = Paces::default();
        let start = Instant::now();
        for name in ["#a", "#a", "C1"] {
            paces.wait(name, RATE).await;
        }
        paces.join("#a", "C1");
        paces.join("#a", "C1");
        for (name, at) in [("#a", 0), ("C1", 2), ("#a", 4)] {
            paces.wait(name, RATE).await;
            assert_eq!(start.elapsed().as_secs(), at, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn any_minute_keeps_the_limit() {
        let paces = Paces::default();
        let start = Instant::now();
        let mut at = Vec::new();
        while start.elapsed() < Duration::from_mins(5) {
            paces.wait("a", Rate { burst: 5.0, per_second: 0.75 }).await;
            at.push(start.elapsed());
            // silences in between fill the bucket up
            if at.len() % 40 == 0 {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        }
        let within = |from: Duration| from..from + Duration::from_mins(1);
        let most = at.iter().map(|from| at.iter().filter(|other| within(*from).contains(*other)).count());
        assert!(most.max() <= Some(50));
    }
}
