//! Ranges as they are written: `monday:friday`, `-7:-1`, `june`, `09:00` to `17:00`.

/// A range with both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    begin: i32,
    end: i32,
}

/// Minutes of a day; the last one is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first minute.
    pub start: i32,
    /// The first minute after it.
    pub end: i32,
}

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Days that every month has.
const SHORTEST_MONTH: i32 = 28;

impl Range {
    /// Days of the week by name.
    pub fn weekdays(text: &str) -> Result<Self, String> {
        let day = |name: &str| {
            let day = WEEKDAYS.iter().position(|day| *day == name);
            day.and_then(|day| i32::try_from(day).ok())
                .ok_or_else(|| format!("{name} is not a valid weekday"))
        };
        let range = Self::parse(text, day)?;
        if range.begin > range.end {
            return Err(
                "start day cannot be before end day; hint: a week begins on sunday, write two ranges"
                    .to_owned(),
            );
        }
        Ok(range)
    }

    /// Days of the month by number, from 1, or from -1 backwards.
    pub fn days_of_month(text: &str) -> Result<Self, String> {
        let range = Self::parse(text, number)?;
        for day in [range.begin, range.end] {
            if day == 0 || !(-31..=31).contains(&day) {
                return Err(format!("{day} is not a valid day of the month: out of range"));
            }
        }
        if range.begin < 0 && range.end > 0 {
            return Err("end day must be negative if start day is negative".to_owned());
        }
        let in_short_month = |day: i32| if day < 0 { SHORTEST_MONTH + day } else { day };
        if in_short_month(range.begin) > in_short_month(range.end) {
            return Err(format!("end day {} is always before start day {}", range.end, range.begin));
        }
        Ok(range)
    }

    /// Months by name or number.
    pub fn months(text: &str) -> Result<Self, String> {
        let month = |name: &str| match MONTHS.iter().position(|month| *month == name) {
            Some(month) => i32::try_from(month + 1).map_err(|error| error.to_string()),
            None => number(name).map_err(|_| format!("{name} is not a valid month")),
        };
        let range = Self::parse(text, month)?;
        if range.begin > range.end {
            let name = |month: i32| {
                usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or("")
            };
            return Err(format!("end month {} is before start month {}", name(range.end), name(range.begin)));
        }
        Ok(range)
    }

    /// Years by number.
    pub fn years(text: &str) -> Result<Self, String> {
        let range = Self::parse(text, number)?;
        if range.begin > range.end {
            return Err(format!("end year {} is before start year {}", range.end, range.begin));
        }
        Ok(range)
    }

    pub(super) fn contains(self, value: i32) -> bool {
        (self.begin..=self.end).contains(&value)
    }

    /// For days of the month: an end behind the month's last day is that day, a begin behind it is never.
    pub(super) fn in_month(self, day: i32, last_day: i32) -> bool {
        let from_end = |day: i32| if day < 0 { last_day + day + 1 } else { day };
        let (begin, end) = (from_end(self.begin), from_end(self.end));
        begin <= last_day && (begin..=end.min(last_day)).contains(&day)
    }

    fn parse(text: &str, member: impl Fn(&str) -> Result<i32, String>) -> Result<Self, String> {
        let text = text.to_lowercase();
        let (begin, end) = match text.split_once(':') {
            Some((_, end)) if end.contains(':') => {
                return Err(format!("couldn't parse range {text}, invalid format"));
            }
            Some((begin, end)) => (member(begin)?, member(end)?),
            None => (member(&text)?, member(&text)?),
        };
        Ok(Self { begin, end })
    }
}

impl TimeRange {
    /// Minutes of a day.
    pub const DAY: i32 = 24 * 60;

    /// `HH:MM` to `HH:MM`.
    pub fn parse(start: &str, end: &str) -> Result<Self, String> {
        if start.is_empty() || end.is_empty() {
            return Err("both start and end times must be provided".to_owned());
        }
        let (start, end) = (minute(start)?, minute(end)?);
        if start >= end {
            let hint = if start > end {
                "; hint: a night is two ranges, one up to 24:00, one from 00:00"
            } else {
                ""
            };
            return Err(format!("start time cannot be equal or greater than end time{hint}"));
        }
        Ok(Self { start, end })
    }

    pub(super) fn contains(self, minute: i32) -> bool {
        (self.start..self.end).contains(&minute)
    }
}

fn number(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

fn minute(text: &str) -> Result<i32, String> {
    let parsed = || {
        let (hour, minute) = text.split_once(':')?;
        let two = |digits: &str| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute): (i32, i32) =
            (hour.parse().ok().filter(|_| two(hour))?, minute.parse().ok().filter(|_| two(minute))?);
        let valid = (hour < 24 && minute < 60) || (hour == 24 && minute == 0);
        valid.then_some(hour * 60 + minute)
    };
    parsed().ok_or_else(|| format!("couldn't parse timestamp {text}, invalid format"))
}
