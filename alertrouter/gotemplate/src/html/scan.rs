//! How text changes the context: a little of it at a time.

use super::attribute::{self, Content};
use super::context::{Attr, Context, Delim, Element, State, UrlPart};
use super::{entity, script, style};
use crate::quote::quoted;
use crate::rune;

/// A new context and the number of bytes that led to it; or why nobody can say.
pub(super) type Step = Result<(Context, usize), String>;

/// Characters of a message's excerpt.
const EXCERPT: usize = 32;

/// Reads on from a context. Some byte is taken, or the context changes. `ends` is where the last end tag was found.
pub(super) fn step(context: &Context, text: &[u8], at: usize, ends: &mut EndTag) -> Step {
    let rest = &text[at..];
    if context.delim != Delim::None {
        return attribute_value(context, rest);
    }
    match ends.after(context, text, at) {
        Some(end) if end == at => Ok((Context::default(), 0)),
        Some(end) => transition(context.clone(), &text[at..end]),
        None => transition(context.clone(), rest),
    }
}

/// Where the next end tag of an element is; it is looked for once, as texts may be long.
#[derive(Debug, Default)]
pub(super) struct EndTag {
    element: Element,
    found: Option<usize>,
    looked: bool,
}

impl EndTag {
    fn after(&mut self, context: &Context, text: &[u8], at: usize) -> Option<usize> {
        if !context.ends_by_tag() {
            return None;
        }
        let known = self.looked && self.element == context.element && self.found.is_none_or(|end| end >= at);
        if !known {
            let found = end_tag(context.element, &text[at..]).map(|end| at + end);
            *self = Self { element: context.element, found, looked: true };
        }
        self.found
    }
}

/// In the value of an attribute, and up to its end.
fn attribute_value(context: &Context, text: &[u8]) -> Step {
    let end = text.iter().position(|byte| ends(context.delim, *byte));
    let value = &text[..end.unwrap_or(text.len())];
    if context.delim == Delim::Space
        && let Some(bad) = value.iter().find(|byte| b"\"'<=`".contains(byte))
    {
        return Err(format!("{} in unquoted attr: {}", quoted(&[*bad]), quoted(value)));
    }
    let Some(end) = end else {
        let mut context = context.clone();
        let decoded = entity::decoded(value);
        let mut rest = &decoded[..];
        while !rest.is_empty() {
            let (next, taken) = transition(context, rest)?;
            context = next;
            rest = &rest[taken..];
        }
        return Ok((context, text.len()));
    };
    let mut element = context.element;
    let typed =
        context.state == State::Attr && element == Element::Script && context.attr == Attr::ScriptType;
    if typed && !script::is_script_type(value) {
        element = Element::None;
    }
    let quote = usize::from(context.delim != Delim::Space);
    Ok((Context::tag(element), end + quote))
}

/// Whether that byte ends a value.
pub(super) fn ends(delim: Delim, byte: u8) -> bool {
    match delim {
        Delim::None => false,
        Delim::Double => byte == b'"',
        Delim::Single => byte == b'\'',
        Delim::Space => is_space(byte) || byte == b'>',
    }
}

/// Reads on in a text of one kind. Takes something, if there is something.
pub(super) fn transition(mut context: Context, text: &[u8]) -> Step {
    match context.state {
        State::Text => Ok(in_text(context, text)),
        State::Tag => in_tag(context, text),
        State::AttrName => {
            let end = attribute_name_end(text, 0)?;
            if end < text.len() {
                context.state = State::AfterName;
            }
            Ok((context, end))
        }
        State::AfterName => {
            let at = skip_space(text, 0);
            match text.get(at) {
                None => Ok((context, text.len())),
                Some(b'=') => Ok((Context { state: State::BeforeValue, ..context }, at + 1)),
                Some(_) => Ok((Context { state: State::Tag, ..context }, at)),
            }
        }
        State::BeforeValue => Ok(before_value(context, text)),
        State::HtmlComment => Ok(match find(text, b"-->") {
            Some(at) => (Context::default(), at + 3),
            None => (context, text.len()),
        }),
        State::RcData => Ok(match end_tag(context.element, text).filter(|_| context.ends_by_tag()) {
            Some(end) => (Context::default(), end),
            None => (context, text.len()),
        }),
        State::Attr | State::Dead => Ok((context, text.len())),
        State::Url | State::Srcset => Ok((in_url(context, text), text.len())),
        State::MetaContent => Ok(in_meta(context, text)),
        State::MetaContentUrl => Ok(match text.iter().position(|byte| *byte == b';') {
            Some(at) => (Context { state: State::MetaContent, ..context }, at + 1),
            None => (context, text.len()),
        }),
        State::Css
        | State::CssDouble
        | State::CssSingle
        | State::CssDoubleUrl
        | State::CssSingleUrl
        | State::CssUrl
        | State::CssBlockComment
        | State::CssLineComment => style::transition(context, text),
        _ => script::transition(context, text),
    }
}

fn in_text(context: Context, text: &[u8]) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == b'<') {
        let open = from + at;
        if text[open..].starts_with(b"<!--") {
            return (Context::of(State::HtmlComment), open + 4);
        }
        let end_tag = text.get(open + 1) == Some(&b'/');
        let name = open + if end_tag { 2 } else { 1 };
        if name >= text.len() {
            break;
        }
        let (end, element) = tag_name(text, name);
        if end > name {
            return (Context::tag(if end_tag { Element::None } else { element }), end);
        }
        from = name;
    }
    (context, text.len())
}

fn in_tag(context: Context, text: &[u8]) -> Step {
    let at = skip_space(text, 0);
    if at == text.len() {
        return Ok((context, text.len()));
    }
    if text[at] == b'>' {
        let element = if context.element == Element::Meta { Element::None } else { context.element };
        return Ok((Context { element, ..Context::of(element.content()) }, at + 1));
    }
    let end = attribute_name_end(text, at)?;
    if end == at {
        return Err(format!("expected space, attr name, or end of tag, but got {}", quoted(&text[at..])));
    }
    let name = String::from_utf8_lossy(&text[at..end]).to_lowercase();
    let attr = match (context.element, name.as_str()) {
        (Element::Script, "type") => Attr::ScriptType,
        (Element::Meta, "content") => Attr::MetaContent,
        (_, name) => match attribute::content(name) {
            Content::Url => Attr::Url,
            Content::Css => Attr::Style,
            Content::Js => Attr::Script,
            Content::Srcset => Attr::Srcset,
            Content::Plain | Content::Html | Content::Unsafe => Attr::None,
        },
    };
    let state = if end == text.len() { State::AttrName } else { State::AfterName };
    Ok((Context { attr, element: context.element, ..Context::of(state) }, end))
}

fn before_value(context: Context, text: &[u8]) -> (Context, usize) {
    let at = skip_space(text, 0);
    let (delim, begin) = match text.get(at) {
        None => return (context, text.len()),
        Some(b'\'') => (Delim::Single, at + 1),
        Some(b'"') => (Delim::Double, at + 1),
        Some(_) => (Delim::Space, at),
    };
    (Context { state: context.attr.first_state(), delim, ..context }, begin)
}

/// The part of the URL after that text.
pub(super) fn in_url(context: Context, text: &[u8]) -> Context {
    let part = if text.iter().any(|byte| b"#?".contains(byte)) {
        UrlPart::QueryOrFrag
    } else if context.part == UrlPart::None && skip_space(text, 0) < text.len() {
        UrlPart::PreQuery
    } else {
        context.part
    };
    Context { part, ..context }
}

fn in_meta(context: Context, text: &[u8]) -> (Context, usize) {
    for at in 0..text.len().saturating_sub(3) {
        if text[at..at + 3].eq_ignore_ascii_case(b"url") {
            let sign = skip_space(text, at + 3);
            if text.get(sign) == Some(&b'=') {
                return (Context { state: State::MetaContentUrl, ..context }, sign + 1);
            }
        }
    }
    (context, text.len())
}

/// Where the next end tag of an element begins whose content is no HTML.
fn end_tag(element: Element, text: &[u8]) -> Option<usize> {
    let name = element.end_name();
    let mut from = 0;
    while let Some(at) = find(&text[from..], b"</") {
        let begin = from + at;
        let mut after = begin + 2;
        let same = text.get(after..after + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name));
        if same {
            after += name.len();
            if text.get(after).is_some_and(|byte| b"> \t\n\x0c/".contains(byte)) {
                return Some(begin);
            }
        }
        from = after;
    }
    None
}

/// The end of the attribute's name that begins there.
fn attribute_name_end(text: &[u8], from: usize) -> Result<usize, String> {
    for (at, byte) in text.iter().enumerate().skip(from) {
        match byte {
            b'=' | b'>' => return Ok(at),
            byte if is_space(*byte) => return Ok(at),
            b'\'' | b'"' | b'<' => {
                return Err(format!("{} in attribute name: {}", quoted(&[*byte]), excerpt(text)));
            }
            _ => {}
        }
    }
    Ok(text.len())
}

/// The end of the tag's name that begins there, and what it names.
fn tag_name(text: &[u8], from: usize) -> (usize, Element) {
    if !text.get(from).is_some_and(u8::is_ascii_alphabetic) {
        return (from, Element::None);
    }
    let mut end = from + 1;
    while let Some(byte) = text.get(end) {
        let joins = matches!(byte, b':' | b'-') && text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
        end += match byte {
            _ if byte.is_ascii_alphanumeric() => 1,
            _ if joins => 2,
            _ => break,
        };
    }
    (end, Element::named(&text[from..end].to_ascii_lowercase()))
}

/// The first place from there on that is no white space.
pub(super) fn skip_space(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.iter().position(|byte| !is_space(*byte)).map_or(text.len(), |at| from + at)
}

/// Whether HTML and CSS take it as white space.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0c | b'\r')
}

/// Where the first of these bytes stands in a text.
pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// The begin of a text in quotes, for a message.
pub(super) fn excerpt(text: &[u8]) -> String {
    let end: usize = rune::all(text).take(EXCERPT).map(|(_, bytes)| bytes.len()).sum();
    quoted(&text[..end])
}
