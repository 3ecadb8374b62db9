//! Text of a page: what it does to the context, and how it is written: without comments, and with what is no tag escaped.

use super::context::{Context, Delim, State};
use super::scan::{EndTag, find, step};

/// What begins a document, the only sign that is written as it is though it opens no element.
const DOCTYPE: &[u8] = b"<!doctype";

/// The context after a text, and the text to be written if it is another one.
pub(super) fn read(context: Context, text: &[u8]) -> Result<(Context, Option<Vec<u8>>), String> {
    let mut context = context;
    let mut out = Vec::new();
    // how much of the text is in `out`, or left out
    let (mut written, mut at) = (0, 0);
    let mut ends = EndTag::default();
    while at < text.len() {
        let (next, taken) = step(&context, text, at, &mut ends)?;
        let end = at + taken;
        let raw = next.delim == Delim::None;
        if matches!(context.state, State::Text | State::RcData) {
            let changes = next.state != context.state;
            let tag = text[at..end].iter().rposition(|byte| *byte == b'<').filter(|_| changes);
            let plain_end = tag.map_or(end, |tag| at + tag);
            escape_signs(text, at..plain_end, &mut written, &mut out);
        } else if context.state.is_comment() && context.delim == Delim::None {
            out.extend_from_slice(instead_of_comment(context.state, &text[written..end]));
            written = end;
        }
        if next.state != context.state && next.state.is_comment() && raw {
            out.extend_from_slice(&text[written..end - opening(next.state)]);
            written = end;
        }
        if context.state.is_script_literal() && has_script_tag(&text[at..end]) {
            out.extend_from_slice(&text[written..at]);
            escape_script_tags(&text[at..end], &mut out);
            written = end;
        }
        if end == at && next.state == context.state {
            return Err("a text leads nowhere".to_owned());
        }
        (context, at) = (next, end);
    }
    if written == 0 {
        return Ok((context, None));
    }
    if !context.state.is_comment() || context.delim != Delim::None {
        out.extend_from_slice(&text[written..]);
    }
    Ok((context, Some(out)))
}

/// A `<` that begins no tag is one in the page, too.
fn escape_signs(text: &[u8], range: std::ops::Range<usize>, written: &mut usize, out: &mut Vec<u8>) {
    for at in range {
        let begins =
            text.get(at..at + DOCTYPE.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(DOCTYPE));
        if text[at] == b'<' && !begins {
            out.extend_from_slice(&text[*written..at]);
            out.extend_from_slice(b"&lt;");
            *written = at + 1;
        }
    }
}

/// A comment is left out, but not what it separates.
fn instead_of_comment(state: State, comment: &[u8]) -> &'static [u8] {
    let has_line = || {
        let wide = ["\u{2028}", "\u{2029}"].iter().any(|end| find(comment, end.as_bytes()).is_some());
        wide || comment.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
    };
    match state {
        State::JsBlockComment if has_line() => b"\n",
        State::JsBlockComment | State::CssBlockComment => b" ",
        _ => b"",
    }
}

/// The length of what begins such a comment.
fn opening(state: State) -> usize {
    match state {
        State::HtmlComment | State::JsOpenComment => 4,
        State::JsCloseComment => 3,
        _ => 2,
    }
}

/// Signs that mean something to a page in the midst of a script's strings.
const SCRIPT_TAGS: &[&[u8]] = &[b"<script", b"</script", b"<!--"];

fn begins_script_tag(text: &[u8]) -> bool {
    let begins = |tag: &&[u8]| text.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag));
    SCRIPT_TAGS.iter().any(begins)
}

fn has_script_tag(text: &[u8]) -> bool {
    (0..text.len()).any(|at| begins_script_tag(&text[at..]))
}

fn escape_script_tags(text: &[u8], out: &mut Vec<u8>) {
    for at in 0..text.len() {
        if begins_script_tag(&text[at..]) {
            out.extend_from_slice(b"\\x3C");
        } else {
            out.push(text[at]);
        }
    }
}
