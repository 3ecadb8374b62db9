//! The two bodies of a mail: plain text, and HTML that reads well in the dark and on a phone.
//!
//! Invariants: every text from outside goes through [`escape`] before it is HTML, in attributes too; links lead to
//! the web only; nothing is loaded from anywhere.

use std::fmt::Write as _;

use crate::moment::Moment;
use crate::notify::Size;
use crate::notify::card::{Card, Entry, span, utc};
use crate::payload::Status;

/// Alerts in a full mail.
const FULL: usize = 100;

/// Alerts in a smaller one.
const COMPACT: usize = 10;

/// Characters of one text from outside that are shown.
const TEXT: usize = 4000;

/// Plain text: what every reader can show.
pub(in crate::notify) fn text(card: &Card<'_>, size: Size, now: Moment) -> String {
    let mut out = format!("{}\n{}\n", clean(&card.title()), card.counts());
    let most = most(size);
    for entry in card.alerts.iter().take(most) {
        let state = if entry.alert.status == Status::Firing { "FIRING" } else { "RESOLVED" };
        let severity = entry.severity.map(|severity| format!(" [{}]", clean(severity))).unwrap_or_default();
        push(&mut out, format_args!("\n{state}{severity} {}\n", clean(entry.summary)));
        if let Some(description) = entry.description {
            push(&mut out, format_args!("{}\n", clean(description)));
        }
        for (name, value) in &entry.labels {
            push(&mut out, format_args!("  {name} = {}\n", clean(value)));
        }
        push(&mut out, format_args!("  {}\n", times(entry, now)));
        for (name, url) in &entry.links {
            push(&mut out, format_args!("  {name}: {url}\n"));
        }
    }
    if card.alerts.len() > most {
        push(&mut out, format_args!("\n...and {} more\n", card.alerts.len() - most));
    }
    push(&mut out, format_args!("\n-- \nSent to {} by alertrouter at {}\n", clean(card.receiver), utc(now)));
    out
}

/// HTML with inline styles, because mail readers drop everything else; the style sheet only adds the dark.
pub(in crate::notify) fn html(card: &Card<'_>, size: Size, now: Moment) -> String {
    let mut out = String::with_capacity(4096);
    let colour = colour(card);
    push(
        &mut out,
        format_args!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>{STYLE}</head>\
             <body class=\"page\" style=\"margin:0;padding:16px;background:#f4f5f7;color:#1d1c1d;\
             font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.45\">\
             <div class=\"card\" style=\"max-width:640px;margin:0 auto;background:#ffffff;\
             border-radius:8px;border-top:6px solid {colour};padding:16px 20px\">\
             <h1 style=\"margin:0 0 4px;font-size:20px;line-height:1.3;word-break:break-word\">{title}</h1>\
             <p class=\"quiet\" style=\"margin:0 0 12px;color:#5b5b66\">{counts}</p>",
            title = escape(&card.title()),
            counts = escape(&card.counts()),
        ),
    );
    let most = most(size);
    for entry in card.alerts.iter().take(most) {
        alert(&mut out, entry, now);
    }
    if card.alerts.len() > most {
        push(&mut out, format_args!("<p>…and {} more</p>", card.alerts.len() - most));
    }
    push(
        &mut out,
        format_args!(
            "<p class=\"quiet\" style=\"margin:16px 0 0;font-size:13px;color:#5b5b66\">Sent to {} by alertrouter \
             at {}{}</p></div></body></html>\n",
            escape(card.receiver),
            utc(now),
            card.sender_url.map(|url| format!(" · {}", link(url, "Alertmanager"))).unwrap_or_default(),
        ),
    );
    out
}

fn alert(out: &mut String, entry: &Entry<'_>, now: Moment) {
    let (state, colour) = match entry.alert.status {
        Status::Firing => ("FIRING", "#c8140f"),
        Status::Resolved => ("RESOLVED", "#1f7a56"),
    };
    push(
        out,
        format_args!(
            "<div class=\"line\" style=\"border-top:1px solid #dddde3;padding:12px 0\">\
             <p style=\"margin:0 0 4px;word-break:break-word\"><b style=\"background:{colour};color:#ffffff;\
             border-radius:4px;padding:1px 6px;font-size:12px\">{state}</b> {severity}<b>{summary}</b></p>",
            severity =
                entry.severity.map(|severity| format!("<i>{}</i> ", escape(severity))).unwrap_or_default(),
            summary = escape(entry.summary),
        ),
    );
    if let Some(description) = entry.description {
        let description = escape(description).replace('\n', "<br>");
        push(out, format_args!("<p style=\"margin:0 0 4px;word-break:break-word\">{description}</p>"));
    }
    if !entry.labels.is_empty() {
        let labels: Vec<String> =
            entry.labels.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        push(
            out,
            format_args!(
                "<p class=\"quiet\" style=\"margin:0 0 4px;font-family:monospace;font-size:13px;color:#5b5b66;\
                 word-break:break-word\">{}</p>",
                labels.join(" &nbsp; ")
            ),
        );
    }
    push(out, format_args!("<p style=\"margin:0;font-size:13px\">{}", escape(&times(entry, now))));
    for (name, url) in &entry.links {
        push(out, format_args!(" · {}", link(url, name)));
    }
    out.push_str("</p></div>");
}

/// What a style sheet can do for those readers that keep it.
const STYLE: &str = "<style>@media (prefers-color-scheme:dark){.page{background:#17181c!important;\
color:#e8e8ea!important}.card{background:#222329!important}.quiet{color:#a5a6ae!important}\
.line{border-color:#3a3b42!important}a{color:#7ab7ff!important}}</style>";

fn most(size: Size) -> usize {
    if size == Size::Full { FULL } else { COMPACT }
}

fn colour(card: &Card<'_>) -> &'static str {
    match (card.status, card.severity) {
        (Status::Resolved, _) => "#1f7a56",
        (Status::Firing, Some("info")) => "#1d7fb8",
        (Status::Firing, Some("warning")) => "#c98a00",
        (Status::Firing, _) => "#c8140f",
    }
}

fn times(entry: &Entry<'_>, now: Moment) -> String {
    match entry.alert.status {
        Status::Firing => format!("since {} ({})", utc(entry.since), span(entry.since, now)),
        Status::Resolved => {
            let ended = entry.alert.ends_at.unwrap_or(now);
            format!("{} to {} ({})", utc(entry.since), utc(ended), span(entry.since, ended))
        }
    }
}

/// A link to the web; the card has seen to it that it is one, and here it is made sure again.
fn link(url: &str, name: &str) -> String {
    if crate::notify::card::is_web(url) {
        format!("<a href=\"{}\" style=\"color:#1264a3\">{}</a>", escape(url), escape(name))
    } else {
        escape(url)
    }
}

/// Text as HTML, fit for attributes in double quotes; cut where it is too long.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in clean(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Text without control characters (but line breaks and tabs), cut where it is too long.
fn clean(text: &str) -> String {
    let mut kept = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    let mut out: String = kept.by_ref().take(TEXT).collect();
    if kept.next().is_some() {
        out.push('…');
    }
    out
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // writing to a String cannot fail
    let _infallible = out.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onmouseover='x'", "&quot; onmouseover=&#39;x&#39;"),
            ("a & b", "a &amp; b"),
            ("a\u{0}\u{1b}b\nc", "ab\nc"),
        ] {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(link("javascript:alert(1)", "x"), "javascript:alert(1)");
        assert_eq!(
            link("https://a/?b&c", "x"),
            "<a href=\"https://a/?b&amp;c\" style=\"color:#1264a3\">x</a>"
        );
        assert_eq!(clean(&"x".repeat(TEXT + 1)).chars().count(), TEXT + 1);
    }
}
