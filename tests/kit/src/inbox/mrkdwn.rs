//! Slack's `mrkdwn` as HTML: links, mentions, bold, italic, struck, code and the few emoji of alerts.

use super::escape;

/// Emoji that alert messages use; others stay as they are written.
const EMOJI: [(&str, &str); 22] = [
    ("fire", "🔥"),
    ("rotating_light", "🚨"),
    ("red_circle", "🔴"),
    ("large_red_square", "🟥"),
    ("large_orange_circle", "🟠"),
    ("large_yellow_circle", "🟡"),
    ("large_green_circle", "🟢"),
    ("large_blue_circle", "🔵"),
    ("white_circle", "⚪"),
    ("white_check_mark", "✅"),
    ("heavy_check_mark", "✔️"),
    ("x", "❌"),
    ("warning", "⚠️"),
    ("bell", "🔔"),
    ("no_bell", "🔕"),
    ("mute", "🔇"),
    ("eyes", "👀"),
    ("book", "📖"),
    ("chart_with_upwards_trend", "📈"),
    ("hourglass", "⌛"),
    ("tada", "🎉"),
    ("information_source", "ℹ️"),
];

/// Nested marks that are followed; deeper ones stay as they are written.
const DEPTH: usize = 4;

/// A `mrkdwn` text as HTML.
pub(super) fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for (index, piece) in text.split("```").enumerate() {
        // Every second piece was fenced, if its fence was closed.
        let fenced = index % 2 == 1 && text.matches("```").count() > index;
        if fenced {
            html.push_str(&format_tag("pre", &plain(piece.trim_matches('\n'))));
        } else {
            if index % 2 == 1 {
                html.push_str("```");
            }
            html.push_str(&lines(piece));
        }
    }
    html
}

/// A plain text of Slack's as HTML: no marks, but emoji.
pub(super) fn plain_html(text: &str) -> String {
    emoji(&escape(text))
}

fn lines(text: &str) -> String {
    // Before anything else: the names of emoji hold underscores, which would be marks.
    let text = emoji(text);
    let lines =
        text.split('\n').map(|line| match line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>')) {
            Some(quoted) => format_tag("blockquote", &inline(quoted.trim_start(), DEPTH)),
            None => inline(line, DEPTH),
        });
    lines.collect::<Vec<_>>().join("\n").replace("</blockquote>\n", "</blockquote>")
}

fn inline(text: &str, depth: usize) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(at) = rest.find(['<', '*', '_', '~', '`']) {
        let (head, tail) = rest.split_at(at);
        html.push_str(&plain(head));
        before = head.chars().next_back().unwrap_or(before);
        let mark = tail.chars().next().unwrap_or_default();
        let after = tail.get(1..).unwrap_or_default();
        let marked = match mark {
            '<' => after.split_once('>').map(|(inside, rest)| (reference(inside), rest)),
            _ if depth == 0 || before.is_alphanumeric() => None,
            mark => marked(mark, after, depth),
        };
        if let Some((piece, left)) = marked {
            html.push_str(&piece);
            rest = left;
        } else {
            html.push_str(&plain(tail.get(..1).unwrap_or_default()));
            rest = after;
        }
        before = mark;
    }
    html.push_str(&plain(rest));
    html
}

/// The text up to the closing mark, if it closes where a word ends.
fn marked(mark: char, after: &str, depth: usize) -> Option<(String, &str)> {
    let closes = |&(at, _): &(usize, &str)| {
        let inside = after.get(..at).unwrap_or_default();
        let next = after.get(at + 1..).and_then(|rest| rest.chars().next());
        let trimmed = !inside.is_empty() && inside.trim() == inside;
        trimmed && !next.is_some_and(char::is_alphanumeric)
    };
    let (at, _) = after.match_indices(mark).find(closes)?;
    let (inside, rest) = (after.get(..at)?, after.get(at + 1..)?);
    let tag = match mark {
        '*' => "strong",
        '_' => "em",
        '~' => "s",
        _ => return Some((format_tag("code", &plain(inside)), rest)),
    };
    Some((format_tag(tag, &inline(inside, depth - 1)), rest))
}

/// What stands between `<` and `>`: a link, a mention, a date.
fn reference(inside: &str) -> String {
    let (target, label) =
        inside.split_once('|').map_or((inside, None), |(target, label)| (target, Some(label)));
    match target.chars().next() {
        Some('!') => {
            let name = target.get(1..).unwrap_or_default().split('^').next().unwrap_or_default();
            label.map_or_else(|| format_tag("strong", &escape(&format!("@{name}"))), plain)
        }
        Some(sign @ ('@' | '#')) => {
            let name = label.unwrap_or_else(|| target.get(1..).unwrap_or_default());
            format_tag("strong", &plain(&format!("{sign}{name}")))
        }
        _ => link(&decode(target), &plain(label.unwrap_or(target))),
    }
}

/// A link, if it leads to the web or to a mailbox; otherwise only its label.
pub(super) fn link(target: &str, label: &str) -> String {
    if ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        format!("<a href=\"{}\" rel=\"noreferrer\" target=\"_blank\">{label}</a>", escape(target))
    } else {
        label.to_owned()
    }
}

/// Text whose only escapes are Slack's three.
fn plain(text: &str) -> String {
    escape(&decode(text))
}

fn decode(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn emoji(text: &str) -> String {
    if !text.contains(':') {
        return text.to_owned();
    }
    EMOJI.iter().fold(text.to_owned(), |text, (name, sign)| text.replace(&format!(":{name}:"), sign))
}

fn format_tag(tag: &str, inside: &str) -> String {
    format!("<{tag}>{inside}</{tag}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_links_and_escapes() {
        for (text, expected) in [
            ("a &amp; b &lt;c&gt; \"d\"", "a &amp; b &lt;c&gt; &quot;d&quot;"),
            ("*bold* _it_ ~s~ `a*b*`", "<strong>bold</strong> <em>it</em> <s>s</s> <code>a*b*</code>"),
            ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
            ("* no* _ no_", "* no* _ no_"),
            (
                "*<https://x.y/?a=1&amp;b=2|see \"it\">*",
                "<strong><a href=\"https://x.y/?a=1&amp;b=2\" rel=\"noreferrer\" target=\"_blank\">see &quot;it&quot;</a></strong>",
            ),
            ("<javascript:alert(1)|click>", "click"),
            (
                "<!channel> <@U1> <#C1|ops>",
                "<strong>@channel</strong> <strong>@U1</strong> <strong>#ops</strong>",
            ),
            ("<!date^1^{date}|yesterday>", "yesterday"),
            ("a <b", "a &lt;b"),
            (":fire: :unknown: :white_check_mark:", "🔥 :unknown: ✅"),
            ("x ```\n<i>*a*\n``` y", "x <pre>&lt;i&gt;*a*</pre> y"),
            ("open ``` fence", "open ``` fence"),
            ("&gt; q\nb", "<blockquote>q</blockquote>b"),
            ("é*ü* *ü*", "é*ü* <strong>ü</strong>"),
        ] {
            assert_eq!(html(text), expected, "{text}");
        }
    }
}
