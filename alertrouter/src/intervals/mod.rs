//! Times of the week, month and year in which a route is muted or active.
//!
//! Pure: an interval and a moment in, yes or no out; and the next moment at which the answer may be another one.
//!
//! Invariants: what an interval says is about the clock on the wall in its zone, so that `02:30` is never there on the
//! day when clocks go forward and twice when they go back; all parts of an interval must contain a moment, any interval
//! of a list will do; what is not said contains everything, and an empty list nothing.

mod range;

use std::sync::Arc;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::moment::Moment;

pub use range::{Range, TimeRange};

/// Named intervals: a moment is in them when it is in one of them.
#[derive(Debug, Clone)]
pub struct Intervals {
    /// Their name.
    pub name: Arc<str>,
    /// The intervals.
    pub list: Vec<TimeInterval>,
}

/// One interval. A part that is not there contains every moment.
#[derive(Debug, Clone)]
pub struct TimeInterval {
    /// Hours of the day.
    pub times: Option<Vec<TimeRange>>,
    /// Sunday is 0.
    pub weekdays: Option<Vec<Range>>,
    /// From 1, or from -1 backwards.
    pub days_of_month: Option<Vec<Range>>,
    /// January is 1.
    pub months: Option<Vec<Range>>,
    /// Years.
    pub years: Option<Vec<Range>>,
    /// Whose clock it is.
    pub zone: TimeZone,
}

impl Default for TimeInterval {
    fn default() -> Self {
        Self {
            times: None,
            weekdays: None,
            days_of_month: None,
            months: None,
            years: None,
            zone: TimeZone::UTC,
        }
    }
}

/// Finds a zone by its name in the time zone database; no name is UTC, as in Go.
///
/// # Errors
/// There is none of that name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        _ => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}")),
    }
}

impl Intervals {
    /// Whether a moment is in one of them.
    pub fn contain(&self, at: Moment) -> bool {
        let at = at.timestamp();
        self.list.iter().any(|interval| interval.contains(at))
    }

    /// The next moment at which the answer may change.
    pub fn next_edge(&self, at: Moment) -> Option<Moment> {
        let at = at.timestamp();
        self.list.iter().filter_map(|interval| interval.next_edge(at)).min().map(Moment::from)
    }
}

impl TimeInterval {
    /// Whether a moment is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        let here = self.zone.to_datetime(at);
        let minute = i32::from(here.hour()) * 60 + i32::from(here.minute());
        let last_day = i32::from(here.date().days_in_month());
        let in_month = |range: &Range| range.in_month(i32::from(here.day()), last_day);
        any(self.times.as_ref(), |range| range.contains(minute))
            && any(self.days_of_month.as_ref(), in_month)
            && any(self.months.as_ref(), |range| range.contains(i32::from(here.month())))
            && any(self.weekdays.as_ref(), |range| range.contains(weekday(here)))
            && any(self.years.as_ref(), |range| range.contains(i32::from(here.year())))
    }

    /// The next moment at which the answer may change: a border of its hours, midnight, or a change of the clock.
    fn next_edge(&self, at: Timestamp) -> Option<Timestamp> {
        let here = self.zone.to_datetime(at);
        let midnight = here.date().checked_add(1.day()).ok().map(|date| date.to_datetime(Time::midnight()));
        let borders = self.times.iter().flatten().flat_map(|range| [range.start, range.end]);
        let today = borders.filter_map(|minute| {
            let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0);
            Some(here.date().to_datetime(time.ok()?))
        });
        let clock_changes = self.zone.following(at).next().map(|change| change.timestamp());
        midnight
            .into_iter()
            .chain(today)
            .flat_map(|edge| {
                // an hour that is there twice has each border twice
                let edge = self.zone.to_ambiguous_timestamp(edge);
                [edge.earlier().ok(), edge.later().ok()]
            })
            .flatten()
            .chain(clock_changes)
            .filter(|edge| *edge > at)
            .min()
    }

    /// Whether its hours end at midnight and begin there again, but on some days only: what is meant to be the rest of
    /// a night is the morning of the same day.
    pub fn splits_a_night(&self) -> bool {
        let mut times = self.times.iter().flatten();
        let evening = times.clone().any(|range| range.end == TimeRange::DAY && range.start > 0);
        let morning = times.any(|range| range.start == 0 && range.end < TimeRange::DAY);
        let every_day = |days: &Vec<Range>| (0..7).all(|day| days.iter().any(|range| range.contains(day)));
        let some_days = self.weekdays.as_ref().is_some_and(|days| !every_day(days));
        evening && morning && (some_days || self.days_of_month.is_some())
    }
}

fn any<T>(parts: Option<&Vec<T>>, contains: impl Fn(&T) -> bool) -> bool {
    parts.is_none_or(|parts| parts.iter().any(contains))
}

fn weekday(here: DateTime) -> i32 {
    i32::from(here.date().weekday().to_sunday_zero_offset())
}

/// Edges that are looked at before a search is given up: three a day for most of a year. Whoever asked asks again.
const MAX_EDGES: usize = 1_000;

/// Until when a route says nothing: `None` when it speaks now. It is muted inside any of `mute`, and outside all of
/// `active` when there are some.
pub fn muted(mute: &[Arc<Intervals>], active: &[Arc<Intervals>], now: Moment) -> Option<Moment> {
    let silent = |at: Moment| {
        mute.iter().any(|intervals| intervals.contain(at))
            || (!active.is_empty() && !active.iter().any(|intervals| intervals.contain(at)))
    };
    if !silent(now) {
        return None;
    }
    let mut at = now;
    for _ in 0..MAX_EDGES {
        match mute.iter().chain(active).filter_map(|intervals| intervals.next_edge(at)).min() {
            Some(edge) => at = edge,
            // nothing will ever change it
            None => return Some(Timestamp::MAX.into()),
        }
        if !silent(at) {
            break;
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests;
