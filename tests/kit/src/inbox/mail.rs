//! The mail side of the inbox.

use super::{clock, escape};
use crate::smtp::{Mail, Post};

/// Mails shown, newest first; a page of more is no page.
const SHOWN: usize = 200;

/// All mails as HTML, and how many there are.
pub(super) fn section(post: &Post) -> (String, usize) {
    let body = if post.mails.is_empty() {
        "<div class=\"empty\">No mail yet. It will appear here when an alert fires.</div>".to_owned()
    } else {
        let cards = post.mails.iter().enumerate().rev().take(SHOWN).map(|(number, mail)| card(number, mail));
        cards.collect::<Vec<_>>().join("\n")
    };
    (format!("<section id=\"mail\">\n<h2>Mail</h2>\n{body}\n</section>"), post.mails.len())
}

fn card(number: usize, mail: &Mail) -> String {
    let (tone, label) = tone(mail.subject());
    let to =
        if mail.header("To").is_empty() { mail.recipients.join(", ") } else { mail.header("To").to_owned() };
    let text = if mail.text.trim().is_empty() {
        "<p class=\"context\">(no text part)</p>".to_owned()
    } else {
        format!("<p class=\"mailtext\">{}</p>", escape(mail.text.trim_end()))
    };
    format!(
        "<article class=\"{tone}\">\n<div class=\"meta\"><strong>{}</strong>{}<span class=\"to\">to {}</span><span class=\"tag\">{label}</span></div>\n\
         <div class=\"subject\">{}</div>\n{text}{}{}{}</article>",
        escape(mail.header("From")),
        clock(mail.time),
        escape(&to),
        escape(mail.subject()),
        frame(number, mail),
        headers(number, mail),
        problems(mail),
    )
}

/// The HTML part, where it can do nothing: no scripts, no forms, no origin, and nothing loaded from elsewhere.
fn frame(number: usize, mail: &Mail) -> String {
    if mail.html.is_empty() {
        return String::new();
    }
    let html = escape(&mail.html);
    format!(
        "<details id=\"html-{number}\"><summary>as HTML</summary><iframe sandbox=\"\" title=\"the mail's HTML part\" srcdoc=\"{html}\"></iframe></details>\n"
    )
}

fn headers(number: usize, mail: &Mail) -> String {
    let rows = mail
        .headers
        .iter()
        .map(|(name, value)| format!("<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value)));
    let rows = rows.collect::<String>();
    format!(
        "<details id=\"headers-{number}\"><summary>{} headers</summary><table>{rows}</table></details>\n",
        mail.headers.len()
    )
}

/// What is wrong with the mail: a demo should show its own mistakes.
fn problems(mail: &Mail) -> String {
    let lines =
        mail.problems.iter().map(|problem| format!("<div class=\"problem\">⚠ {}</div>", escape(problem)));
    lines.collect::<Vec<_>>().join("\n")
}

/// By the first state that a subject names.
fn tone(subject: &str) -> (&'static str, &'static str) {
    let subject = subject.to_lowercase();
    let place = |names: &[&str]| names.iter().filter_map(|name| subject.find(name)).min();
    match (place(&["firing", "critical", "🔥", "🔴"]), place(&["resolved", "✅", "🟢"])) {
        (Some(bad), Some(good)) if bad < good => ("bad", "firing"),
        (_, Some(_)) => ("good", "resolved"),
        (Some(_), None) => ("bad", "firing"),
        (None, None) => ("none", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_tell_the_state() {
        for (subject, expected) in [
            ("[FIRING:2] RedisDown", "firing"),
            ("[RESOLVED] RedisDown", "resolved"),
            ("[FIRING:1, RESOLVED:1] RedisDown", "firing"),
            ("hello", ""),
        ] {
            assert_eq!(tone(subject).1, expected, "{subject}");
        }
    }
}
