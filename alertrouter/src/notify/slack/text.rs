//! Texts for Slack: escaped, and cut so that the escaped text keeps the limit.
//!
//! Invariants: `&`, `<` and `>` from outside are always escaped, so that no text of an alert can mention people or
//! fake a link; a cut never falls inside an escape or what a
//! reader takes for one character.

use crate::moment::Moment;
use crate::notify::card::utc;

/// How long Slack thinks a text is: UTF-16 units, the strictest count that has been seen.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Escapes a text; what does not fit into `limit` units is replaced by an ellipsis.
pub(super) fn escape(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit * 2));
    let mut used = 0;
    // where the text can be cut so that an ellipsis still fits
    let mut fits = 0;
    let mut before = '\0';
    for character in text.chars().filter(|character| !is_dropped(*character)) {
        if used < limit && !joins(before, character) {
            fits = out.len();
        }
        used += match character {
            '&' => push(&mut out, "&amp;"),
            '<' => push(&mut out, "&lt;"),
            '>' => push(&mut out, "&gt;"),
            other => {
                out.push(other);
                other.len_utf16()
            }
        };
        if used > limit {
            out.truncate(fits);
            out.push('…');
            return out;
        }
        before = character;
    }
    out
}

/// Text of an alert as it is, except that a code fence that is never closed must not swallow what follows.
pub(super) fn prose(text: &str, limit: usize) -> String {
    let escaped = escape(text, limit);
    if escaped.matches("```").count() % 2 == 1 { escaped.replace("```", "'''") } else { escaped }
}

/// A text in one line of code.
pub(super) fn code(text: &str, limit: usize) -> String {
    format!("`{}`", escape(&one_line(text).replace('`', "'"), limit))
}

/// A time in the reader's own zone.
pub(super) fn date(moment: Moment) -> String {
    format!("<!date^{}^{{date_short_pretty}} {{time}}|{}>", moment.timestamp().as_second(), utc(moment))
}

/// What says nothing and can make a text look like another: controls, and what turns the direction of writing.
fn is_dropped(character: char) -> bool {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// Whether a character belongs to the one before: accents, variants, skin tones, families, flags.
fn joins(before: char, character: char) -> bool {
    const JOINER: char = '\u{200d}';
    let flag = |character: char| matches!(character, '\u{1f1e6}'..='\u{1f1ff}');
    before == JOINER
        || (flag(before) && flag(character))
        || matches!(character, JOINER | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
        // std knows which characters extend the one before, and tells it only by how it shows them
        || (!character.is_ascii() && character.escape_debug().len() > 1)
}

/// A link. The address is encoded so that it cannot end the link early.
pub(super) fn link(url: &str, name: &str) -> String {
    let mut out = String::with_capacity(url.len() + name.len() + 3);
    out.push('<');
    // Slack knows its own addresses by their small letters
    let (scheme, rest) = url.trim().split_once(':').unwrap_or_default();
    out.push_str(&scheme.to_ascii_lowercase());
    out.push(':');
    for character in rest.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '|' => out.push_str("%7C"),
            '"' => out.push_str("%22"),
            ' ' => out.push_str("%20"),
            other if is_dropped(other) => {}
            other => out.push(other),
        }
    }
    out.push('|');
    out.push_str(&escape(name, 100));
    out.push('>');
    out
}

/// One line: line breaks become spaces.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn push(out: &mut String, escaped: &str) -> usize {
    out.push_str(escaped);
    escaped.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_cuts() {
        for (text, limit, expected) in [
            ("a & b", 100, "a &amp; b"),
            ("<!channel> <@U1> <http://x|y>", 100, "&lt;!channel&gt; &lt;@U1&gt; &lt;http://x|y&gt;"),
            ("abcde", 5, "abcde"),
            ("abcdef", 5, "abcd…"),
            ("abc&", 5, "abc…"),
            ("a&b", 7, "a&amp;b"),
            ("a&bc", 7, "a&amp;…"),
            ("🙂🙂🙂", 5, "🙂🙂…"),
            ("🙂🙂🙂", 4, "🙂…"),
            ("", 5, ""),
            ("a\r\nb\0", 9, "a\nb"),
            ("e\u{301}e\u{301}e\u{301}", 5, "e\u{301}e\u{301}…"),
            ("e\u{301}e\u{301}e\u{301}", 4, "e\u{301}…"),
            ("ab👨\u{200d}👩\u{200d}👧c", 9, "ab…"),
            ("ab👨\u{200d}👩\u{200d}👧", 10, "ab👨\u{200d}👩\u{200d}👧"),
            ("🇩🇪🇫🇷", 7, "…"),
            ("👍🏽👍🏽", 6, "👍🏽…"),
            ("invoice\u{202e}gpj.exe", 99, "invoicegpj.exe"),
        ] {
            let escaped = escape(text, limit);
            assert_eq!(escaped, expected, "{text:?} in {limit}");
            assert!(length(&escaped) <= limit);
        }
    }

    #[test]
    fn fences_do_not_swallow() {
        assert_eq!(prose("a ```b``` c", 99), "a ```b``` c");
        assert_eq!(prose("a ```b", 99), "a '''b");
        assert_eq!(prose("```aaaa```", 8), "'''aaaa…");
        assert_eq!(code("a`b\nc", 99), "`a'b c`");
    }

    #[test]
    fn a_link_cannot_be_left() {
        assert_eq!(link("HTTPS://X:1/y", "z"), "<https://X:1/y|z>");
        assert_eq!(link("http://x/?a=1&b=<|>", "a>b"), "<http://x/?a=1&amp;b=%3C%7C%3E|a&gt;b>");
    }
}
