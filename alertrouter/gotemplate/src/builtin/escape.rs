//! `html`, `js`, `urlquery`.

use crate::{Str, rune, unicode};

/// For the text of HTML and for quoted attributes.
pub(crate) fn html(text: &Str) -> Str {
    let special = |byte: &u8| matches!(byte, 0 | b'"' | b'\'' | b'&' | b'<' | b'>');
    if !text.iter().any(special) {
        return text.clone();
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for byte in text.iter() {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            other => out.push(*other),
        }
    }
    out.into()
}

/// For strings of JavaScript.
pub(super) fn js(text: &Str) -> Str {
    let mut out = Vec::with_capacity(text.len());
    for (character, bytes) in rune::all(text) {
        match character {
            '\\' => out.extend_from_slice(br"\\"),
            '\'' => out.extend_from_slice(br"\'"),
            '"' => out.extend_from_slice(br#"\""#),
            '<' | '>' | '&' | '=' | '\0'..' ' => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(character)).as_bytes());
            }
            ' '..'\u{80}' => out.extend_from_slice(bytes),
            _ if unicode::is_print(character) => out.extend_from_slice(bytes),
            _ => out.extend_from_slice(format!("\\u{:04X}", u32::from(character)).as_bytes()),
        }
    }
    out.into()
}

/// For the values of a URL's query.
pub(super) fn url_query(text: &Str) -> Str {
    let mut out = Vec::with_capacity(text.len());
    for byte in text.iter() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            other => out.extend_from_slice(format!("%{other:02X}").as_bytes()),
        }
    }
    out.into()
}
