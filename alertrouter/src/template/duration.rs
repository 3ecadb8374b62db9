//! Lengths of time as Go and Prometheus write them.

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// As Go prints a duration: `1h0m5.5s`, `12ms`, `0s`.
pub(super) fn print(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let whole = nanoseconds.unsigned_abs();
    match whole {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{whole}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(whole, 1_000)),
        1_000_000..SECOND => format!("{sign}{}ms", decimal(whole, 1_000_000)),
        _ => {
            let (minutes, rest) = (whole / SECOND / 60, whole % (60 * SECOND));
            let seconds = decimal(rest, SECOND);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// A quotient with as many decimals as it has.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let decimals = format!("{rest:0width$}");
    format!("{whole}.{}", decimals.trim_end_matches('0'))
}

/// As people say it: `3d 4h 5m 6s`, `12.5ms`; the function `humanizeDuration` of Prometheus.
pub(super) fn humanize(seconds: f64) -> String {
    if seconds.is_nan() {
        return "NaN".to_owned();
    }
    if seconds.is_infinite() {
        return if seconds > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    if seconds.abs() >= 1.0 {
        return long(seconds);
    }
    let (mut value, mut unit) = (seconds, "");
    for smaller in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        (value, unit) = (value * 1000.0, smaller);
    }
    format!("{}{unit}s", four_digits(value))
}

fn long(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = whole(seconds.abs());
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(seconds.abs())),
        (0, 0, minutes) => format!("{sign}{minutes}m {rest}s"),
        (0, hours, minutes) => format!("{sign}{hours}h {minutes}m {rest}s"),
        (days, ..) => format!("{sign}{days}d {hours}h {minutes}m {rest}s"),
    }
}

/// The number without its fraction; one that is too big becomes the smallest, as in Go.
#[expect(clippy::cast_possible_truncation, reason = "what is too big was looked for")]
fn whole(number: f64) -> i64 {
    if number >= 9_223_372_036_854_775_808.0 { i64::MIN } else { number as i64 }
}

/// Four significant digits.
fn four_digits(value: f64) -> String {
    gotemplate::sprintf("%.4g", &[value.into()]).to_text().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_prints_them() {
        for (nanoseconds, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (-3_600_000_000_000, "-1h0m0s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(print(nanoseconds), expected);
        }
    }

    #[test]
    fn as_people_say_them() {
        for (seconds, expected) in [
            (0.0, "0s"),
            (1.0, "1s"),
            (60.0, "1m 0s"),
            (3600.0, "1h 0m 0s"),
            (86_400.0, "1d 0h 0m 0s"),
            (86_400.0 + 3600.0, "1d 1h 0m 0s"),
            (-(86_400.0 * 2.0 + 3600.0 * 3.0 + 60.0 * 4.0 + 5.0), "-2d 3h 4m 5s"),
            (899.99, "14m 59s"),
            (0.1, "100ms"),
            (0.0001, "100us"),
            (0.12345, "123.5ms"),
            (60.1, "1m 0s"),
            (12.3456, "12.35s"),
            (59.99, "59.99s"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(humanize(seconds), expected, "{seconds}");
        }
    }
}
