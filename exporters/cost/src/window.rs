//! The days that a provider is asked about.

use std::sync::Arc;

use jiff::Timestamp;

use crate::calendar::{Calendar, Day, Period, day_after};
use crate::charge::Observed;

/// The days that a provider is asked about: from the first of an earlier period to the end of today.
#[derive(Clone, Debug)]
pub struct Window {
    /// The time.
    pub now: Timestamp,
    /// The calendar of the days.
    pub calendar: Calendar,
    /// How many periods before the running one are wanted; 1 but for a backfill.
    pub before: u16,
    /// The first day.
    pub first: Day,
    /// The day after today, in the provider's calendar.
    pub until: Day,
    /// What was seen to run on these days so far; of estimates only.
    pub observed: Arc<[Observed]>,
}

impl Window {
    /// The window at some moment, with so many periods before the running one.
    pub fn new(now: Timestamp, calendar: Calendar, before: u16) -> Self {
        let today = calendar.day_of(now);
        let running = calendar.period_of(today);
        let first = (0..before).fold(running, |period, _| calendar.previous(period)).start;
        Self { now, calendar, before, first, until: day_after(today), observed: Arc::default() }
    }

    /// The same for another calendar: for a provider that tells the day on which its periods begin.
    #[must_use]
    pub fn in_calendar(&self, calendar: Calendar) -> Self {
        Self { observed: Arc::clone(&self.observed), ..Self::new(self.now, calendar, self.before) }
    }

    /// Today, in the provider's calendar.
    pub fn today(&self) -> Day {
        self.calendar.day_of(self.now)
    }

    /// The billing period that runs now.
    pub fn period(&self) -> Period {
        self.calendar.period_of(self.today())
    }

    /// The days, tomorrow not included.
    pub fn days(&self) -> Period {
        Period { start: self.first, end: self.until }
    }

    /// The moment at which the first day begins.
    pub fn start(&self) -> Timestamp {
        self.calendar.start_of(self.first)
    }

    /// The moment at which today ends.
    pub fn end(&self) -> Timestamp {
        self.calendar.start_of(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_previous_period_to_the_end_of_today() {
        for (now, calendar, before, first, until) in [
            ("2026-01-01T00:00:00Z", Calendar::Utc, 1, "2025-12-01", "2026-01-02"),
            ("2026-01-01T07:59:59Z", Calendar::Pacific, 1, "2025-11-01", "2026-01-01"),
            ("2026-01-31T12:00:00Z", Calendar::Utc, 0, "2026-01-01", "2026-02-01"),
            ("2026-03-10T12:00:00Z", Calendar::Anchor(31), 1, "2026-01-31", "2026-03-11"),
            ("2026-03-10T12:00:00Z", Calendar::Utc, 13, "2025-02-01", "2026-03-11"),
        ] {
            let window = Window::new(now.parse().unwrap(), calendar, before);
            let found = (window.first.to_string(), window.until.to_string());
            assert_eq!(found, (first.to_owned(), until.to_owned()), "{now} {calendar:?}");
            assert!(window.start() <= window.now && window.now < window.end());
        }
        let window = Window::new("2026-01-01T07:59:59Z".parse().unwrap(), Calendar::Utc, 1);
        assert_eq!(window.in_calendar(Calendar::Pacific).first.to_string(), "2025-11-01");
    }
}
