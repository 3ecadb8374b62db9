//! When a provider is asked next.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;

use crate::http::{FetchError, Reason};

/// The first pause after a failure; it doubles with each one, up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The longest that a provider can ask us to wait.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// The longest shift that keeps providers of the same interval apart.
const LONGEST_SHIFT: Duration = Duration::from_mins(1);

/// How a provider is paced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace<'a> {
    pub(crate) name: &'a str,
    pub(crate) interval: Duration,
    /// Whether asking costs money.
    pub(crate) is_paid: bool,
}

impl Pace<'_> {
    /// After a success: an interval later, and a little more that depends on the name.
    pub(crate) fn after_success(&self, now: Timestamp) -> Timestamp {
        later(now, self.interval + self.shift())
    }

    /// After so many failures in a row: sooner than an interval when it may pass and costs nothing.
    pub(crate) fn after_failure(&self, now: Timestamp, failures: u32, error: &FetchError) -> Timestamp {
        let needs_somebody = matches!(
            error.reason,
            Reason::Unauthorized | Reason::Forbidden | Reason::Capped | Reason::Refused
        );
        let pause = if self.is_paid || needs_somebody {
            self.interval
        } else {
            FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.interval)
        };
        let asked = error.retry_after.unwrap_or_default().min(LONGEST_PAUSE);
        later(now, pause.max(asked))
    }

    /// After a start: what was planned, but never later than an interval from now, should the file say less than
    /// before or the clock stand elsewhere.
    pub(crate) fn after_start(&self, now: Timestamp, planned: Option<Timestamp>) -> Timestamp {
        planned.map_or(now, |planned| planned.min(later(now, self.interval + self.shift())).max(now))
    }

    /// Whether a failure surely cost nothing, so that a restart may ask again at once.
    pub(crate) fn is_free(error: &FetchError) -> bool {
        matches!(
            error.reason,
            Reason::Unauthorized
                | Reason::Forbidden
                | Reason::Secret
                | Reason::Connect
                | Reason::Tls
                | Reason::File
        )
    }

    /// At most a twentieth of the interval.
    fn shift(&self) -> Duration {
        let mut hasher = DefaultHasher::new();
        self.name.hash(&mut hasher);
        let most = (self.interval / 20).min(LONGEST_SHIFT);
        let part = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
        most * part / 1000
    }
}

fn later(moment: Timestamp, span: Duration) -> Timestamp {
    moment.saturating_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn pace(interval: u64, is_paid: bool) -> Pace<'static> {
        Pace { name: "x", interval: Duration::from_secs(interval), is_paid }
    }

    fn seconds(moment: Timestamp) -> i64 {
        moment.as_second()
    }

    #[test]
    fn failures_are_repeated_later_and_later() {
        let check = |pace: Pace<'_>, failures, reason, retry_after: Option<u64>, expected| {
            let retry_after = retry_after.map(Duration::from_secs);
            let error = FetchError { retry_after, ..FetchError::new(reason, "") };
            assert_eq!(seconds(pace.after_failure(NOW, failures, &error)), expected, "{failures} {reason:?}");
        };
        check(pace(3600, false), 1, Reason::ServerError, None, 30);
        check(pace(3600, false), 4, Reason::Timeout, None, 240);
        check(pace(3600, false), 40, Reason::Timeout, None, 3600);
        check(pace(1, false), 1, Reason::Timeout, None, 1);
        check(pace(3600, false), 1, Reason::Unauthorized, None, 3600);
        check(pace(3600, false), 1, Reason::RateLimited, Some(600), 600);
        check(pace(60, false), 1, Reason::RateLimited, Some(600), 600);
        check(pace(60, false), 1, Reason::RateLimited, Some(u64::MAX), 86_400);
        check(pace(3600, true), 1, Reason::ServerError, None, 3600);
    }

    #[test]
    fn a_success_is_repeated_after_an_interval_and_a_restart_changes_nothing() {
        let pace = pace(6000, false);
        let next = seconds(pace.after_success(NOW));
        assert!((6000..6060).contains(&next), "{next}");
        let planned = |second| Some(Timestamp::from_second(second).unwrap());
        assert_eq!(pace.after_start(NOW, None), NOW);
        assert_eq!(seconds(pace.after_start(NOW, planned(50))), 50);
        assert_eq!(pace.after_start(NOW, planned(-50)), NOW);
        assert_eq!(seconds(pace.after_start(NOW, planned(1_000_000))), next);
    }
}
