//! Values in styles.

use super::escapers::FILTERED;
use super::scan::is_space;
use super::style::{decoded, is_name};

/// In a string or URL.
pub(super) fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            0 | b'\t' | b'\n' | 0x0c | b'\r' | b'"' | b'&' | b'\'' | b'(' | b')' | b'+' | b'/' | b':'
            | b';' | b'<' | b'>' | b'{' | b'}' => {
                out.extend_from_slice(format!("\\{byte:x}").as_bytes());
                // a space ends the number, where more digits could follow
                let next = text.get(at + 1);
                if next.is_none_or(|next| next.is_ascii_hexdigit() || is_space(*next)) {
                    out.push(b' ');
                }
            }
            _ => out.push(*byte),
        }
    }
    out
}

/// As a value: words, numbers, colours.
pub(super) fn value(text: &[u8]) -> Vec<u8> {
    let value = decoded(text);
    let bad = |byte: &u8| b"\0\"'()/;@[\\]`{}<>".contains(byte);
    // `--` would begin or end a comment
    if value.iter().any(bad) || value.windows(2).any(|pair| pair == b"--") {
        return FILTERED.into();
    }
    // `-moz-binding` and the like, without signs
    let word: Vec<u8> =
        value.iter().filter(|byte| is_name(**byte) && **byte != b'-').map(u8::to_ascii_lowercase).collect();
    let has = |wanted: &[u8]| word.windows(wanted.len()).any(|window| window == wanted);
    if has(b"expression") || has(b"mozbinding") { FILTERED.into() } else { value }
}
