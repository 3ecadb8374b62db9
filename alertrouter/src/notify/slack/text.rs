//! Texts for Slack: escaped, and cut so that the escaped text keeps the limit.
//!
//! Invariants: `&`, `<` and `>` from outside are always escaped, so that no text of an alert can mention people or
//! fake a link; a cut never falls inside an escape or a character.

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
    for character in text.chars() {
        let units = match character {
            '&' => push(&mut out, "&amp;"),
            '<' => push(&mut out, "&lt;"),
            '>' => push(&mut out, "&gt;"),
            '\r' | '\0' => 0,
            other => {
                out.push(other);
                other.len_utf16()
            }
        };
        used += units;
        if used > limit {
            out.truncate(fits);
            out.push('…');
            return out;
        }
        if used < limit {
            fits = out.len();
        }
    }
    out
}

/// A link. The address is encoded so that it cannot end the link early.
pub(super) fn link(url: &str, name: &str) -> String {
    let mut out = String::with_capacity(url.len() + name.len() + 3);
    out.push('<');
    for character in url.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '|' => out.push_str("%7C"),
            '"' => out.push_str("%22"),
            ' ' => out.push_str("%20"),
            other if other.is_control() => {}
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
        ] {
            let escaped = escape(text, limit);
            assert_eq!(escaped, expected, "{text:?} in {limit}");
            assert!(length(&escaped) <= limit);
        }
    }

    #[test]
    fn a_link_cannot_be_left() {
        assert_eq!(link("http://x/?a=1&b=<|>", "a>b"), "<http://x/?a=1&amp;b=%3C%7C%3E|a&gt;b>");
    }
}
