//! Uptime: how long a service was in which state, day by day.
//!
//! Invariants: a second counts once; time in which nobody looked is not counted at all; time that is not known, or planned
//! as maintenance, is neither up nor down.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::rollup::State;

/// What a second counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The state the service was in.
    As(State),
    /// Planned, whatever the state was.
    Maintenance,
}

impl Counted {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::As(State::Healthy),
        Self::As(State::Degraded),
        Self::As(State::Unhealthy),
        Self::As(State::Unknown),
        Self::Maintenance,
    ];

    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::As(state) => state.as_str(),
            Self::Maintenance => "maintenance",
        }
    }
}

/// Seconds by what they count as.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds {
    /// All is well.
    pub healthy: f64,
    /// Up, with limits.
    pub degraded: f64,
    /// Down.
    pub unhealthy: f64,
    /// Nobody can say.
    pub unknown: f64,
    /// Planned.
    pub maintenance: f64,
}

impl Seconds {
    /// Adds some.
    pub fn add(&mut self, counted: Counted, seconds: f64) {
        *match counted {
            Counted::As(State::Healthy) => &mut self.healthy,
            Counted::As(State::Degraded) => &mut self.degraded,
            Counted::As(State::Unhealthy) => &mut self.unhealthy,
            Counted::As(State::Unknown) => &mut self.unknown,
            Counted::Maintenance => &mut self.maintenance,
        } += seconds;
    }

    /// Those of one kind.
    pub fn get(&self, counted: Counted) -> f64 {
        match counted {
            Counted::As(State::Healthy) => self.healthy,
            Counted::As(State::Degraded) => self.degraded,
            Counted::As(State::Unhealthy) => self.unhealthy,
            Counted::As(State::Unknown) => self.unknown,
            Counted::Maintenance => self.maintenance,
        }
    }

    /// Those in which it is known whether the service was up.
    pub fn known(&self) -> f64 {
        self.healthy + self.degraded + self.unhealthy
    }

    /// The share of these in which it was up; `None` when nothing is known.
    pub fn uptime(&self) -> Option<f64> {
        (self.known() > 0.0).then(|| (self.healthy + self.degraded) / self.known())
    }

    fn plus(self, other: &Self) -> Self {
        Counted::ALL.into_iter().fold(self, |mut sum, counted| {
            sum.add(counted, other.get(counted));
            sum
        })
    }
}

/// The days of one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Days(BTreeMap<Date, Seconds>);

impl Days {
    /// Counts the time that ends now, each part to its day. Gives the first day it touched.
    pub fn count(&mut self, now: Timestamp, elapsed: Duration, zone: &TimeZone, counted: Counted) -> Date {
        let mut date = zone.to_datetime(now).date();
        let (mut end, mut left) = (now, elapsed);
        loop {
            let midnight = date.to_zoned(zone.clone()).map(|midnight| midnight.timestamp());
            let of_day =
                midnight.as_ref().map_or(left, |midnight| end.duration_since(*midnight).unsigned_abs());
            let part = of_day.min(left);
            self.0.entry(date).or_default().add(counted, part.as_secs_f64());
            left -= part;
            match (midnight, date.yesterday()) {
                (Ok(midnight), Ok(yesterday)) if !left.is_zero() => (end, date) = (midnight, yesterday),
                _ => return date,
            }
        }
    }

    /// Takes a day as it was kept.
    pub fn set(&mut self, day: Date, seconds: Seconds) {
        self.0.insert(day, seconds);
    }

    /// One day.
    pub fn get(&self, day: Date) -> Seconds {
        self.0.get(&day).copied().unwrap_or_default()
    }

    /// The days from one on, in order.
    pub fn since(&self, day: Date) -> impl Iterator<Item = (Date, &Seconds)> {
        self.0.range(day..).map(|(day, seconds)| (*day, seconds))
    }

    /// The sum of the days from one on.
    pub fn sum_since(&self, day: Date) -> Seconds {
        self.since(day).fold(Seconds::default(), |sum, (_, seconds)| sum.plus(seconds))
    }

    /// Forgets the days before one.
    pub fn forget_before(&mut self, day: Date) {
        self.0 = self.0.split_off(&day);
    }
}

/// The first of so many days that end with `today`.
pub fn first_of(days: u16, today: Date) -> Date {
    today.saturating_sub((i64::from(days) - 1).days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(zone: &str, now: &str, seconds: u64) -> Vec<(String, f64)> {
        let mut days = Days::default();
        let zone = TimeZone::get(zone).unwrap();
        let counted = Counted::As(State::Unhealthy);
        let first = days.count(now.parse().unwrap(), Duration::from_secs(seconds), &zone, counted);
        assert_eq!(days.0.keys().next(), Some(&first));
        days.0.iter().map(|(day, seconds)| (day.to_string(), seconds.unhealthy)).collect()
    }

    #[test]
    fn time_goes_to_its_day() {
        let day = |day: &str, seconds| (day.to_owned(), seconds);
        assert_eq!(count("UTC", "2026-11-20T12:00:00Z", 60), [day("2026-11-20", 60.0)]);
        assert_eq!(
            count("UTC", "2026-11-20T00:00:20Z", 60),
            [day("2026-11-19", 40.0), day("2026-11-20", 20.0)]
        );
        let three = [day("2026-11-19", 3600.0), day("2026-11-20", 86_400.0), day("2026-11-21", 0.0)];
        assert_eq!(count("UTC", "2026-11-21T00:00:00Z", 90_000), three);
        assert_eq!(count("Europe/Berlin", "2026-11-20T23:30:00Z", 60), [day("2026-11-21", 60.0)]);
        // the day on which clocks go back has 25 hours
        let long = [day("2026-10-25", 90_000.0), day("2026-10-26", 0.0)];
        assert_eq!(count("Europe/Berlin", "2026-10-25T23:00:00Z", 90_000), long);
    }

    #[test]
    fn only_what_is_known_counts() {
        let mut seconds = Seconds::default();
        assert_eq!(seconds.uptime(), None);
        seconds.add(Counted::As(State::Unknown), 100.0);
        seconds.add(Counted::Maintenance, 100.0);
        assert_eq!(seconds.uptime(), None);
        seconds.add(Counted::As(State::Healthy), 60.0);
        seconds.add(Counted::As(State::Degraded), 30.0);
        seconds.add(Counted::As(State::Unhealthy), 10.0);
        assert_eq!(seconds.uptime(), Some(0.9));
    }

    #[test]
    fn days_are_bounded() {
        let mut days = Days::default();
        let today: Date = "2026-11-20".parse().unwrap();
        for day in 0..500 {
            days.set(today.saturating_sub(day.days()), Seconds { healthy: 1.0, ..Seconds::default() });
        }
        let counted = |days: &Days, first| days.sum_since(first).healthy;
        assert!((counted(&days, first_of(90, today)) - 90.0).abs() < 1e-9);
        days.forget_before(first_of(30, today));
        assert!((counted(&days, first_of(90, today)) - 30.0).abs() < 1e-9);
    }
}
