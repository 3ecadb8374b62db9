//! Times and days as files write them: with and without `T`, `Z`, seconds and offsets.

use foldhash::{HashMap, HashMapExt};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::calendar::{Calendar, Day};

/// Texts that are kept with their days: the hours of four years.
const MAX_KNOWN: usize = 36_000;

/// The moment that a text means; one that names no zone is in UTC.
pub(crate) fn moment(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end);
    let utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| Some(utc()?.timestamp()))
}

/// The day that a text means: itself where it is one, else the day of its moment.
pub(crate) fn day(text: &[u8], calendar: Calendar) -> Option<Day> {
    let is_day = text.len() == 10 && text.get(4) == Some(&b'-');
    if is_day {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    moment(text).map(|moment| calendar.day_of(moment))
}

/// Days of texts: a month has millions of rows and 720 hours.
#[derive(Debug)]
pub(crate) struct Days {
    calendar: Calendar,
    known: HashMap<Box<[u8]>, Option<Day>>,
}

impl Days {
    pub(crate) fn of(calendar: Calendar) -> Self {
        Self { calendar, known: HashMap::new() }
    }

    /// The day that a text means.
    pub(crate) fn day(&mut self, text: &[u8]) -> Option<Day> {
        if let Some(day) = self.known.get(text) {
            return *day;
        }
        let day = day(text, self.calendar);
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        // a long text is none of a time, and not worth the room
        if text.len() <= 64 {
            self.known.insert(text.into(), day);
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_days() {
        for (text, utc, pacific) in [
            ("2024-10-01T00:00:00Z", Some("2024-10-01"), Some("2024-09-30")),
            ("2024-10-01 00:00:00", Some("2024-10-01"), Some("2024-09-30")),
            ("2024-10-01T07:00:00.000Z", Some("2024-10-01"), Some("2024-10-01")),
            ("2024-10-01T00:00Z", Some("2024-10-01"), Some("2024-09-30")),
            ("2024-10-01 00:00:00 UTC", Some("2024-10-01"), Some("2024-09-30")),
            ("2024-10-01 01:00:00+02:00", Some("2024-09-30"), Some("2024-09-30")),
            ("2024-10-01T01:00:00", Some("2024-10-01"), Some("2024-09-30")),
            // a day is that day, wherever
            ("2024-10-01", Some("2024-10-01"), Some("2024-10-01")),
            ("2024-02-30", None, None),
            ("2024-02-30 00:00:00", None, None),
            ("yesterday", None, None),
            ("", None, None),
            ("45566", None, None),
        ] {
            let mut found = [Days::of(Calendar::Utc), Days::of(Calendar::Pacific)];
            for (days, expected) in found.iter_mut().zip([utc, pacific]) {
                let expected = expected.map(|day| day.parse::<Day>().unwrap());
                assert_eq!(days.day(text.as_bytes()), expected, "{text}");
                assert_eq!(days.day(text.as_bytes()), expected, "{text}, again");
            }
        }
    }
}
