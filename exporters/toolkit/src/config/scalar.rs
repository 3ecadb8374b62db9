//! Texts as bools and numbers, in the forms that Go's YAML readers accept.

use std::ops::RangeInclusive;

use super::node::Text;

/// Quoted text is never a bool.
pub(super) fn bool(text: &Text) -> Option<bool> {
    match plain(text)? {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Decimal, `0x`, `0o`, `0b`, with `_` between digits. A leading zero means octal to some readers and decimal to
/// others, so it is refused.
pub(super) fn integer(text: &Text) -> Option<i64> {
    let text = plain(text)?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = |prefix: &str, radix: u32| digits.strip_prefix(prefix).map(|digits| (digits, radix));
    let (digits, radix) = prefixed("0x", 16)
        .or_else(|| prefixed("0o", 8))
        .or_else(|| prefixed("0b", 2))
        .unwrap_or((digits, 10));
    let ambiguous = radix == 10 && digits.len() > 1 && digits.starts_with('0');
    if ambiguous || !digits.starts_with(|first: char| first.is_digit(radix)) || digits.ends_with('_') {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

pub(super) fn float(text: &Text) -> Option<f64> {
    let text = plain(text)?;
    let numeric = text.contains(|character: char| character.is_ascii_digit())
        && text.chars().all(|character| matches!(character, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
    numeric.then(|| text.parse().ok()).flatten().filter(|value: &f64| value.is_finite())
}

/// How a message names the numbers that are accepted.
pub(super) fn integer_range(range: &RangeInclusive<i64>) -> String {
    match (*range.start(), *range.end()) {
        (i64::MIN, i64::MAX) => "a whole number".to_owned(),
        (start, i64::MAX) => format!("a whole number of at least {start}"),
        (i64::MIN, end) => format!("a whole number of at most {end}"),
        (start, end) => format!("a whole number from {start} to {end}"),
    }
}

fn plain(text: &Text) -> Option<&str> {
    text.plain.then_some(text.text.as_str())
}

#[cfg(test)]
mod tests {
    use secrecy::zeroize::Zeroizing;

    use super::{Text, bool, float, integer};

    fn written(text: &str) -> Text {
        Text { text: Zeroizing::new(text.to_owned()), plain: true, binary: None }
    }

    #[test]
    fn bools() {
        let check = |text: &str, expected: Option<bool>| assert_eq!(bool(&written(text)), expected, "{text}");
        check("true", Some(true));
        check("Yes", Some(true));
        check("off", Some(false));
        check("tRue", None);
        check("1", None);
        assert_eq!(bool(&Text { plain: false, ..written("true") }), None);
    }

    #[test]
    fn integers() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(integer(&written(text)), expected, "{text}");
        check("0", Some(0));
        check("-7", Some(-7));
        check("+12", Some(12));
        check("1_000", Some(1000));
        check("0x1F", Some(31));
        check("0o17", Some(15));
        check("0b101", Some(5));
        check("-9223372036854775808", Some(i64::MIN));
        check("9223372036854775808", None);
        check("010", None);
        check("1_", None);
        check("_1", None);
        check("--1", None);
        check("-+1", None);
        check("0x", None);
        check("1.5", None);
        check("", None);
    }

    #[test]
    fn floats() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(float(&written(text)), expected, "{text}");
        check("1", Some(1.0));
        check("-2.5e3", Some(-2500.0));
        check(".5", Some(0.5));
        check("1e999", None);
        check("nan", None);
        check(".inf", None);
        check("e", None);
        check("", None);
    }
}
