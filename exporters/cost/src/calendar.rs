//! A provider's days and billing periods: UTC months, Pacific months, cycles that begin on an anchor day.
//!
//! Invariant: nothing here knows the machine's own time zone.

#[cfg(test)]
mod tests;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// A day in a provider's own calendar.
pub type Day = Date;

/// The clocks of California since 2007, as POSIX writes them, so that no time zone database is needed.
const PACIFIC: &str = "PST8PDT,M3.2.0,M11.1.0";

/// How a provider counts days and periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Calendar {
    /// Days and months in UTC.
    Utc,
    /// Days and months in US Pacific time (`America/Los_Angeles`), which have 23 and 25 hours twice a year.
    Pacific,
    /// Days in UTC; periods begin on this day of a month, or on its last day where the month is shorter.
    Anchor(i8),
}

/// Some days in a row; most often a billing period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// Its first day.
    pub start: Day,
    /// The first day that is not in it.
    pub end: Day,
}

impl Calendar {
    /// The day that it is at some moment.
    pub fn day_of(self, moment: Timestamp) -> Day {
        moment.to_zoned(self.zone()).date()
    }

    /// The moment at which a day begins.
    pub fn start_of(self, day: Day) -> Timestamp {
        // only days at the ends of jiff's years (-9999 and 9999) have none
        day.to_zoned(self.zone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }

    /// The moment at which a day ends: the next one begins.
    pub fn end_of(self, day: Day) -> Timestamp {
        self.start_of(day_after(day))
    }

    /// The billing period that a day is in.
    pub fn period_of(self, day: Day) -> Period {
        let start = self.start_in_month(day.first_of_month());
        if day < start {
            let start_before = self.start_in_month(month_before(day.first_of_month()));
            return Period { start: start_before, end: start };
        }
        Period { start, end: self.start_in_month(month_after(day.first_of_month())) }
    }

    /// The billing period before another.
    pub fn previous(self, period: Period) -> Period {
        self.period_of(day_before(period.start))
    }

    /// The billing period after another.
    pub fn next(self, period: Period) -> Period {
        self.period_of(period.end)
    }

    /// Where a period begins in the month with this first day.
    fn start_in_month(self, first: Day) -> Day {
        let anchor = match self {
            Self::Utc | Self::Pacific => 1,
            Self::Anchor(day) => day.clamp(1, first.days_in_month()),
        };
        first.with().day(anchor).build().unwrap_or(first)
    }

    fn zone(self) -> TimeZone {
        match self {
            Self::Utc | Self::Anchor(_) => TimeZone::UTC,
            Self::Pacific => TimeZone::posix(PACIFIC).unwrap_or(TimeZone::UTC),
        }
    }
}

impl Period {
    /// So many days from a first one.
    pub fn of_days(start: Day, days: i32) -> Self {
        Self { start, end: shifted(start, days.max(0).days()) }
    }

    /// Whether a day is in it.
    pub fn contains(self, day: Day) -> bool {
        self.start <= day && day < self.end
    }

    /// How many days it has; 0 when it ends before it starts.
    pub fn days(self) -> i32 {
        days_between(self.start, self.end).max(0)
    }

    /// How many of its days are over before `day` begins: from 0 to [`Period::days`].
    pub fn elapsed(self, day: Day) -> i32 {
        days_between(self.start, day).clamp(0, self.days())
    }

    /// Its first days, or all of it where it has not so many: the previous period up to the same day.
    #[must_use]
    pub fn first_days(self, days: i32) -> Self {
        Self { end: shifted(self.start, days.clamp(0, self.days()).days()), ..self }
    }

    /// What two have in common; perhaps nothing, which has no days.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        Self { start, end: self.end.min(other.end).max(start) }
    }

    /// Its days in order.
    pub fn iter(self) -> impl Iterator<Item = Day> {
        let within = move |day: &Day| *day < self.end;
        std::iter::successors(Some(self.start), |day| Some(day_after(*day))).take_while(within)
    }

    /// It in parts of at most so many days, in order: for providers that limit what may be asked at once.
    pub fn chunks(self, days: i32) -> impl Iterator<Item = Self> {
        let days = days.max(1);
        let part = move |start: Day| Self { start, end: self.end.min(shifted(start, days.days())) };
        let first = (self.start < self.end).then(|| part(self.start));
        std::iter::successors(first, move |last| (last.end < self.end).then(|| part(last.end)))
    }
}

/// The day after.
pub fn day_after(day: Day) -> Day {
    shifted(day, 1.day())
}

/// The day before.
pub fn day_before(day: Day) -> Day {
    shifted(day, (-1).days())
}

/// So many days later, or earlier when negative.
pub fn days_after(day: Day, days: i32) -> Day {
    shifted(day, days.days())
}

/// How many days lie from the one to the other; negative when the second is earlier.
pub fn days_between(from: Day, to: Day) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

fn month_before(first: Day) -> Day {
    shifted(first, (-1).months())
}

fn month_after(first: Day) -> Day {
    shifted(first, 1.month())
}

/// Stays at the ends of jiff's years, -9999 and 9999, that no bill reaches.
fn shifted(day: Day, span: Span) -> Day {
    day.saturating_add(span)
}
