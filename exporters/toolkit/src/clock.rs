//! The wall clock as a value, so that tests can set it. Time spans are measured with `tokio::time::Instant`.

use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time of day. Clones tell the same time.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { now: Arc::new(Timestamp::now) }
    }

    /// A clock that tells what `now` says.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now) }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Seconds since 1970, with fraction, as Prometheus writes times.
    pub fn unix_seconds(&self) -> f64 {
        self.now().as_duration().as_secs_f64()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clock")
    }
}
