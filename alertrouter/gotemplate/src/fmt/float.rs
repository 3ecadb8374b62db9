//! Floats as text, in each of the forms that Go has.

use std::iter;

/// A float in the form of a verb: `e`, `E`, `f`, `g`, `G`, `b`, `x`, `X`. Without a precision, with as many digits as it takes
/// to read the same float back.
pub(super) fn written(number: f64, verb: char, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number < 0.0 { "-Inf" } else { "+Inf" }.to_owned();
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let size = number.abs();
    let text = match verb {
        'b' => binary(size),
        'x' | 'X' => hexadecimal(size, precision),
        'f' => precision.map_or_else(|| format!("{size}"), |precision| fixed(size, precision)),
        'g' | 'G' => general(size, precision),
        _ => exponential(&scientific(size, precision)),
    };
    let text = if matches!(verb, 'E' | 'G' | 'X') { text.to_uppercase() } else { text };
    format!("{sign}{text}")
}

/// No float has more digits than this behind the point that are no zeros; the standard library's formatter panics for
/// precisions that Go takes.
const MAX_DIGITS: usize = 1100;

fn fixed(size: f64, precision: usize) -> String {
    let kept = precision.min(MAX_DIGITS);
    let mut text = format!("{size:.kept$}");
    text.extend(iter::repeat_n('0', precision - kept));
    text
}

/// `1.5e7`, with that many digits behind the point.
fn scientific(size: f64, precision: Option<usize>) -> String {
    let Some(precision) = precision else { return format!("{size:e}") };
    let kept = precision.min(MAX_DIGITS);
    let text = format!("{size:.kept$e}");
    if kept == precision {
        return text;
    }
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{digits}{}e{exponent}", "0".repeat(precision - kept))
}

/// Whether it is one that digits write.
pub(super) fn is_number(text: &str) -> bool {
    !matches!(text, "NaN" | "Inf")
}

/// `1.5e7` as Go writes it, `1.5e+07`.
fn exponential(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn general(size: f64, precision: Option<usize>) -> String {
    if size == 0.0 {
        return "0".to_owned();
    }
    // a precision counts all digits here, and none counts as one
    let wanted = precision.map(|precision| precision.max(1));
    let text = scientific(size, wanted.map(|wanted| (wanted - 1).min(MAX_DIGITS)));
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits =
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let threshold = wanted.map_or(6, |wanted| i64::try_from(wanted).unwrap_or(i64::MAX));
    if exponent < -4 || exponent >= threshold {
        return exponential(&format!("{digits}e{exponent}"));
    }
    // as many decimals as there are digits left behind the point
    let count = i64::try_from(digits.bytes().filter(u8::is_ascii_digit).count()).unwrap_or_default();
    let decimals = usize::try_from(count - 1 - exponent).unwrap_or_default();
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    place_point(&digits, exponent, decimals)
}

/// Digits with zeros behind them.
fn with_zeros(digits: &str, least: usize) -> String {
    let mut out = digits.to_owned();
    out.extend(iter::repeat_n('0', least.saturating_sub(digits.len())));
    out
}

/// Digits with the point where the exponent of the first one puts it.
fn place_point(digits: &str, exponent: i64, decimals: usize) -> String {
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
        return format!("0.{zeros}{digits}");
    };
    if whole == 0 {
        return format!("0.{digits}");
    }
    let padded = with_zeros(digits, whole);
    let (before, after) = padded.split_at_checked(whole).unwrap_or((&padded, ""));
    if decimals == 0 { before.to_owned() } else { format!("{before}.{after}") }
}

/// The 53 bits before the point and the power of two of the last but 52, as the bits of a float say.
fn parts(size: f64) -> (u64, i64) {
    let bits = size.to_bits();
    let exponent = (bits >> 52 & 0x7ff).cast_signed();
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 { (fraction, -1022) } else { (fraction | 1 << 52, exponent - 1023) }
}

fn binary(size: f64) -> String {
    let (mantissa, exponent) = parts(size);
    format!("{mantissa}p{:+}", exponent - 52)
}

fn hexadecimal(size: f64, precision: Option<usize>) -> String {
    let (mantissa, mut exponent) = parts(size);
    // the leading one at bit 60, so that hexadecimal digits follow
    let mut bits = mantissa << 8;
    if bits == 0 {
        exponent = 0;
    }
    while bits != 0 && bits & 1 << 60 == 0 {
        bits <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let kept = 4 * u32::try_from(precision).unwrap_or_default();
        let extra = bits << kept & ((1 << 60) - 1);
        bits >>= 60 - kept;
        if extra | bits & 1 > 1 << 59 {
            bits += 1;
        }
        bits <<= 60 - kept;
        if bits & 1 << 61 != 0 {
            bits >>= 1;
            exponent += 1;
        }
    }
    let lead = bits >> 60 & 1;
    let digits = format!("{:015x}", bits & ((1 << 60) - 1));
    let digits = match precision {
        None => digits.trim_end_matches('0').to_owned(),
        Some(precision) => with_zeros(&digits, precision).chars().take(precision).collect(),
    };
    let point = if digits.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x{lead}{point}{digits}p{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_floats_as_go() {
        for (number, verb, precision, expected) in [
            (0.0, 'g', None, "0"),
            (-0.0, 'g', None, "-0"),
            (1.0, 'g', None, "1"),
            (100_000.0, 'g', None, "100000"),
            (1_000_000.0, 'g', None, "1e+06"),
            (123_456_789.0, 'g', None, "1.23456789e+08"),
            (0.0001, 'g', None, "0.0001"),
            (0.00001, 'g', None, "1e-05"),
            (0.1 + 0.2, 'g', None, "0.30000000000000004"),
            (1234.5678, 'g', Some(3), "1.23e+03"),
            (1234.5678, 'g', Some(6), "1234.57"),
            (100.0, 'g', Some(10), "100"),
            (0.0001, 'g', Some(0), "0.0001"),
            (2.5, 'f', Some(0), "2"),
            (1e21, 'f', None, "1000000000000000000000"),
            (1.5, 'e', Some(3), "1.500e+00"),
            (1e100, 'E', None, "1E+100"),
            (1.0, 'b', None, "4503599627370496p-52"),
            (1.0, 'x', None, "0x1p+00"),
            (-23.5, 'x', None, "-0x1.78p+04"),
            (-23.5, 'X', Some(1), "-0X1.8P+04"),
            (1.0, 'x', Some(3), "0x1.000p+00"),
            (5e-324, 'x', None, "0x1p-1074"),
            (0.0, 'x', None, "0x0p+00"),
            (f64::INFINITY, 'g', None, "+Inf"),
            (f64::NAN, 'e', Some(2), "NaN"),
        ] {
            assert_eq!(written(number, verb, precision), expected, "{number} %{verb} {precision:?}");
        }
    }
}
