//! Go's quoted strings and characters, written and read.

use crate::rune;
use crate::unicode::is_print;

/// The string in double quotes, as `%q` writes it.
pub fn quoted(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    push_quoted(&mut out, bytes, b'"', false);
    // what is no UTF-8 was escaped
    String::from_utf8(out).unwrap_or_default()
}

/// Appends the string in quotes of that kind; with `ascii`, all beyond it escaped.
pub(crate) fn push_quoted(out: &mut Vec<u8>, bytes: &[u8], quote: u8, ascii: bool) {
    out.push(quote);
    for (character, bytes) in rune::all(bytes) {
        if rune::is_broken(character, bytes) {
            for byte in bytes {
                out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
        } else {
            push_escaped(out, character, quote, ascii);
        }
    }
    out.push(quote);
}

fn push_escaped(out: &mut Vec<u8>, character: char, quote: u8, ascii: bool) {
    if character == char::from(quote) || character == '\\' {
        out.push(b'\\');
        rune::push(out, character);
        return;
    }
    if is_print(character) && (!ascii || character.is_ascii()) {
        rune::push(out, character);
        return;
    }
    let escape = match character {
        '\x07' => "\\a".to_owned(),
        '\x08' => "\\b".to_owned(),
        '\x0c' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\x0b' => "\\v".to_owned(),
        '\0'..' ' | '\x7f' => format!("\\x{:02x}", u32::from(character)),
        '\u{80}'..='\u{ffff}' => format!("\\u{:04x}", u32::from(character)),
        _ => format!("\\U{:08x}", u32::from(character)),
    };
    out.extend_from_slice(escape.as_bytes());
}

/// Whether the string can stand between back quotes as it is.
pub(crate) fn can_be_raw(bytes: &[u8]) -> bool {
    rune::all(bytes).all(|(character, bytes)| {
        !rune::is_broken(character, bytes)
            && character != '\u{feff}'
            && (character >= ' ' || character == '\t')
            && character != '`'
            && character != '\x7f'
    })
}

/// The string that a literal in double or back quotes stands for.
pub(crate) fn unquoted(literal: &[u8]) -> Option<Vec<u8>> {
    let (quote, rest) = literal.split_first()?;
    let (last, inner) = rest.split_last()?;
    match (quote, quote == last) {
        (b'`', true) if !inner.contains(&b'`') => {
            Some(inner.iter().copied().filter(|byte| *byte != b'\r').collect())
        }
        (b'"', true) => {
            let mut out = Vec::with_capacity(inner.len());
            let mut rest = inner;
            while !rest.is_empty() {
                let (unit, tail) = unit(rest, b'"')?;
                match unit {
                    Unit::Char('\n') if rest.first() == Some(&b'\n') => return None,
                    Unit::Char(character) => rune::push(&mut out, character),
                    Unit::Byte(byte) => out.push(byte),
                }
                rest = tail;
            }
            Some(out)
        }
        _ => None,
    }
}

/// What one character or escape stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A character.
    Char(char),
    /// A byte.
    Byte(u8),
}

/// The first character or escape of the inside of a literal, and the rest.
pub(crate) fn unit(inside: &[u8], quote: u8) -> Option<(Unit, &[u8])> {
    let (first, rest) = inside.split_first()?;
    if *first == quote {
        return None;
    }
    if *first != b'\\' {
        let (character, width) = rune::first(inside)?;
        return Some((Unit::Char(character), inside.get(width..)?));
    }
    let (escape, rest) = rest.split_first()?;
    let plain = match escape {
        b'a' => '\x07',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'v' => '\x0b',
        b'\\' => '\\',
        b'\'' | b'"' if *escape == quote => char::from(quote),
        b'x' => {
            let (number, rest) = digits(rest, 2, 16)?;
            return Some((Unit::Byte(u8::try_from(number).ok()?), rest));
        }
        b'u' | b'U' => {
            let (number, rest) = digits(rest, if *escape == b'u' { 4 } else { 8 }, 16)?;
            return Some((Unit::Char(char::from_u32(number)?), rest));
        }
        b'0'..=b'7' => {
            let (number, rest) = digits(inside.get(1..)?, 3, 8)?;
            return Some((Unit::Byte(u8::try_from(number).ok()?), rest));
        }
        _ => return None,
    };
    Some((Unit::Char(plain), rest))
}

fn digits(text: &[u8], count: usize, base: u32) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let mut number: u32 = 0;
    for digit in digits {
        number = number.checked_mul(base)?.checked_add(char::from(*digit).to_digit(base)?)?;
    }
    Some((number, rest))
}

/// `U+0041 'A'`, as `%#U` writes it.
pub(crate) fn code_point(character: char) -> String {
    let number = u32::from(character);
    if is_print(character) { format!("U+{number:04X} '{character}'") } else { format!("U+{number:04X}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go() {
        for (bytes, expected) in [
            (&b"a\"b\\c"[..], r#""a\"b\\c""#),
            (b"\n\t\x07\x00\x7f", r#""\n\t\a\x00\x7f""#),
            (b"\xff\xc3", r#""\xff\xc3""#),
            ("é\u{a0}\u{200b}🙂\u{10ffff}\u{fffd}".as_bytes(), "\"é\\u00a0\\u200b🙂\\U0010ffff\u{fffd}\""),
        ] {
            assert_eq!(quoted(bytes), expected);
        }
    }

    #[test]
    fn unquotes_as_go() {
        for (literal, expected) in [
            (&br#""a\tb""#[..], Some(&b"a\tb"[..])),
            (br#""\xff\101\u00e9\U0001F642""#, Some(b"\xffA\xc3\xa9\xf0\x9f\x99\x82")),
            (b"`a\\n\r\n`", Some(b"a\\n\n")),
            (b"\"a\xffb\"", Some(b"a\xef\xbf\xbdb")),
            (br#""\'""#, None),
            (br#""\q""#, None),
            (br#""\x4""#, None),
            (br#""\400""#, None),
            (br#""\ud800""#, None),
            (b"\"a\nb\"", None),
            (b"\"", None),
        ] {
            assert_eq!(unquoted(literal).as_deref(), expected, "{}", String::from_utf8_lossy(literal));
        }
    }
}
