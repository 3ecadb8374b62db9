//! Values between tags and in attributes.

use super::attribute::{self, Content};
use super::context::{Context, Delim, Element, State};
use super::escapers::FILTERED;
use super::scan::{ends, transition};
use crate::rune;

/// What stands for a character, if not it itself.
pub(super) type Table = fn(char) -> Option<String>;

/// The text with what the table says.
pub(super) fn escaped(text: &[u8], table: Table) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (character, bytes) in rune::all(text) {
        match table(character) {
            Some(instead) => out.extend_from_slice(instead.as_bytes()),
            None => out.extend_from_slice(bytes),
        }
    }
    out
}

/// Between tags, and in quotes.
pub(super) fn quotes(character: char) -> Option<String> {
    if character == '&' { Some("&amp;".to_owned()) } else { normalized(character) }
}

/// The same for HTML, whose entities stay.
pub(super) fn normalized(character: char) -> Option<String> {
    let instead = match character {
        '\0' => "\u{fffd}",
        '"' => "&#34;",
        '\'' => "&#39;",
        '+' => "&#43;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => return None,
    };
    Some(instead.to_owned())
}

/// In an attribute without quotes.
pub(super) fn unquoted(character: char) -> Option<String> {
    if character == '&' { Some("&amp;".to_owned()) } else { unquoted_normalized(character) }
}

/// The same for HTML.
pub(super) fn unquoted_normalized(character: char) -> Option<String> {
    match character {
        '\0' => Some("&#xfffd;".to_owned()),
        '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ' | '=' | '`' => {
            Some(format!("&#{};", u32::from(character)))
        }
        // some browsers take none of these there
        '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' => Some(format!("&#x{:x};", u32::from(character))),
        _ => normalized(character),
    }
}

/// HTML without its tags and comments.
pub(super) fn without_tags(html: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut context = Context::default();
    let mut rest = html;
    let mut only_text = true;
    while !rest.is_empty() {
        if context.delim == Delim::None {
            // what is in a script or style is text here
            let raw = context.element != Element::None && !context.state.is_in_tag();
            let seen =
                if raw { Context { state: State::RcData, ..context.clone() } } else { context.clone() };
            // what cannot be read is no tag that could do anything
            let (next, taken) = transition(seen, rest).unwrap_or_else(|_| (context.clone(), rest.len()));
            if matches!(context.state, State::Text | State::RcData) {
                let mut end = taken;
                if next.state != context.state {
                    end = rest[..taken].iter().rposition(|byte| *byte == b'<').unwrap_or(taken);
                }
                out.extend_from_slice(&rest[..end]);
            } else {
                only_text = false;
            }
            if taken == 0 && next == context {
                break;
            }
            (context, rest) = (next, &rest[taken..]);
            continue;
        }
        let Some(end) = rest.iter().position(|byte| ends(context.delim, *byte)) else {
            break;
        };
        rest = &rest[end + usize::from(context.delim != Delim::Space)..];
        context = Context::tag(context.element);
    }
    if only_text {
        return html.to_vec();
    }
    if matches!(context.state, State::Text | State::RcData) {
        out.extend_from_slice(rest);
    }
    out
}

/// The name of an attribute that means nothing special.
pub(super) fn attribute_name(text: &[u8]) -> String {
    let name = String::from_utf8_lossy(text).to_lowercase();
    let harmless = name.chars().all(|character| matches!(character, '0'..='9' | 'a'..='z'));
    if name.is_empty() || attribute::content(&name) != Content::Plain || !harmless {
        return FILTERED.to_owned();
    }
    name
}
