//! Values in scripts.

use super::page::escaped;
use super::scan::find;
use super::script::is_name;
use crate::json::json;
use crate::{Object, Value, sprint};

/// As a value: as JSON.
pub(super) fn value(values: &[Value]) -> Vec<u8> {
    let shown = match values {
        // by its own JSON or by its kind, unless it shows as a text
        [value] => {
            let plain = value.as_object().filter(|object| object.json().is_none());
            plain.and_then(Object::text).map_or_else(|| value.clone(), Value::String)
        }
        _ => Value::String(sprint(values)),
    };
    let json = match json(&shown) {
        Ok(json) => json,
        Err(failure) => return format!(" /* {} */null ", harmless(&failure.to_string())).into_bytes(),
    };
    // a word or number must not run into the next one
    let pads = [json.first(), json.last()].into_iter().flatten().any(|byte| is_name(*byte));
    let pad: &[u8] = if pads { b" " } else { b"" };
    [pad, &json, pad].concat()
}

/// A message that can stand in a comment.
fn harmless(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some(character) = rest.chars().next() {
        let lower = rest.as_bytes().get(..8).unwrap_or(rest.as_bytes()).to_ascii_lowercase();
        let script = find(&lower, b"<script") == Some(0) || find(&lower, b"</script") == Some(0);
        match character {
            '<' if script || rest.starts_with("<!--") => out.push_str("\\x3C"),
            '*' if rest.starts_with("*/") => out.push_str("* "),
            _ => out.push(character),
        }
        rest = rest.strip_prefix(character).unwrap_or_default();
    }
    out
}

/// In a string in quotes.
pub(super) fn in_string(text: &[u8]) -> Vec<u8> {
    escaped(text, |character| match character {
        '"' | '`' | '&' | '\'' | '+' | '<' | '>' => Some(by_number(character)),
        '/' | '\\' => Some(format!("\\{character}")),
        _ => control(character),
    })
}

/// In a template literal.
pub(super) fn in_template(text: &[u8]) -> Vec<u8> {
    escaped(text, |character| match character {
        '"' | '`' | '&' | '\'' | '+' | '<' | '>' | '$' | '{' | '}' => Some(by_number(character)),
        '/' | '\\' => Some(format!("\\{character}")),
        _ => control(character),
    })
}

/// In a regular expression.
pub(super) fn in_regexp(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        // `//` would be a comment
        return b"(?:)".to_vec();
    }
    escaped(text, |character| match character {
        '"' | '&' | '\'' | '+' | '<' | '>' => Some(by_number(character)),
        '$' | '(' | ')' | '*' | '-' | '.' | '/' | '?' | '[' | '\\' | ']' | '^' | '{' | '|' | '}' => {
            Some(format!("\\{character}"))
        }
        _ => control(character),
    })
}

/// What is no sign, and what ends a line.
fn control(character: char) -> Option<String> {
    match character {
        '\t' => Some("\\t".to_owned()),
        '\n' => Some("\\n".to_owned()),
        '\x0c' => Some("\\f".to_owned()),
        '\r' => Some("\\r".to_owned()),
        '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => Some(by_number(character)),
        _ => None,
    }
}

fn by_number(character: char) -> String {
    format!("\\u{:04x}", u32::from(character))
}
