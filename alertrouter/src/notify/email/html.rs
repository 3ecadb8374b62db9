//! The HTML of a mail: one column that fits a phone, and colours that work in the light and in the dark.
//!
//! Mail readers drop most of HTML: what counts is in tables and inline styles, and the style sheet only adds the dark
//! for those that keep it.
//!
//! Invariants: every text from outside goes through [`escape`] before it is HTML, in attributes too; links lead to
//! the web only; nothing is loaded from anywhere.

use super::text::{clean, most, push, state, times};
use crate::moment::Moment;
use crate::notify::Size;
use crate::notify::card::{Card, Entry, is_web, utc};
use crate::payload::Status;

/// The whole document.
pub(in crate::notify) fn render(card: &Card<'_>, size: Size, now: Moment, remark: Option<&str>) -> String {
    let mut out = String::with_capacity(8192);
    head(&mut out, card);
    let mut shown = 0;
    for entry in card.alerts.iter().take(most(size)) {
        let before = out.len();
        alert(&mut out, entry, now);
        if out.len() > BYTES {
            out.truncate(before);
            break;
        }
        shown += 1;
    }
    let more = card.alerts.len() - shown;
    if more > 0 {
        push(
            &mut out,
            format_args!("<tr><td class=\"line\" style=\"{LINE}\"><b>…and {more} more</b></td></tr>"),
        );
    }
    if let Some(remark) = remark {
        push(&mut out, format_args!("<tr><td class=\"line\" style=\"{LINE}\">{}</td></tr>", escape(remark)));
    }
    let sender = card.sender_url.map(|url| format!("<br>{}", link(url, "Open Alertmanager", LINK)));
    push(
        &mut out,
        format_args!(
            "<tr><td class=\"line quiet\" style=\"{LINE};font-size:13px;color:#5b5b66\">Sent to {} by alertrouter at \
             {}{}</td></tr></table></td></tr></table></body></html>\n",
            escape(card.receiver),
            utc(now),
            sender.unwrap_or_default(),
        ),
    );
    out
}

/// Everything before the alerts. What is hidden at the beginning is what lists of mails show beside the subject.
fn head(out: &mut String, card: &Card<'_>) {
    let title = escape(&card.title());
    let first = card.alerts.first().map(|entry| escape(entry.summary)).unwrap_or_default();
    let state = match card.status {
        Status::Firing => "FIRING",
        Status::Resolved => "RESOLVED",
    };
    let severity = card.severity.map(|severity| format!(" · {}", escape(severity))).unwrap_or_default();
    let about = if card.about.is_empty() {
        String::new()
    } else {
        format!("<p style=\"margin:2px 0 0;font-size:15px\">{}</p>", escape(&card.about))
    };
    push(
        out,
        format_args!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\">\
             <meta name=\"supported-color-schemes\" content=\"light dark\"><title>{title}</title>{STYLE}</head>\
             <body class=\"page\" style=\"margin:0;padding:0;background:#f0f1f4;color:#1d1c1d\">\
             <div style=\"display:none;max-height:0;overflow:hidden\">{counts}: {first}</div>\
             <table role=\"presentation\" class=\"page\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
             style=\"background:#f0f1f4\"><tr><td align=\"center\" style=\"padding:12px 8px\">\
             <table role=\"presentation\" class=\"card\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
             style=\"max-width:640px;background:#ffffff;border-radius:10px;overflow:hidden;color:#1d1c1d;\
             font-family:{FONT};font-size:15px;line-height:1.45;text-align:left\">\
             <tr><td style=\"background:{colour};color:#ffffff;padding:16px 20px;word-break:break-word;\
             border-radius:10px 10px 0 0\">\
             <p style=\"margin:0 0 2px;font-size:13px;font-weight:bold;letter-spacing:0.06em\">{state}{severity}</p>\
             <h1 style=\"margin:0;font-size:21px;line-height:1.25\">{name}</h1>{about}\
             <p style=\"margin:6px 0 0;font-size:14px\">{counts}</p></td></tr>",
            colour = colour(card.status, card.severity),
            name = escape(&card.name),
            counts = escape(&card.counts()),
        ),
    );
}

fn alert(out: &mut String, entry: &Entry<'_>, now: Moment) {
    // a long text in bold is hard to read
    let bold = if entry.summary.chars().count() > HEADLINE { "normal" } else { "bold" };
    let severity = entry
        .severity
        .map(|severity| format!(" <span class=\"quiet\" style=\"color:#5b5b66\">{}</span>", escape(severity)))
        .unwrap_or_default();
    push(
        out,
        format_args!(
            "<tr><td class=\"line\" style=\"{LINE}\">\
             <p style=\"margin:0 0 6px;font-size:13px\"><span style=\"background:{mark};color:#ffffff;\
             border-radius:4px;padding:2px 7px;font-size:11px;font-weight:bold;letter-spacing:0.04em\">{state}</span>\
             {severity}</p><p style=\"margin:0;font-size:16px;font-weight:{bold}\">{summary}</p>",
            mark = colour(entry.alert.status, entry.severity),
            state = state(entry),
            summary = lines(entry.summary),
        ),
    );
    if let Some(description) = entry.description {
        push(out, format_args!("<p style=\"margin:4px 0 0\">{}</p>", lines(description)));
    }
    if !entry.labels.is_empty() {
        out.push_str("<p style=\"margin:4px 0 0\">");
        for (name, value) in &entry.labels {
            push(
                out,
                format_args!(
                    "<span class=\"label\" style=\"{LABEL}\"><span class=\"quiet\" style=\"color:#5b5b66\">{}</span> \
                     {}</span> ",
                    escape(name),
                    escape(value)
                ),
            );
        }
        out.push_str("</p>");
    }
    push(
        out,
        format_args!(
            "<p class=\"quiet\" style=\"margin:8px 0 0;font-size:13px;color:#5b5b66\">{}</p>",
            escape(&times(entry, now))
        ),
    );
    if !entry.links.is_empty() {
        let links: Vec<String> = entry.links.iter().map(|(name, url)| link(url, name, BUTTON)).collect();
        push(out, format_args!("<p style=\"margin:6px 0 0\">{}</p>", links.join(" ")));
    }
    out.push_str("</td></tr>");
}

/// Bytes of a mail's HTML: Gmail cuts at 102 KiB, in the middle of whatever is there.
const BYTES: usize = 90_000;

/// Readers have none of these fonts for sure, so each system names its own.
const FONT: &str = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

/// Characters of a summary that are shown in bold.
const HEADLINE: usize = 120;

/// One row of the card.
const LINE: &str = "border-top:1px solid #e2e3e8;padding:14px 20px;word-break:break-word";

/// A label's own box.
const LABEL: &str = "display:inline-block;max-width:100%;box-sizing:border-box;background:#f0f1f4;\
                     border-radius:4px;padding:2px 6px;margin:4px 2px 0 0;line-height:1.4;word-break:break-word;\
                     font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px";

/// A link that a thumb can hit.
const BUTTON: &str = "display:inline-block;border:1px solid #b9bbc6;border-radius:6px;padding:5px 12px;\
                      margin:6px 4px 0 0;line-height:1.3;font-size:14px;text-decoration:none;color:#0b5cad";

/// A link among words.
const LINK: &str = "color:#0b5cad";

/// Colours with at least 4.5 to 1 against white letters, which the dark keeps.
const RED: &str = "#b3261e";
const GREEN: &str = "#1b6e4b";
const AMBER: &str = "#8f5b00";
const BLUE: &str = "#17639c";

/// What a style sheet can do for those readers that keep it.
const STYLE: &str = "<style>@media (prefers-color-scheme:dark){.page{background:#121317!important;\
color:#e8e8ea!important}.card{background:#1e1f25!important;color:#e8e8ea!important}.quiet{color:#a9abb6!important}\
.line{border-color:#34353d!important}.label{background:#2b2c34!important;color:#e8e8ea!important}\
a{color:#8ec1ff!important;border-color:#4a4c57!important}}</style>";

fn colour(status: Status, severity: Option<&str>) -> &'static str {
    match (status, severity) {
        (Status::Resolved, _) => GREEN,
        (Status::Firing, Some("info" | "none")) => BLUE,
        (Status::Firing, Some("warning" | "warn" | "minor")) => AMBER,
        (Status::Firing, _) => RED,
    }
}

/// A text with its line breaks.
fn lines(text: &str) -> String {
    escape(text.trim()).replace('\n', "<br>")
}

/// A link to the web; the card has seen to it that it is one, and here it is made sure again.
fn link(url: &str, name: &str, style: &str) -> String {
    if is_web(url) {
        format!("<a href=\"{}\" style=\"{style}\">{}</a>", escape(url), escape(name))
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
        assert_eq!(link("javascript:alert(1)", "x", LINK), "javascript:alert(1)");
        assert_eq!(link("https://a/?b&c", "x", "s"), "<a href=\"https://a/?b&amp;c\" style=\"s\">x</a>");
    }
}
