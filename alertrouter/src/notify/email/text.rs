//! The plain text of a mail: what every reader can show.
//!
//! Invariants: no control characters; no text from outside is longer than [`TEXT`].

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
pub(super) const TEXT: usize = 4000;

/// The whole text, with a remark that is not about the alerts.
pub(in crate::notify) fn render(card: &Card<'_>, size: Size, now: Moment, remark: Option<&str>) -> String {
    let mut out = format!("{}\n{}\n", clean(&card.title()), card.counts());
    let most = most(size);
    for entry in card.alerts.iter().take(most) {
        let severity = entry.severity.map(|severity| format!(" [{}]", clean(severity))).unwrap_or_default();
        push(&mut out, format_args!("\n{}{severity} {}\n", state(entry), clean(entry.summary)));
        if let Some(description) = entry.description {
            push(&mut out, format_args!("{}\n", clean(description)));
        }
        for (name, value) in &entry.labels {
            push(&mut out, format_args!("  {} = {}\n", clean(name), clean(value)));
        }
        push(&mut out, format_args!("  {}\n", times(entry, now)));
        for (name, url) in &entry.links {
            push(&mut out, format_args!("  {name}: {}\n", clean(url)));
        }
    }
    if card.alerts.len() > most {
        push(&mut out, format_args!("\n...and {} more\n", card.alerts.len() - most));
    }
    if let Some(remark) = remark {
        push(&mut out, format_args!("\n{}\n", clean(remark)));
    }
    push(&mut out, format_args!("\n-- \nSent to {} by alertrouter at {}\n", clean(card.receiver), utc(now)));
    out
}

/// How many alerts are shown.
pub(super) fn most(size: Size) -> usize {
    if size == Size::Full { FULL } else { COMPACT }
}

/// An alert's state, in capitals.
pub(super) fn state(entry: &Entry<'_>) -> &'static str {
    match entry.alert.status {
        Status::Firing => "FIRING",
        Status::Resolved => "RESOLVED",
    }
}

/// Since when, or from when to when.
pub(super) fn times(entry: &Entry<'_>, now: Moment) -> String {
    match entry.alert.status {
        Status::Firing => format!("since {} ({})", utc(entry.since), span(entry.since, now)),
        Status::Resolved => {
            let ended = entry.alert.ends_at.unwrap_or(now);
            format!("{} to {} ({})", utc(entry.since), utc(ended), span(entry.since, ended))
        }
    }
}

/// Text without control characters (but line breaks and tabs), cut where it is too long.
pub(super) fn clean(text: &str) -> String {
    let mut kept = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    let mut out: String = kept.by_ref().take(TEXT).collect();
    if kept.next().is_some() {
        out.push('…');
    }
    out
}

/// Adds to a text.
pub(super) fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // writing to a String cannot fail
    let _infallible = out.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_texts() {
        assert_eq!(clean("a\u{0}\u{1b}b\r\nc"), "ab\nc");
        assert_eq!(clean(&"x".repeat(TEXT + 1)).chars().count(), TEXT + 1);
    }
}
