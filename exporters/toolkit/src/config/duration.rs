//! Durations as Prometheus (`1h30m`, `2d`) and Go (`1.5s`, `100us`) write them.

use std::time::Duration;

/// Parses a duration: numbers with units, in any order; a plain `0` needs no unit. A year has 365 days.
///
/// The error does not repeat the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match text {
        "" => Err(EXPECTED.to_owned()),
        "0" => Ok(Duration::ZERO),
        _ if text.starts_with('-') => Err("a duration must not be negative".to_owned()),
        _ => Ok(Duration::from_nanos(nanos(text)?)),
    }
}

fn nanos(text: &str) -> Result<u64, &'static str> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = split(rest, |character| !in_number(character));
        let (name, after) = split(after, in_number);
        let (_, unit) = UNITS.iter().find(|(known, _)| *known == name).ok_or(EXPECTED)?;
        let sum = scaled(number, *unit)?.checked_add(total);
        total = sum.filter(|total| *total <= MAX_NANOS).ok_or(TOO_LONG)?;
        rest = after;
    }
    Ok(total)
}

/// A decimal number of units in nanoseconds; what is below a nanosecond is cut off.
fn scaled(number: &str, unit: u64) -> Result<u64, &'static str> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(EXPECTED);
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let mut nanos = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(unit)).ok_or(TOO_LONG)?;
    let mut share = unit;
    for digit in fraction.bytes() {
        nanos = nanos.saturating_add(share * u64::from(digit - b'0') / 10);
        share /= 10;
    }
    Ok(nanos)
}

fn split(text: &str, at: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

fn in_number(character: char) -> bool {
    character.is_ascii_digit() || character == '.'
}

const EXPECTED: &str = "expected a duration such as 30s, 1m30s or 500ms";
const TOO_LONG: &str = "the duration is too long (at most 292 years)";

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

/// Go's limit, which Prometheus shares.
const MAX_NANOS: u64 = i64::MAX.unsigned_abs();

const UNITS: [(&str, u64); 11] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", DAY),
    ("w", 7 * DAY),
    ("y", 365 * DAY),
];

#[cfg(test)]
mod tests {
    use super::{Duration, EXPECTED, TOO_LONG, parse_duration};

    #[track_caller]
    fn check(text: &str, expected: Duration) {
        assert_eq!(parse_duration(text), Ok(expected), "{text}");
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(parse_duration(text), Err(expected.to_owned()), "{text}");
    }

    #[test]
    fn prometheus_form() {
        check("0", Duration::ZERO);
        check("0s", Duration::ZERO);
        check("500ms", Duration::from_millis(500));
        check("15s", Duration::from_secs(15));
        check("1m30s", Duration::from_secs(90));
        check("1h30m", Duration::from_mins(90));
        check("4h5m6s7ms", Duration::from_millis(14_706_007));
        check("1d", Duration::from_hours(24));
        check("2w", Duration::from_hours(14 * 24));
        check("1y", Duration::from_hours(365 * 24));
        check("292y", Duration::from_hours(292 * 365 * 24));
    }

    #[test]
    fn go_form() {
        check("1.5s", Duration::from_millis(1_500));
        check("1.5h", Duration::from_mins(90));
        check(".5s", Duration::from_millis(500));
        check("1.s", Duration::from_secs(1));
        check("100us", Duration::from_micros(100));
        check("100µs", Duration::from_micros(100));
        check("100μs", Duration::from_micros(100));
        check("7ns", Duration::from_nanos(7));
        check("0.25m", Duration::from_secs(15));
        check("1.123456789s", Duration::from_nanos(1_123_456_789));
        check("1.1234567899s", Duration::from_nanos(1_123_456_789));
        check("30s1m", Duration::from_secs(90));
    }

    #[test]
    fn errors() {
        refused("", EXPECTED);
        refused("30", EXPECTED);
        refused("s", EXPECTED);
        refused(".s", EXPECTED);
        refused("1..5s", EXPECTED);
        refused("1.2.3s", EXPECTED);
        refused("5 s", EXPECTED);
        refused(" 5s", EXPECTED);
        refused("5s ", EXPECTED);
        refused("5S", EXPECTED);
        refused("1h30", EXPECTED);
        refused("+5s", EXPECTED);
        refused("1e3s", EXPECTED);
        refused("٣s", EXPECTED);
        refused("-5s", "a duration must not be negative");
        refused("293y", TOO_LONG);
        refused("99999999999999999999s", TOO_LONG);
        refused("200y100y", TOO_LONG);
    }
}
