//! How text changes the context in a style.

use super::context::{Context, State};
use super::scan::{Step, find, in_url, is_space, skip_space};
use crate::quote::quoted;
use crate::rune;

/// Reads on in a style.
pub(super) fn transition(context: Context, text: &[u8]) -> Step {
    match context.state {
        State::Css => Ok(in_rules(context, text)),
        State::CssBlockComment => Ok(match find(text, b"*/") {
            Some(at) => (Context { state: State::Css, ..context }, at + 2),
            None => (context, text.len()),
        }),
        State::CssLineComment => {
            Ok(match text.iter().position(|byte| matches!(byte, b'\n' | 0x0c | b'\r')) {
                Some(at) => (Context { state: State::Css, ..context }, at),
                None => (context, text.len()),
            })
        }
        _ => in_literal(context, text),
    }
}

fn in_rules(context: Context, text: &[u8]) -> (Context, usize) {
    let to = |state| Context { state, ..context.clone() };
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| b"(\"'/".contains(byte)).map(|at| from + at) {
        match (text[at], text.get(at + 1)) {
            (b'(', _) if ends_with_url(&text[..at]) => {
                let inside = skip_space(text, at + 1);
                return match text.get(inside) {
                    Some(b'"') => (to(State::CssDoubleUrl), inside + 1),
                    Some(b'\'') => (to(State::CssSingleUrl), inside + 1),
                    _ => (to(State::CssUrl), inside),
                };
            }
            (b'/', Some(b'/')) => return (to(State::CssLineComment), at + 2),
            (b'/', Some(b'*')) => return (to(State::CssBlockComment), at + 2),
            (b'"', _) => return (to(State::CssDouble), at + 1),
            (b'\'', _) => return (to(State::CssSingle), at + 1),
            _ => {}
        }
        from = at + 1;
    }
    (context, text.len())
}

/// Whether the word `url` stands at the end, and white space after it.
fn ends_with_url(text: &[u8]) -> bool {
    let end = text.iter().rposition(|byte| !is_space(*byte)).map_or(0, |at| at + 1);
    let Some(begin) = end.checked_sub(3) else {
        return false;
    };
    // part of a longer word otherwise; bytes beyond ASCII belong to letters
    let longer = text[..begin].last().is_some_and(|byte| is_name(*byte) || !byte.is_ascii());
    !longer && text[begin..end].eq_ignore_ascii_case(b"url")
}

/// Whether it may be in a name.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Any string may be a URL.
fn in_literal(mut context: Context, text: &[u8]) -> Step {
    let ends: &[u8] = match context.state {
        State::CssDouble | State::CssDoubleUrl => b"\\\"",
        State::CssSingle | State::CssSingleUrl => b"\\'",
        _ => b"\\\t\n\x0c\r )",
    };
    // an escape is read as far as the next one, so that all its digits are there
    let (mut from, mut escape) = (0, 0);
    while let Some(at) = text[from..].iter().position(|byte| ends.contains(byte)).map(|at| from + at) {
        if text[at] != b'\\' {
            return Ok((Context { state: State::Css, ..context }, at + 1));
        }
        if at + 1 == text.len() {
            return Err(format!("unfinished escape sequence in CSS string: {}", quoted(text)));
        }
        context = in_url(context, &decoded(&text[escape..at + 2]));
        (from, escape) = (at + 2, at);
    }
    Ok((in_url(context, &decoded(&text[from..])), text.len()))
}

/// The text with its escapes (`\3f `, `\"`) read.
pub(super) fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        if rest.len() < 2 {
            return out;
        }
        let digits = rest[1..].iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits == 0 {
            let width = rune::first(&rest[1..]).map_or(1, |(_, width)| width);
            out.extend_from_slice(&rest[1..=width]);
            rest = &rest[1 + width..];
            continue;
        }
        let (code, used) = code_point(&rest[1..=digits]);
        rune::push(&mut out, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = skip_one_space(&rest[1 + used..]);
    }
    out.extend_from_slice(rest);
    out
}

/// The number, and how many of its digits it is made of: the last one is left over when it is too big.
fn code_point(digits: &[u8]) -> (u32, usize) {
    let value = |digits: &[u8]| {
        digits.iter().fold(0, |code, digit| code * 16 + char::from(*digit).to_digit(16).unwrap_or_default())
    };
    let code = value(digits);
    if code > u32::from(char::MAX) { (code / 16, digits.len() - 1) } else { (code, digits.len()) }
}

/// The space after an escape ends it.
fn skip_one_space(text: &[u8]) -> &[u8] {
    match text {
        [b'\r', b'\n', rest @ ..] => rest,
        [first, rest @ ..] if is_space(*first) => rest,
        _ => text,
    }
}
