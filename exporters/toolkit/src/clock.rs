//! The wall clock as a value, so that tests can set it. Time spans are measured with `tokio::time::Instant`.

use std::sync::Arc;

use jiff::Timestamp;

/// The variable that sets the wall clock at the start of a program that reads it: RFC 3339.
pub const NOW_VARIABLE: &str = "WATCHFIRE_NOW";

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

    /// A clock that stands at `start` now, and goes on from there.
    pub fn starting_at(start: Timestamp) -> Self {
        let ahead = start.duration_since(Timestamp::now());
        Self::from_fn(move || Timestamp::now().saturating_add(ahead).unwrap_or(Timestamp::MAX))
    }

    /// The machine's clock, or one that starts at what a variable of the environment says: for programs whose work
    /// follows the calendar, so that tests of the running program can choose the day.
    ///
    /// # Errors
    /// The variable holds no time.
    pub fn from_environment(variable: Option<&str>) -> Result<Self, String> {
        let Some(text) = variable.filter(|text| !text.is_empty()) else { return Ok(Self::system()) };
        let start = text.parse().map_err(|_invalid| {
            format!("{NOW_VARIABLE} is no time (hint: RFC 3339, 2026-01-31T12:00:00Z)")
        })?;
        Ok(Self::starting_at(start))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_goes_on_ticking() {
        let clock = Clock::from_environment(Some("2026-01-31T23:59:59Z")).unwrap();
        let (first, second) = (clock.now(), clock.now());
        assert!(first <= second && first.to_string().starts_with("2026-01-31T23:59:59"), "{first} {second}");
        assert!(Clock::from_environment(Some("yesterday")).unwrap_err().starts_with("WATCHFIRE_NOW"));
        assert!(Clock::from_environment(None).is_ok() && Clock::from_environment(Some("")).is_ok());
    }
}
