//! The message in Slack: a headline, and a coloured card of blocks.
//!
//! Invariants: Slack's limits are kept by construction (50 blocks, 3000 units a section, and a budget for the whole,
//! because a total above about 13,200 fails though no page says so); an alert that is not shown is counted.

use serde_json::{Value, json};

use super::text::{escape, length, link, one_line};
use crate::moment::Moment;
use crate::notify::Size;
use crate::notify::card::{Card, Entry, span, utc};
use crate::payload::Status;

/// Units of all blocks together.
const BUDGET: usize = 12_000;

/// Units of one section: Slack's limit.
const SECTION: usize = 3000;

/// Units of a headline, which is also the text of the notification on a phone.
const HEADLINE: usize = 300;

/// Alerts in a full message: with title and footer well below the 50 blocks.
const FULL: usize = 20;

/// Alerts in a compact message.
const COMPACT: usize = 5;

/// A message's parts as Slack's methods take them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::notify) struct Rendered {
    /// Headline and fallback.
    pub(in crate::notify) text: String,
    /// The card; empty in the plain form.
    pub(in crate::notify) attachments: Vec<Value>,
}

/// Renders a card.
pub(in crate::notify) fn render(card: &Card<'_>, size: Size, now: Moment) -> Rendered {
    let headline = headline(card);
    if size == Size::Plain {
        return Rendered { text: headline, attachments: Vec::new() };
    }
    let most = if size == Size::Full { FULL } else { COMPACT };
    let mut sections: Vec<String> = Vec::new();
    let footer = footer(card, now);
    let mut budget = BUDGET - length(&headline) - length(&footer) - OVERFLOW;
    for entry in card.alerts.iter().take(most) {
        let section = section(entry, size, now);
        let Some(left) = budget.checked_sub(length(&section)) else { break };
        budget = left;
        sections.push(section);
    }
    let hidden = card.alerts.len() - sections.len();
    let mut blocks: Vec<Value> = sections.iter().map(|section| block(section)).collect();
    if hidden > 0 {
        blocks.push(block(&overflow(card, hidden)));
    }
    blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": footer }] }));
    Rendered {
        text: headline.clone(),
        attachments: vec![json!({ "color": colour(card), "fallback": headline, "blocks": blocks })],
    }
}

/// Units that the line about hidden alerts may take.
const OVERFLOW: usize = 1800;

fn headline(card: &Card<'_>) -> String {
    let sign = match card.status {
        Status::Firing if card.severity == Some("info") => ":information_source:",
        Status::Firing if card.severity == Some("warning") => ":warning:",
        Status::Firing => ":rotating_light:",
        Status::Resolved => ":white_check_mark:",
    };
    format!("{sign} *{}*", escape(&one_line(&card.title()), HEADLINE))
}

fn colour(card: &Card<'_>) -> &'static str {
    match (card.status, card.severity) {
        (Status::Resolved, _) => "#2eb67d",
        (Status::Firing, Some("info")) => "#36a6e0",
        (Status::Firing, Some("warning")) => "#ecb22e",
        (Status::Firing, _) => "#d40e0d",
    }
}

fn section(entry: &Entry<'_>, size: Size, now: Moment) -> String {
    let full = size == Size::Full;
    let mut lines: Vec<String> = Vec::new();
    let severity = entry.severity.map(|severity| format!("`{}` ", escape(&severity.replace('`', "'"), 40)));
    let severity = severity.unwrap_or_default();
    let sign = if entry.alert.status == Status::Firing { ":red_circle:" } else { ":large_green_circle:" };
    lines.push(format!(
        "{sign} {severity}*{}*",
        escape(&one_line(entry.summary), if full { 400 } else { 200 })
    ));
    if full && let Some(description) = entry.description {
        lines.push(escape(description, 900));
    }
    if full && !entry.labels.is_empty() {
        let labels: Vec<String> =
            entry.labels.iter().map(|(name, value)| format!("{name}={}", one_line(value))).collect();
        lines.push(format!("`{}`", escape(&labels.join("  ").replace('`', "'"), 500)));
    }
    lines.push(times(entry, now));
    let links: Vec<String> = entry.links.iter().map(|(name, url)| link(url, name)).collect();
    let text = lines.join("\n");
    // links are left out whole rather than cut
    let mut out = text;
    for (at, link) in links.iter().enumerate() {
        let piece = format!("{}{link}", if at == 0 { "\n" } else { "  ·  " });
        if length(&out) + length(&piece) <= SECTION {
            out.push_str(&piece);
        }
    }
    out
}

fn times(entry: &Entry<'_>, now: Moment) -> String {
    let since = date(entry.since);
    match (entry.alert.status, entry.alert.ends_at) {
        (Status::Firing, _) => format!("since {since}"),
        (Status::Resolved, ended) => {
            let ended = ended.unwrap_or(now);
            format!("{since} to {} ({})", date(ended), span(entry.since, ended))
        }
    }
}

/// A time in the reader's own zone.
fn date(moment: Moment) -> String {
    format!("<!date^{}^{{date_short_pretty}} {{time}}|{}>", moment.timestamp().as_second(), utc(moment))
}

fn overflow(card: &Card<'_>, hidden: usize) -> String {
    let words = format!("…and {hidden} more");
    match card.sender_url {
        Some(url) if url.len() < 1000 => {
            format!("{words}: {}", link(&format!("{}/#/alerts", url.trim_end_matches('/')), "all alerts"))
        }
        _ => words,
    }
}

fn footer(card: &Card<'_>, now: Moment) -> String {
    format!("{}  ·  {}  ·  updated {}", card.counts(), escape(&one_line(card.receiver), 100), date(now))
}

fn block(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}
