//! `rate_limit`: a token bucket over all requests of the program.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One token comes back every `interval`, up to `burst`; a request without a token is refused.
#[derive(Debug)]
pub(super) struct RateLimit {
    interval: Duration,
    burst: u32,
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

impl RateLimit {
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, full_at: Mutex::new(None) }
    }

    /// Takes a token, or says how long until there is one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let (after, wait) = taken(self.interval, self.burst, full_at.map_or(Duration::ZERO, |at| at - now));
        if wait.is_zero() {
            *full_at = Some(now + after);
            return Ok(());
        }
        Err(wait)
    }
}

/// How far from full the bucket is when one token more is gone, and how long the taker must wait before that.
fn taken(interval: Duration, burst: u32, missing: Duration) -> (Duration, Duration) {
    let after = missing + interval;
    (after, after.saturating_sub(interval.saturating_mul(burst)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::RateLimit;

    #[tokio::test(start_paused = true)]
    async fn tokens() {
        let limit = RateLimit::new(Duration::from_secs(10), 2);
        let check = |expected: Result<(), u64>| {
            assert_eq!(limit.take(Instant::now()), expected.map_err(Duration::from_secs));
        };
        check(Ok(()));
        check(Ok(()));
        check(Err(10));
        advance(Duration::from_secs(4)).await;
        check(Err(6));
        advance(Duration::from_secs(6)).await;
        check(Ok(()));
        check(Err(10));
        advance(Duration::from_hours(1)).await;
        check(Ok(()));
        check(Ok(()));
        check(Err(10));
    }
}
