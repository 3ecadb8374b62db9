//! Text of PostgreSQL → numbers: integers and floats, bools, times, arrays, lengths of time.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// A number, bool or time. Infinite and undefined numbers are numbers too.
pub fn parse(text: &[u8]) -> Option<f64> {
    // most are whole numbers of few digits
    if let Some(number) = whole(text) {
        return Some(number);
    }
    match text {
        b"t" | b"true" => return Some(1.0),
        b"f" | b"false" => return Some(0.0),
        _ => {}
    }
    let text = std::str::from_utf8(text).ok()?.trim();
    text.parse().ok().or_else(|| time(text))
}

/// A list such as `{1,2.5,NULL}`; NULL is 0.
pub fn array(text: &[u8]) -> Option<Vec<f64>> {
    let text = std::str::from_utf8(text).ok()?.strip_prefix('{')?.strip_suffix('}')?;
    let number = |item: &str| if item == "NULL" { Some(0.0) } else { parse(item.as_bytes()) };
    if text.is_empty() {
        Some(Vec::new())
    } else {
        text.split(',').map(|item| number(item.trim_matches('"'))).collect()
    }
}

/// A length of time as Go writes it, `1h2m3.5s`, in milliseconds; `-1` is no length.
pub fn milliseconds(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if text == "-1" {
        return Some(f64::NAN);
    }
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |text| (-1.0, text));
    toolkit::config::parse_duration(text).ok().map(|length| sign * length.as_secs_f64() * 1000.0)
}

/// A count of a histogram's bucket.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole and not negative"
)]
pub fn count(number: f64) -> u64 {
    number as u64
}

/// Digits with perhaps a sign, few enough to be exact.
fn whole(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    let mut number: i64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    #[expect(clippy::cast_precision_loss, reason = "15 digits are exact")]
    let number = number as f64;
    Some(if negative { -number } else { number })
}

/// A date or time of the `ISO` style as Unix time; without a zone it is UTC.
fn time(text: &str) -> Option<f64> {
    match text {
        "infinity" => return Some(f64::INFINITY),
        "-infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let seconds = |moment: Timestamp| moment.as_duration().as_secs_f64();
    let zoned = text.get(19..).is_some_and(|rest| rest.contains(['+', '-', 'Z']));
    if zoned {
        return text.parse::<Timestamp>().ok().map(seconds);
    }
    let moment = text.parse::<DateTime>().ok()?;
    moment.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| seconds(zoned.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("-17", Some(-17.0)),
            ("123456789012345", Some(123_456_789_012_345.0)),
            ("9223372036854775807", Some(9_223_372_036_854_775_807.0)),
            ("1.5e-3", Some(0.0015)),
            ("t", Some(1.0)),
            ("f", Some(0.0)),
            ("Infinity", Some(f64::INFINITY)),
            ("2000-01-01", Some(946_684_800.0)),
            ("2000-01-01 00:00:01", Some(946_684_801.0)),
            ("2000-01-01 01:00:00.5+01", Some(946_684_800.5)),
            ("infinity", Some(f64::INFINITY)),
            ("", None),
            ("-", None),
            ("abc", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
        assert!(parse(b"NaN").unwrap().is_nan());
    }

    #[test]
    fn arrays_and_lengths() {
        assert_eq!(array(b"{1,2.5,NULL}"), Some(vec![1.0, 2.5, 0.0]));
        assert_eq!((array(b"{}"), array(b"{a}"), array(b"1")), (Some(Vec::new()), None, None));
        assert_eq!((milliseconds(b"1m30s"), milliseconds(b"x")), (Some(90_000.0), None));
    }
}
