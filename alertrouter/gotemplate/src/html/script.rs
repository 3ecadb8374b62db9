//! How text changes the context in a script.

use super::context::{Context, Slash, State};
use super::scan::{Step, excerpt, find};
use crate::quote::quoted;

/// Reads on in a script.
pub(super) fn transition(context: Context, text: &[u8]) -> Step {
    match context.state {
        State::JsTemplate => in_template(context, text),
        State::JsDouble | State::JsSingle | State::JsRegexp => in_literal(context, text),
        State::JsBlockComment => Ok(match find(text, b"*/") {
            Some(at) => (Context { state: State::Js, ..context }, at + 2),
            None => (context, text.len()),
        }),
        State::JsLineComment | State::JsOpenComment | State::JsCloseComment => Ok(match line_end(text) {
            Some(at) => (Context { state: State::Js, ..context }, at),
            None => (context, text.len()),
        }),
        _ => in_code(context, text),
    }
}

/// Where a line ends; its end is no part of a comment.
fn line_end(text: &[u8]) -> Option<usize> {
    let plain = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    let wide = ["\u{2028}", "\u{2029}"].into_iter().filter_map(|end| find(text, end.as_bytes()));
    plain.into_iter().chain(wide).min()
}

fn in_code(mut context: Context, text: &[u8]) -> Step {
    let Some(at) = text.iter().position(|byte| b"\"`'/{}<-#".contains(byte)) else {
        context.slash = slash_after(text, context.slash);
        return Ok((context, text.len()));
    };
    context.slash = slash_after(&text[..at], context.slash);
    let rest = &text[at..];
    let mut taken = at + 1;
    match rest[0] {
        b'"' => context = literal(context, State::JsDouble),
        b'\'' => context = literal(context, State::JsSingle),
        b'`' => context = literal(context, State::JsTemplate),
        b'/' if rest.starts_with(b"//") => {
            context.state = State::JsLineComment;
            taken += 1;
        }
        b'/' if rest.starts_with(b"/*") => {
            context.state = State::JsBlockComment;
            taken += 1;
        }
        b'/' => match context.slash {
            Slash::Regexp => context.state = State::JsRegexp,
            Slash::Division => context.slash = Slash::Regexp,
            Slash::Unknown => {
                return Err(format!("'/' could start a division or regexp: {}", excerpt(rest)));
            }
        },
        b'<' if rest.starts_with(b"<!--") => {
            context.state = State::JsOpenComment;
            taken += 3;
        }
        b'-' if rest.starts_with(b"-->") => {
            context.state = State::JsCloseComment;
            taken += 2;
        }
        b'#' if rest.starts_with(b"#!") => {
            context.state = State::JsLineComment;
            taken += 1;
        }
        b'#' => {
            // the name of something private
            taken += rest[1..].iter().take_while(|byte| is_name(**byte)).count();
            context.slash = Slash::Division;
        }
        b'{' => {
            if let Some(open) = context.braces.last_mut() {
                *open += 1;
            }
            context.slash = slash_after(b"{", context.slash);
        }
        b'}' => close_brace(&mut context),
        _ => {}
    }
    Ok((context, taken))
}

fn literal(context: Context, state: State) -> Context {
    Context { state, slash: Slash::Regexp, ..context }
}

/// It may be the one that goes back to a template literal.
fn close_brace(context: &mut Context) {
    if let Some(open) = context.braces.last_mut() {
        *open -= 1;
        if *open < 0 {
            context.braces.pop();
            context.state = State::JsTemplate;
            return;
        }
    }
    context.slash = slash_after(b"}", context.slash);
}

fn unfinished(text: &[u8]) -> String {
    format!("unfinished escape sequence in JS string: {}", quoted(text))
}

fn in_template(mut context: Context, text: &[u8]) -> Step {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| b"`\\$".contains(byte)).map(|at| from + at) {
        from = at + 1;
        match text[at] {
            b'\\' => {
                from += 1;
                if from > text.len() {
                    return Err(unfinished(text));
                }
            }
            b'$' if text.get(at + 1) == Some(&b'{') => {
                context.braces.push(0);
                return Ok((Context { state: State::Js, slash: Slash::Regexp, ..context }, at + 2));
            }
            b'`' => return Ok((Context { state: State::Js, ..context }, at + 1)),
            _ => {}
        }
    }
    Ok((context, text.len()))
}

fn in_literal(context: Context, text: &[u8]) -> Step {
    let specials: &[u8] = match context.state {
        State::JsSingle => b"\\'",
        State::JsRegexp => b"\\/[]",
        _ => b"\\\"",
    };
    let (mut from, mut in_set) = (0, false);
    while let Some(at) = text[from..].iter().position(|byte| specials.contains(byte)).map(|at| from + at) {
        from = at + 1;
        match text[at] {
            b'\\' => {
                from += 1;
                if from > text.len() {
                    return Err(unfinished(text));
                }
            }
            b'[' => in_set = true,
            b']' => in_set = false,
            // in an expression it does not end anything, and is escaped later
            b'/' if is_script_end(text, at) => from += 1,
            _ if !in_set => {
                return Ok((Context { state: State::Js, slash: Slash::Division, ..context }, at + 1));
            }
            _ => {}
        }
        from = from.min(text.len());
    }
    if in_set {
        return Err(format!("unfinished JS regexp charset: {}", quoted(text)));
    }
    Ok((context, text.len()))
}

fn is_script_end(text: &[u8], slash: usize) -> bool {
    let begin = slash.checked_sub(1);
    let tag = begin.and_then(|begin| text.get(begin..begin + 8));
    tag.is_some_and(|tag| tag.eq_ignore_ascii_case(b"</script"))
}

/// Words after which an expression comes, so that a slash begins a regular one.
const BEFORE_EXPRESSION: &[&str] = &[
    "break",
    "case",
    "continue",
    "delete",
    "do",
    "else",
    "finally",
    "in",
    "instanceof",
    "return",
    "throw",
    "try",
    "typeof",
    "void",
    "yield",
];

/// What a slash would be after that piece of code, if it was `before` at its begin.
fn slash_after(code: &[u8], before: Slash) -> Slash {
    let code = trim_end(code);
    let Some((last, rest)) = code.split_last() else {
        return before;
    };
    let regexp = match last {
        // a sign, or one of a pair
        b'+' | b'-' => (code.iter().rev().take_while(|byte| *byte == last).count()) % 2 == 1,
        // `42.` is a number
        b'.' => !rest.last().is_some_and(u8::is_ascii_digit),
        b',' | b'<' | b'>' | b'=' | b'*' | b'%' | b'&' | b'|' | b'^' | b'?' | b'!' | b'~' | b'(' | b'['
        | b':' | b';' | b'{' | b'}' => true,
        _ => {
            let length = code.iter().rev().take_while(|byte| is_name(**byte)).count();
            let (before, word) = code.split_at(code.len() - length);
            // what follows a dot is a property
            BEFORE_EXPRESSION.iter().any(|known| known.as_bytes() == word)
                && !trim_end(before).ends_with(b".")
        }
    };
    if regexp { Slash::Regexp } else { Slash::Division }
}

/// Without the white space of scripts at its end.
fn trim_end(code: &[u8]) -> &[u8] {
    let mut rest = code;
    loop {
        let width = match rest {
            [.., b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c] => 1,
            [.., 0xc2, 0xa0] => 2,
            [.., 0xe1, 0x9a, 0x80] | [.., 0xe2, 0x80, 0x80..=0x8a | 0xa8 | 0xa9 | 0xaf] => 3,
            [.., 0xe2, 0x81, 0x9f] | [.., 0xe3, 0x80, 0x80] | [.., 0xef, 0xbb, 0xbf] => 3,
            _ => return rest,
        };
        rest = &rest[..rest.len() - width];
    }
}

/// Whether it may be in a name or number.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'_')
}

/// Types of `<script>` whose content is a script.
const SCRIPT_TYPES: &[&str] = &[
    "",
    "application/ecmascript",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/x-ecmascript",
    "application/x-javascript",
    "module",
    "text/ecmascript",
    "text/javascript",
    "text/javascript1.0",
    "text/javascript1.1",
    "text/javascript1.2",
    "text/javascript1.3",
    "text/javascript1.4",
    "text/javascript1.5",
    "text/jscript",
    "text/livescript",
    "text/x-ecmascript",
    "text/x-javascript",
];

/// Whether the content of a script of that type is one.
pub(super) fn is_script_type(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let kind = text.split(';').next().unwrap_or_default().to_lowercase();
    SCRIPT_TYPES.contains(&kind.trim())
}
