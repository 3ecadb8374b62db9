//! Number literals, read into each of the types that can hold them.

use std::borrow::Cow;

use crate::quote::{Unit, quoted, unit};
use crate::tree::Number;

/// What 2^63 and 2^64 are as floats: the first that the integers cannot hold.
const INT_END: f64 = 9_223_372_036_854_775_808.0;
const UINT_END: f64 = 18_446_744_073_709_551_616.0;

/// Reads a character constant.
pub(super) fn character(text: &[u8]) -> Result<Number, String> {
    let inside = text.get(1..).unwrap_or_default();
    let (unit, tail) = unit(inside, b'\'').ok_or("invalid syntax")?;
    if tail != b"'" {
        return Err(format!("malformed character constant: {}", String::from_utf8_lossy(text)));
    }
    let number = match unit {
        Unit::Char(character) => u32::from(character),
        Unit::Byte(byte) => u32::from(byte),
    };
    Ok(Number {
        text: text.into(),
        int: Some(i64::from(number)),
        uint: Some(u64::from(number)),
        float: Some(f64::from(number)),
        complex: None,
    })
}

/// Reads `1+2i`.
pub(super) fn complex(text: &[u8]) -> Result<Number, String> {
    let (real, rest) = float_token(text);
    if !rest.first().is_some_and(|sign| b"+-".contains(sign)) {
        return Err("syntax error scanning complex number".to_owned());
    }
    let (_, after_sign) = rest.split_at_checked(1).unwrap_or_default();
    let (imaginary, end) = float_token(after_sign);
    if end.first() != Some(&b'i') {
        return Err("syntax error scanning complex number".to_owned());
    }
    let imaginary = rest.get(..=imaginary.len()).unwrap_or_default();
    let parsed = |token: &[u8]| {
        float(token).map_err(|problem| format!("strconv.ParseFloat: parsing {}: {problem}", quoted(token)))
    };
    Ok(of_complex(text, parsed(real)?, parsed(imaginary)?))
}

/// What Go's scanner takes for a float, and the rest.
fn float_token(text: &[u8]) -> (&[u8], &[u8]) {
    let mut length = usize::from(text.first().is_some_and(|sign| b"+-".contains(sign)));
    let run = |from: usize, valid: fn(&u8) -> bool| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| valid(byte)).count()
    };
    // it looks for `Inf` first, and takes what it has read of it
    length += usize::from(text.get(length).is_some_and(|sign| b"iI".contains(sign)));
    let is_hex = text.get(length) == Some(&b'0') && text.get(length + 1).is_some_and(|x| b"xX".contains(x));
    let digit: fn(&u8) -> bool = if is_hex {
        |byte| byte.is_ascii_hexdigit() || *byte == b'_'
    } else {
        |byte| byte.is_ascii_digit() || *byte == b'_'
    };
    length = run(length + if is_hex { 2 } else { 0 }, digit);
    if text.get(length) == Some(&b'.') {
        length = run(length + 1, digit);
    }
    let exponent: &[u8] = if is_hex { b"pP" } else { b"eEpP" };
    if text.get(length).is_some_and(|byte| exponent.contains(byte)) {
        length += 1;
        length += usize::from(text.get(length).is_some_and(|sign| b"+-".contains(sign)));
        length = run(length, |byte| byte.is_ascii_digit() || *byte == b'_');
    }
    text.split_at_checked(length).unwrap_or((text, &[]))
}

/// Reads any other number.
pub(super) fn plain(text: &[u8]) -> Result<Number, String> {
    if let Some(digits) = text.strip_suffix(b"i")
        && let Ok(imaginary) = float(digits)
    {
        return Ok(of_complex(text, 0.0, imaginary));
    }
    let mut number =
        Number { text: text.into(), uint: unsigned(text), int: signed(text), ..Number::default() };
    if number.int == Some(0) {
        // -0
        number.uint = Some(0);
    }
    #[expect(clippy::cast_precision_loss, reason = "so Go promotes an integer to a float")]
    match (number.int, number.uint) {
        (Some(int), _) => number.float = Some(int as f64),
        (None, Some(uint)) => number.float = Some(uint as f64),
        (None, None) => {
            let Ok(value) = float(text) else {
                return Err(format!("illegal number syntax: {}", quoted(text)));
            };
            if !text.iter().any(|byte| b".eEpP".contains(byte)) {
                return Err(format!("integer overflow: {}", quoted(text)));
            }
            number.float = Some(value);
            number.int = as_int(value);
            number.uint = as_uint(value);
        }
    }
    Ok(number)
}

fn of_complex(text: &[u8], real: f64, imaginary: f64) -> Number {
    let float = (imaginary == 0.0).then_some(real);
    Number {
        text: text.into(),
        int: float.and_then(as_int),
        uint: float.and_then(as_uint),
        float,
        complex: Some((real, imaginary)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "its range was looked at")]
fn as_int(value: f64) -> Option<i64> {
    ((-INT_END..INT_END).contains(&value) && is_whole(value)).then_some(value as i64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "its range was looked at")]
fn as_uint(value: f64) -> Option<u64> {
    ((0.0..UINT_END).contains(&value) && is_whole(value)).then_some(value as u64)
}

#[expect(clippy::float_cmp, reason = "a number is whole or not")]
fn is_whole(value: f64) -> bool {
    value.trunc() == value
}

/// An unsigned integer in any base.
fn unsigned(text: &[u8]) -> Option<u64> {
    let lower = |position: usize| text.get(position).map(u8::to_ascii_lowercase);
    let (base, digits) = match (text.first(), lower(1)) {
        (Some(b'0'), Some(b'x')) if text.len() > 2 => (16, text.get(2..)?),
        (Some(b'0'), Some(b'o')) if text.len() > 2 => (8, text.get(2..)?),
        (Some(b'0'), Some(b'b')) if text.len() > 2 => (2, text.get(2..)?),
        (Some(b'0'), Some(_)) => (8, text.get(1..)?),
        (Some(_), _) => (10, text),
        (None, _) => return None,
    };
    let mut number: u64 = 0;
    for digit in digits.iter().filter(|digit| **digit != b'_') {
        let digit = char::from(*digit).to_digit(base)?;
        number = number.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
    }
    let has_digits = digits.iter().any(u8::is_ascii_hexdigit);
    (has_digits && underscores_fit(text)).then_some(number)
}

/// A signed integer in any base.
fn signed(text: &[u8]) -> Option<i64> {
    match text.split_first()? {
        (b'-', digits) => 0_i64.checked_sub_unsigned(unsigned(digits)?),
        (b'+', digits) => i64::try_from(unsigned(digits)?).ok(),
        _ => i64::try_from(unsigned(text)?).ok(),
    }
}

/// Whether each underscore stands between digits, or between a base's prefix and a digit.
fn underscores_fit(text: &[u8]) -> bool {
    let mut rest = text;
    if let Some((b'+' | b'-', after)) = rest.split_first() {
        rest = after;
    }
    let (mut before, mut hex) = (b'^', false);
    if let [b'0', prefix, after @ ..] = rest
        && b"xXoObB".contains(prefix)
    {
        (before, hex, rest) = (b'0', prefix.eq_ignore_ascii_case(&b'x'), after);
    }
    for byte in rest {
        if byte.is_ascii_digit() || hex && byte.is_ascii_hexdigit() {
            before = b'0';
        } else if *byte == b'_' {
            if before != b'0' {
                return false;
            }
            before = b'_';
        } else {
            if before == b'_' {
                return false;
            }
            before = b'!';
        }
    }
    before != b'_'
}

/// A float, decimal or hexadecimal.
fn float(text: &[u8]) -> Result<f64, &'static str> {
    const SYNTAX: &str = "invalid syntax";
    if text.contains(&b'_') && !underscores_fit(text) {
        return Err(SYNTAX);
    }
    let digits: Cow<'_, [u8]> = if text.contains(&b'_') {
        text.iter().copied().filter(|byte| *byte != b'_').collect()
    } else {
        Cow::Borrowed(text)
    };
    let digits = std::str::from_utf8(&digits).map_err(|_| SYNTAX)?;
    let unsigned = digits.trim_start_matches(['+', '-']);
    if unsigned.len() + 1 < digits.len()
        || !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
    {
        return Err(SYNTAX);
    }
    let value = if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        hexadecimal(hex).ok_or(SYNTAX)?
    } else {
        unsigned.parse().map_err(|_| SYNTAX)?
    };
    if value.is_infinite() {
        return Err("value out of range");
    }
    Ok(if digits.starts_with('-') { -value } else { value })
}

/// A hexadecimal float after its `0x`, rounded to even.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || exponent.trim_start_matches(['+', '-']).is_empty() {
        return None;
    }
    // what is beyond the range of an i32 is beyond every float
    let mut power = match exponent.parse::<i64>() {
        Ok(power) => power,
        Err(_) if exponent.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit()) => {
            if exponent.starts_with('-') {
                -1_000_000_000
            } else {
                1_000_000_000
            }
        }
        Err(_) => return None,
    }
    .clamp(-1_000_000_000, 1_000_000_000);
    let (mut mantissa, mut sticky): (u64, bool) = (0, false);
    for (position, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = digit.to_digit(16)?;
        let in_fraction = position >= whole.len();
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            power -= if in_fraction { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            power += if in_fraction { 0 } else { 4 };
        }
    }
    Some(scaled(mantissa, sticky, power))
}

/// mantissa × 2^power, rounded once, to the nearest even.
fn scaled(mantissa: u64, sticky: bool, power: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let bits = i64::from(64 - mantissa.leading_zeros());
    // the highest bit stands for 2^top
    let top = power + bits - 1;
    if top > 1023 {
        return f64::INFINITY;
    }
    // how many bits a float keeps of it: 53, and fewer where it is subnormal
    let kept = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    if kept < 0 {
        return 0.0;
    }
    let dropped = (bits - kept).max(0);
    let (mut number, rest, half) = match u32::try_from(dropped).unwrap_or(64) {
        0 => (mantissa, 0, 1),
        64.. => (0, mantissa, 1 << 63),
        dropped => (mantissa >> dropped, mantissa & ((1 << dropped) - 1), 1 << (dropped - 1)),
    };
    if rest > half || rest == half && dropped > 0 && (sticky || number & 1 == 1) {
        number += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "it has 53 bits at most, or is a power of two")]
    let mut value = number as f64;
    let mut power = power + dropped;
    while power != 0 {
        let step = i32::try_from(power.clamp(-1000, 1000)).unwrap_or_default();
        value *= 2_f64.powi(step);
        power -= i64::from(step);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_in_every_base() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+7", Some(7)),
            ("0x1F", Some(31)),
            ("0b1010", Some(10)),
            ("0o17", Some(15)),
            ("017", Some(15)),
            ("1_000", Some(1000)),
            ("0x_1F", Some(31)),
            ("1__0", None),
            ("1_", None),
            ("089", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1e3", Some(1000)),
            ("1e19", None),
            ("2.0", Some(2)),
            ("2.5", None),
            ("4i", None),
            ("0i", Some(0)),
        ] {
            assert_eq!(plain(text.as_bytes()).ok().and_then(|number| number.int), expected, "{text}");
        }
    }

    #[test]
    fn reads_floats_as_go() {
        for (text, expected) in [
            ("1e3", Ok(1000.0)),
            (".5", Ok(0.5)),
            ("1.", Ok(1.0)),
            ("-1.5e-3", Ok(-0.0015)),
            ("0x1p-2", Ok(0.25)),
            ("0x1.8p3", Ok(12.0)),
            ("0X.8P1", Ok(1.0)),
            ("0x1.fffffffffffff8p0", Ok(2.0)),
            ("0x1p-1074", Ok(5e-324)),
            ("0x1p-1075", Ok(0.0)),
            ("0x1.8p-1075", Ok(5e-324)),
            ("0x1p1024", Err("value out of range")),
            ("0x10", Err("invalid syntax")),
            ("1e999", Err("value out of range")),
            ("1_0.5_0", Ok(10.5)),
            ("1._5", Err("invalid syntax")),
            ("e5", Err("invalid syntax")),
            ("++1", Err("invalid syntax")),
            (".", Err("invalid syntax")),
        ] {
            assert_eq!(float(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn refuses_in_gos_words() {
        for (found, expected) in [
            (plain(b"089"), "integer overflow: \"089\""),
            (plain(b"1e999"), "illegal number syntax: \"1e999\""),
            (plain(b"18446744073709551616"), "integer overflow: \"18446744073709551616\""),
            (complex(b"1+i"), "syntax error scanning complex number"),
            (complex(b"-i+2i"), "strconv.ParseFloat: parsing \"-i\": invalid syntax"),
            (complex(b"1+e2i"), "strconv.ParseFloat: parsing \"+e2\": invalid syntax"),
            (complex(b"0b1+2i"), "syntax error scanning complex number"),
            (character(b"''"), "invalid syntax"),
            (character(b"'ab'"), "malformed character constant: 'ab'"),
        ] {
            assert_eq!(found.map(|number| number.text), Err(expected.to_owned()));
        }
        assert_eq!(complex(b"1-2i").map(|number| number.complex), Ok(Some((1.0, -2.0))));
        assert_eq!(character(br"'\n'").map(|number| number.int), Ok(Some(10)));
    }
}
