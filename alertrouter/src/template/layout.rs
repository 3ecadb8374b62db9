//! Times as Go writes them: by an example of how 2 January 2006, 15:04:05 in the zone MST (-0700) would look.

use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A time written as in `layout` (Go's `time.Time.Format`).
pub(super) fn format(time: &Zoned, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 10);
    let mut rest = layout;
    while !rest.is_empty() {
        let (before, found, after) = next(rest);
        out.push_str(before);
        if let Some(part) = found {
            write(&mut out, time, part);
        }
        rest = after;
    }
    out
}

/// As Go prints a time that nobody gave a layout for.
pub(super) fn print(time: &Zoned) -> String {
    format(time, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// A part of a layout that stands for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    BigHalf,
    SmallHalf,
    Zone,
    Offset(Offset),
    /// So many digits; those at the end that are 0 are left away or not.
    Fraction {
        digits: usize,
        separator: char,
        trim: bool,
    },
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offset {
    /// `Z` for UTC itself.
    z: bool,
    colons: bool,
    /// Hours, then minutes, then seconds.
    parts: u8,
}

/// Parts that are told by their first letters; of two that begin alike the longer stands first.
const WORDS: &[(&str, Part)] = &[
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekday),
    ("Mon", Part::Weekday),
    ("MST", Part::Zone),
    ("01", Part::ZeroMonth),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::Year),
    ("002", Part::ZeroYearDay),
    ("15", Part::Hour),
    ("1", Part::NumMonth),
    ("2006", Part::LongYear),
    ("2", Part::Day),
    ("__2", Part::UnderYearDay),
    ("_2", Part::UnderDay),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::BigHalf),
    ("pm", Part::SmallHalf),
    ("-070000", offset(false, false, 3)),
    ("-07:00:00", offset(false, true, 3)),
    ("-0700", offset(false, false, 2)),
    ("-07:00", offset(false, true, 2)),
    ("-07", offset(false, false, 1)),
    ("Z070000", offset(true, false, 3)),
    ("Z07:00:00", offset(true, true, 3)),
    ("Z0700", offset(true, false, 2)),
    ("Z07:00", offset(true, true, 2)),
    ("Z07", offset(true, false, 1)),
];

const fn offset(z: bool, colons: bool, parts: u8) -> Part {
    Part::Offset(Offset { z, colons, parts })
}

/// What comes before the next part, the part, and what is left.
fn next(layout: &str) -> (&str, Option<Part>, &str) {
    for (at, _) in layout.char_indices() {
        let (before, rest) = layout.split_at(at);
        // a year that is not one: `_2006` is an underscore and a year
        if rest.starts_with("_2006") {
            let (underscore, year) = layout.split_at(at + 1);
            return (underscore, Some(Part::LongYear), year.get(4..).unwrap_or_default());
        }
        if let Some((part, length)) = fraction(rest) {
            return (before, Some(part), rest.get(length..).unwrap_or_default());
        }
        let word = WORDS.iter().find(|(word, part)| {
            rest.strip_prefix(word).is_some_and(|after| {
                // `Jane` is no month, and `Monster` no day
                !matches!(part, Part::Month | Part::Weekday)
                    || !after.starts_with(|letter: char| letter.is_ascii_lowercase())
            })
        });
        if let Some((word, part)) = word {
            return (before, Some(*part), rest.get(word.len()..).unwrap_or_default());
        }
    }
    (layout, None, "")
}

/// `.000` or `,999`, unless another digit follows.
fn fraction(rest: &str) -> Option<(Part, usize)> {
    let separator = rest.chars().next().filter(|first| matches!(first, '.' | ','))?;
    let after = rest.get(1..)?;
    let digit = after.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let digits = after.chars().take_while(|other| *other == digit).count();
    let more = after.chars().nth(digits).is_some_and(|next| next.is_ascii_digit());
    (!more).then_some((Part::Fraction { digits, separator, trim: digit == '9' }, digits + 1))
}

fn write(out: &mut String, time: &Zoned, part: Part) {
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let text = match part {
        Part::LongMonth => month(time.date()).to_owned(),
        Part::Month => short(month(time.date())).to_owned(),
        Part::NumMonth => time.month().to_string(),
        Part::ZeroMonth => format!("{:02}", time.month()),
        Part::LongWeekday => weekday(time.date()).to_owned(),
        Part::Weekday => short(weekday(time.date())).to_owned(),
        Part::Day => time.day().to_string(),
        Part::UnderDay => format!("{:>2}", time.day()),
        Part::ZeroDay => format!("{:02}", time.day()),
        Part::UnderYearDay => format!("{:>3}", time.day_of_year()),
        Part::ZeroYearDay => format!("{:03}", time.day_of_year()),
        Part::Hour => format!("{:02}", time.hour()),
        Part::Hour12 => hour12.to_string(),
        Part::ZeroHour12 => format!("{hour12:02}"),
        Part::Minute => time.minute().to_string(),
        Part::ZeroMinute => format!("{:02}", time.minute()),
        Part::Second => time.second().to_string(),
        Part::ZeroSecond => format!("{:02}", time.second()),
        Part::LongYear => format!("{:04}", time.year()),
        Part::Year => format!("{:02}", time.year().rem_euclid(100)),
        Part::BigHalf => if time.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        Part::SmallHalf => if time.hour() < 12 { "am" } else { "pm" }.to_owned(),
        Part::Zone => zone(time),
        Part::Offset(form) => form.write(time.offset().seconds()),
        Part::Fraction { digits, separator, trim } => decimals(time, digits, separator, trim),
    };
    out.push_str(&text);
}

fn decimals(time: &Zoned, digits: usize, separator: char, trim: bool) -> String {
    let nanoseconds = format!("{:09}", time.subsec_nanosecond());
    let mut shown: &str = nanoseconds.get(..digits.min(9)).unwrap_or_default();
    if trim {
        shown = shown.trim_end_matches('0');
        if shown.is_empty() {
            return String::new();
        }
    }
    format!("{separator}{shown}")
}

/// The zone's abbreviation; of a zone that has only an offset, the offset.
fn zone(time: &Zoned) -> String {
    let seconds = time.offset().seconds();
    if time.time_zone().iana_name().is_none() && seconds != 0 {
        return Offset { z: false, colons: false, parts: 2 }.write(seconds);
    }
    time.strftime("%Z").to_string()
}

impl Offset {
    fn write(self, seconds: i32) -> String {
        if self.z && seconds == 0 {
            return "Z".to_owned();
        }
        let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs());
        let mut out = format!("{sign}{:02}", seconds / 3600);
        let colon = if self.colons { ":" } else { "" };
        if self.parts > 1 {
            out = format!("{out}{colon}{:02}", seconds / 60 % 60);
        }
        if self.parts > 2 {
            out = format!("{out}{colon}{:02}", seconds % 60);
        }
        out
    }
}

/// A month's English name.
pub(super) fn month(date: Date) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let index = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    NAMES.get(index).copied().unwrap_or_default()
}

/// A day's English name.
pub(super) fn weekday(date: Date) -> &'static str {
    const NAMES: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let index = usize::from(date.weekday().to_sunday_zero_offset().unsigned_abs());
    NAMES.get(index).copied().unwrap_or_default()
}

fn short(name: &'static str) -> &'static str {
    name.get(..3).unwrap_or(name)
}

/// A time read as in `layout` (Go's `time.ParseInLocation` in UTC); without a year it is one in the year 0.
///
/// # Errors
/// In Go's words, but that they name the place of the mistake less well.
pub(super) fn parse(layout: &str, text: &str) -> Result<Zoned, String> {
    let mut read = Read {
        year: 0,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
        half: None,
        offset: None,
    };
    let (mut left, mut rest) = (layout, text);
    while !left.is_empty() {
        let (before, part, after) = next(left);
        let wrong = |shown: &str| {
            format!(
                "parsing time {text:?} as {layout:?}: cannot parse {shown:?} as {:?}",
                left.strip_suffix(after).unwrap_or(left)
            )
        };
        rest = rest.strip_prefix(before).ok_or_else(|| wrong(rest))?;
        if let Some(part) = part {
            rest = read.part(part, rest).ok_or_else(|| wrong(rest))?;
        }
        left = after;
    }
    if !rest.is_empty() {
        return Err(format!("parsing time {text:?}: extra text: {rest:?}"));
    }
    read.time().ok_or_else(|| format!("parsing time {text:?}: day out of range"))
}

/// What was read of a time so far.
struct Read {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    /// Whether it is after noon.
    half: Option<bool>,
    /// Seconds east of UTC.
    offset: Option<i32>,
}

impl Read {
    /// Reads a part from the beginning of a text; gives what is left.
    fn part<'a>(&mut self, part: Part, text: &'a str) -> Option<&'a str> {
        let number = |least: usize, most: usize| {
            let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
            (digits >= least).then(|| text.split_at_checked(digits)).flatten()
        };
        let small = |least: usize, most: usize| {
            let (digits, rest) = number(least, most)?;
            Some((digits.parse::<i8>().ok()?, rest))
        };
        let rest = match part {
            Part::LongYear => {
                let (digits, rest) = number(4, 4)?;
                self.year = digits.parse().ok()?;
                rest
            }
            Part::Year => {
                let (year, rest) = small(2, 2)?;
                self.year = i16::from(year) + if year >= 69 { 1900 } else { 2000 };
                rest
            }
            Part::NumMonth => set(&mut self.month, small(1, 2)?),
            Part::ZeroMonth => set(&mut self.month, small(2, 2)?),
            Part::Day => set(&mut self.day, small(1, 2)?),
            Part::ZeroDay => set(&mut self.day, small(2, 2)?),
            Part::UnderDay => return self.part(Part::Day, text.strip_prefix(' ').unwrap_or(text)),
            Part::Hour | Part::ZeroHour12 => set(&mut self.hour, small(2, 2)?),
            Part::Hour12 => set(&mut self.hour, small(1, 2)?),
            Part::Minute => set(&mut self.minute, small(1, 2)?),
            Part::ZeroMinute => set(&mut self.minute, small(2, 2)?),
            Part::Second => set(&mut self.second, small(1, 2)?),
            Part::ZeroSecond => {
                let rest = set(&mut self.second, small(2, 2)?);
                // decimals may follow, whatever the layout says
                match rest.strip_prefix(['.', ',']) {
                    Some(after) if after.starts_with(|digit: char| digit.is_ascii_digit()) => {
                        self.decimals(after)?
                    }
                    _ => rest,
                }
            }
            Part::Fraction { trim: true, .. } => match text.strip_prefix(['.', ',']) {
                Some(after) => self.decimals(after)?,
                None => text,
            },
            Part::Fraction { .. } => self.decimals(text.strip_prefix(['.', ','])?)?,
            Part::LongMonth | Part::Month => self.month_name(text, part == Part::Month)?,
            Part::LongWeekday | Part::Weekday => day_name(text, part == Part::Weekday)?,
            Part::BigHalf | Part::SmallHalf => {
                let (half, rest) = text.split_at_checked(2)?;
                self.half = Some(half.eq_ignore_ascii_case("pm"));
                (half.eq_ignore_ascii_case("am") || self.half == Some(true)).then_some(rest)?
            }
            Part::Zone => {
                let rest = text.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
                (rest.len() < text.len()).then_some(rest)?
            }
            Part::Offset(form) => self.offset(form, text)?,
            Part::UnderYearDay | Part::ZeroYearDay => return None,
        };
        Some(rest)
    }

    fn decimals<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = text.split_at_checked(digits)?;
        let nine: String = digits.chars().chain(std::iter::repeat('0')).take(9).collect();
        self.nanosecond = nine.parse().ok()?;
        (!digits.is_empty()).then_some(rest)
    }

    fn month_name<'a>(&mut self, text: &'a str, cut: bool) -> Option<&'a str> {
        (1..=12).find_map(|number| {
            let name = month(Date::new(2001, number, 1).ok()?);
            let rest = without(text, if cut { short(name) } else { name })?;
            self.month = number;
            Some(rest)
        })
    }

    fn offset<'a>(&mut self, form: Offset, text: &'a str) -> Option<&'a str> {
        if form.z
            && let Some(rest) = text.strip_prefix('Z')
        {
            self.offset = Some(0);
            return Some(rest);
        }
        let (sign, mut rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let mut seconds = 0;
        for (unit, part) in [(3600, 1), (60, 2), (1, 3)] {
            if part <= form.parts {
                if unit < 3600 && form.colons {
                    rest = rest.strip_prefix(':')?;
                }
                let (digits, after) = rest.split_at_checked(2)?;
                seconds += unit * digits.parse::<i32>().ok().filter(|number| *number < 60)?;
                rest = after;
            }
        }
        self.offset = Some(sign * seconds);
        Some(rest)
    }

    fn time(&self) -> Option<Zoned> {
        let hour = match self.half {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let date = Date::new(self.year, self.month, self.day).ok()?;
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let zone = match self.offset {
            None | Some(0) => TimeZone::UTC,
            Some(seconds) => TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?),
        };
        date.to_datetime(time).to_zoned(zone).ok()
    }
}

fn set<'a>(place: &mut i8, (number, rest): (i8, &'a str)) -> &'a str {
    *place = number;
    rest
}

fn day_name(text: &str, cut: bool) -> Option<&str> {
    (1..=7).find_map(|day| {
        let name = weekday(Date::new(2001, 1, day).ok()?);
        without(text, if cut { short(name) } else { name })
    })
}

/// What follows a word, whatever the size of its letters.
fn without<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(word.len())?;
    first.eq_ignore_ascii_case(word).then_some(rest)
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset as TzOffset;

    use super::*;

    fn at(text: &str, zone: TimeZone) -> Zoned {
        text.parse::<jiff::Timestamp>().unwrap().to_zoned(zone)
    }

    #[test]
    fn layouts() {
        let time = at("2026-03-07T06:04:09.012345600Z", TimeZone::UTC);
        for (layout, expected) in [
            ("2006-01-02T15:04:05Z07:00", "2026-03-07T06:04:09Z"),
            ("2006-01-02 15:04:05.000 -0700 MST", "2026-03-07 06:04:09.012 +0000 UTC"),
            ("15:04:05.999999999", "06:04:09.0123456"),
            ("15:04:05,999", "06:04:09,012"),
            ("05.00 s", "09.01 s"),
            (".0001", ".0003"),
            ("Mon Jan _2 3:04PM 06", "Sat Mar  7 6:04AM 26"),
            ("Monday, 2 January 2006, 03 o'clock pm", "Saturday, 7 March 2026, 06 o'clock am"),
            ("002 __2 1/2 4:5", "066  66 3/7 4:9"),
            ("Jane saw Monsters at _2006", "Jane saw Monsters at _2026"),
            ("-07 Z07 Z0700 -07:00:00 Z070000", "+00 Z Z +00:00:00 Z"),
            ("no part at all", "no part at all"),
            ("", ""),
        ] {
            assert_eq!(format(&time, layout), expected, "{layout}");
        }
    }

    #[test]
    fn read_back() {
        for (layout, text, expected) in [
            ("2006-01-02 15:04:05", "2026-03-07 06:04:09", Ok("2026-03-07 06:04:09 +0000 UTC")),
            (
                "2006-01-02T15:04:05Z07:00",
                "2026-03-07T06:04:09.25+02:00",
                Ok("2026-03-07 06:04:09.25 +0200 +0200"),
            ),
            ("Jan _2 3:04PM 06", "mar  7 6:04PM 26", Ok("2026-03-07 18:04:00 +0000 UTC")),
            ("Monday, January 2 2006 MST", "Saturday, March 7 2026 UTC", Ok("2026-03-07 00:00:00 +0000 UTC")),
            ("2006-01-02", "2026-02-30", Err("day out of range")),
            ("2006-01-02", "2026-02-3", Err("cannot parse")),
            ("2006", "2026 and more", Err("extra text")),
        ] {
            let read = parse(layout, text);
            match (read, expected) {
                (Ok(time), Ok(expected)) => assert_eq!(print(&time), expected, "{text}"),
                (Err(message), Err(expected)) => assert!(message.contains(expected), "{message}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn zones() {
        let berlin = at("2026-07-01T10:00:00Z", TimeZone::get("Europe/Berlin").unwrap());
        assert_eq!(print(&berlin), "2026-07-01 12:00:00 +0200 CEST");
        let fixed = at("2026-07-01T10:00:00.5Z", TimeZone::fixed(TzOffset::constant(-3)));
        assert_eq!(print(&fixed), "2026-07-01 07:00:00.5 -0300 -0300");
        assert_eq!(format(&fixed, "Z07:00 -0700"), "-03:00 -0300");
        let zero = at("0001-01-01T00:00:00Z", TimeZone::UTC);
        assert_eq!(print(&zero), "0001-01-01 00:00:00 +0000 UTC");
    }
}
