//! Entities in the values of attributes, as far as they change what a value means: those that stand for ASCII.

use std::borrow::Cow;

use crate::rune;

/// Names, each with its semicolon. A few old ones go without it.
const NAMED: &[(&str, char)] = &[
    ("AMP", '&'),
    ("DiacriticalGrave", '`'),
    ("GT", '>'),
    ("Hat", '^'),
    ("LT", '<'),
    ("NewLine", '\n'),
    ("NonBreakingSpace", '\u{a0}'),
    ("QUOT", '"'),
    ("Tab", '\t'),
    ("UnderBar", '_'),
    ("VerticalLine", '|'),
    ("amp", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dollar", '$'),
    ("equals", '='),
    ("excl", '!'),
    ("grave", '`'),
    ("gt", '>'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lsqb", '['),
    ("lt", '<'),
    ("midast", '*'),
    ("nbsp", '\u{a0}'),
    ("num", '#'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quest", '?'),
    ("quot", '"'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rcub", '}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("semi", ';'),
    ("sol", '/'),
    ("verbar", '|'),
    ("vert", '|'),
];

/// Those that go without it, also with more letters after them.
const OLD: &[&str] = &["AMP", "GT", "LT", "QUOT", "amp", "gt", "lt", "nbsp", "quot"];

/// What the numbers from 0x80 on stand for: Windows' characters.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The value with its entities read.
pub(super) fn decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'&') {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.iter().position(|byte| *byte == b'&') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        if let Some((character, length)) = entity(rest) {
            rune::push(&mut out, character);
            rest = &rest[length..];
        } else {
            out.push(b'&');
            rest = &rest[1..];
        }
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// What the text begins with, and its length.
fn entity(text: &[u8]) -> Option<(char, usize)> {
    if text.get(1) == Some(&b'#') {
        return numbered(text);
    }
    let length = text[1..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = &text[1..=length];
    let closed = text.get(1 + length) == Some(&b';');
    let known = NAMED.iter().find(|(known, _)| known.as_bytes() == name);
    if let (Some((_, character)), true) = (known, closed) {
        return Some((*character, length + 2));
    }
    let old = OLD.iter().filter(|old| name.starts_with(old.as_bytes())).max_by_key(|old| old.len())?;
    let (_, character) = NAMED.iter().find(|(known, _)| known == old)?;
    Some((*character, 1 + old.len()))
}

fn numbered(text: &[u8]) -> Option<(char, usize)> {
    let hex = matches!(text.get(2), Some(b'x' | b'X'));
    let (base, begin) = if hex { (16, 3) } else { (10, 2) };
    let digits = text.get(begin..)?.iter().take_while(|byte| char::from(**byte).is_digit(base));
    let mut length = begin;
    let mut code: u32 = 0;
    for digit in digits {
        code = code.saturating_mul(base).saturating_add(char::from(*digit).to_digit(base)?);
        length += 1;
    }
    // too short to be one
    if length + usize::from(text.get(length) == Some(&b';')) <= 3 {
        return None;
    }
    length += usize::from(text.get(length) == Some(&b';'));
    let windows = code.checked_sub(0x80).and_then(|at| WINDOWS.get(usize::try_from(at).ok()?));
    let character = match (windows, char::from_u32(code)) {
        (Some(windows), _) => *windows,
        (None, None | Some('\0')) => char::REPLACEMENT_CHARACTER,
        (None, Some(character)) => character,
    };
    Some((character, length))
}
