//! When a day is settled: what it cost does not move any more, as far as the provider's habits tell.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::calendar::{Calendar, Day};

/// How a provider's days settle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) calendar: Calendar,
    /// How long after a day's end its amounts may still move.
    pub(super) lag: Duration,
    /// The provider says itself that days from this one on may move.
    pub(super) estimated_from: Option<Day>,
    pub(super) now: Timestamp,
}

impl Rule {
    /// Whether a day is settled: it ended long enough ago and two successive reads say the same, or it ended twice as
    /// long ago.
    pub(super) fn settles(&self, day: Day, same_as_before: bool) -> bool {
        let age = self.now.duration_since(self.calendar.end_of(day));
        let lag = SignedDuration::try_from(self.lag).unwrap_or(SignedDuration::MAX);
        let said = self.estimated_from.is_none_or(|from| day < from);
        age >= lag.saturating_mul(2) || age >= lag && same_as_before && said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_23_and_25_hours_settle_when_they_have_ended() {
        for (day, ended) in [("2026-03-08", "2026-03-09T07:00:00Z"), ("2026-11-01", "2026-11-02T08:00:00Z")] {
            let ended: Timestamp = ended.parse().unwrap();
            for (seconds, expected) in [(3599, false), (3600, true)] {
                let rule = Rule {
                    calendar: Calendar::Pacific,
                    lag: Duration::from_hours(1),
                    estimated_from: None,
                    now: ended + Duration::from_secs(seconds),
                };
                assert_eq!(rule.settles(day.parse().unwrap(), true), expected, "{day} {seconds}");
            }
        }
    }

    #[test]
    fn days_settle_after_the_lag_when_they_stand_still_or_after_twice_the_lag() {
        let day: Day = "2026-01-10".parse().unwrap();
        for (now, lag, estimated_from, same, expected) in [
            ("2026-01-11T05:59:59Z", 6, None, true, false),
            ("2026-01-11T06:00:00Z", 6, None, true, true),
            ("2026-01-11T06:00:00Z", 6, None, false, false),
            ("2026-01-11T12:00:00Z", 6, None, false, true),
            ("2026-01-11T06:00:00Z", 6, Some("2026-01-10"), true, false),
            ("2026-01-11T06:00:00Z", 6, Some("2026-01-11"), true, true),
            ("2026-01-11T12:00:00Z", 6, Some("2026-01-01"), true, true),
            ("2026-01-10T23:59:59Z", 0, None, true, false),
            ("2026-01-11T00:00:00Z", 0, None, false, true),
        ] {
            let rule = Rule {
                calendar: Calendar::Utc,
                lag: Duration::from_hours(lag),
                estimated_from: estimated_from.map(|day| day.parse().unwrap()),
                now: now.parse().unwrap(),
            };
            assert_eq!(rule.settles(day, same), expected, "{now} {lag} {estimated_from:?} {same}");
        }
    }
}
