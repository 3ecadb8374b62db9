//! Maintenance: times at which trouble is planned, once or every week.
//!
//! Pure: a window and a moment in, the span out. What a window says is about the clock on the wall of its zone: an hour
//! that a clock change leaves out is not there, and one that comes twice belongs to the window both times.

use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Days ahead in which every weekly window begins at least once, the one of yesterday that is still open included.
const DAYS_AHEAD: i64 = 8;

/// A time of maintenance.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    /// What is done, as the status page says it.
    pub title: Arc<str>,
    /// Whose services, by their places; `None` is all.
    pub services: Option<Vec<usize>>,
    /// When.
    pub when: When,
}

/// When something is planned.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// From one moment to another.
    Once(Span),
    /// On days of the week.
    Weekly {
        /// The days on which it begins.
        days: Vec<Weekday>,
        /// When it begins.
        from: Time,
        /// When it ends; not later than it begins is the day after.
        to: Time,
        /// Whose clock it is.
        zone: TimeZone,
    },
}

/// From one moment until just before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Span {
    /// Whether a moment is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

impl Maintenance {
    /// Whether it is about a service.
    pub fn concerns(&self, service: usize) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(&service))
    }
}

impl When {
    /// The span that a moment is in, or else the next one.
    pub fn current_or_next(&self, at: Timestamp) -> Option<Span> {
        match self {
            Self::Once(span) => (at < span.to).then_some(*span),
            Self::Weekly { days, from, to, zone } => {
                let today = zone.to_datetime(at).date();
                let dates = (-1..=DAYS_AHEAD).filter_map(|days| today.checked_add(days.days()).ok());
                let spans = dates
                    .filter(|date| days.contains(&date.weekday()))
                    .filter_map(|date| weekly(date, *from, *to, zone));
                spans.filter(|span| at < span.to).min()
            }
        }
    }

    /// Whether a moment is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.current_or_next(at).is_some_and(|span| span.contains(at))
    }
}

/// The span of a weekly window that begins on this date; `None` when a clock change leaves it out.
fn weekly(date: Date, from: Time, to: Time, zone: &TimeZone) -> Option<Span> {
    let last = if to > from { date } else { date.checked_add(1.day()).ok()? };
    let at = |moment: DateTime| zone.to_ambiguous_timestamp(moment);
    // an hour that is not there begins and ends where the clock goes on
    let from = at(date.to_datetime(from)).compatible().ok()?;
    let to = at(last.to_datetime(to)).later().ok()?;
    (from < to).then_some(Span { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn check(when: &When, at: &str, expected: Option<(&str, &str)>) {
        let span = when.current_or_next(moment(at));
        assert_eq!(span, expected.map(|(from, to)| Span { from: moment(from), to: moment(to) }), "{at}");
        let inside = expected.is_some_and(|(from, _)| moment(from) <= moment(at));
        assert_eq!(when.contains(moment(at)), inside, "{at}");
    }

    fn weekly(days: &[Weekday], from: &str, to: &str, zone: &str) -> When {
        let zone = TimeZone::get(zone).unwrap();
        When::Weekly { days: days.to_vec(), from: from.parse().unwrap(), to: to.parse().unwrap(), zone }
    }

    #[test]
    fn once_is_once() {
        let (from, to) = ("2026-11-22T02:00:00Z", "2026-11-22T04:00:00Z");
        let when = When::Once(Span { from: moment(from), to: moment(to) });
        check(&when, "2026-11-01T00:00:00Z", Some((from, to)));
        check(&when, from, Some((from, to)));
        check(&when, "2026-11-22T03:59:59Z", Some((from, to)));
        check(&when, to, None);
    }

    #[test]
    fn weekly_comes_again() {
        // 2026-11-22 is a Sunday
        let when = weekly(&[Weekday::Sunday], "02:00", "04:00", "UTC");
        let this = ("2026-11-22T02:00:00Z", "2026-11-22T04:00:00Z");
        let next = ("2026-11-29T02:00:00Z", "2026-11-29T04:00:00Z");
        check(&when, "2026-11-20T12:00:00Z", Some(this));
        check(&when, "2026-11-22T03:00:00Z", Some(this));
        check(&when, "2026-11-22T04:00:00Z", Some(next));
        check(&when, "2026-11-23T00:00:00Z", Some(next));
    }

    #[test]
    fn over_midnight_belongs_to_the_day_it_begins() {
        let when = weekly(&[Weekday::Saturday, Weekday::Wednesday], "23:00", "01:30", "UTC");
        let saturday = ("2026-11-21T23:00:00Z", "2026-11-22T01:30:00Z");
        check(&when, "2026-11-22T01:00:00Z", Some(saturday));
        check(&when, "2026-11-22T01:30:00Z", Some(("2026-11-25T23:00:00Z", "2026-11-26T01:30:00Z")));
        let all_day = weekly(&[Weekday::Sunday], "00:00", "00:00", "UTC");
        check(&all_day, "2026-11-22T12:00:00Z", Some(("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z")));
    }

    #[test]
    fn it_goes_by_the_clock_on_the_wall() {
        let berlin = |from, to| weekly(&[Weekday::Sunday], from, to, "Europe/Berlin");
        let winter = ("2026-11-22T01:00:00Z", "2026-11-22T03:00:00Z");
        check(&berlin("02:00", "04:00"), "2026-11-20T12:00:00Z", Some(winter));
        let summer = ("2026-07-05T00:00:00Z", "2026-07-05T02:00:00Z");
        check(&berlin("02:00", "04:00"), "2026-07-03T12:00:00Z", Some(summer));
        // clocks go forward at 2 o'clock on 2026-03-29: of 02:00 to 03:30 there is half an hour
        let short = ("2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z");
        check(&berlin("02:00", "03:30"), "2026-03-28T12:00:00Z", Some(short));
        // and all of 02:00 to 03:00 is left out
        let after = ("2026-04-05T00:00:00Z", "2026-04-05T01:00:00Z");
        check(&berlin("02:00", "03:00"), "2026-03-28T12:00:00Z", Some(after));
        // and back at 3 o'clock on 2026-10-25: 02:30 comes twice
        let long = ("2026-10-25T00:00:00Z", "2026-10-25T01:30:00Z");
        check(&berlin("02:00", "02:30"), "2026-10-24T12:00:00Z", Some(long));
    }
}
