//! The message in Slack: a headline, and a coloured card of blocks.
//!
//! Invariants: Slack's limits are kept by construction (50 blocks, 3000 units a section, and a budget for the whole,
//! because a total above about 13,200 fails though no page says so); an alert that is not shown is counted.

use serde_json::{Map, Value, json};

use super::text::{code, date, escape, length, link, one_line, prose};
use crate::moment::Moment;
use crate::notify::Size;
use crate::notify::card::{Card, Entry, span};
use crate::payload::Status;

/// Units of all blocks together.
const BUDGET: usize = 12_000;

/// Units of one section: Slack's limit.
const SECTION: usize = 3000;

/// Units of a headline.
const HEADLINE: usize = 300;

/// Units of the text that a phone shows.
const NOTIFICATION: usize = 600;

/// Alerts in a full message: with title and footer well below the 50 blocks.
const FULL: usize = 20;

/// Alerts in a compact message.
const COMPACT: usize = 5;

/// Units that the line about hidden alerts may take.
const OVERFLOW: usize = 1800;

/// Units of a remark.
const REMARK: usize = 500;

/// A message's parts as Slack's methods take them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::notify) struct Rendered {
    /// What a phone shows, and what is shown where blocks are not.
    pub(in crate::notify) text: String,
    /// The headline; empty in the plain form.
    pub(in crate::notify) blocks: Vec<Value>,
    /// The card; empty in the plain form.
    pub(in crate::notify) attachments: Vec<Value>,
}

impl Rendered {
    /// Adds a remark in small print, which is not about the alerts.
    pub(super) fn remark(&mut self, words: &str) {
        let words = escape(&one_line(words), REMARK);
        match self.attachments.first_mut().and_then(|card| card.get_mut("blocks")?.as_array_mut()) {
            Some(blocks) => blocks.push(context(&words)),
            None => self.text = format!("{} ({words})", self.text),
        }
    }

    /// As arguments of a method. All three are there, because what an edit leaves out stays as it was.
    pub(super) fn body(self) -> Map<String, Value> {
        let Self { text, blocks, attachments } = self;
        [("text", json!(text)), ("blocks", json!(blocks)), ("attachments", json!(attachments))]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

/// How much of an alert is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Full,
    Brief,
}

/// Renders a card. `before`: where the group's message of before is.
pub(in crate::notify) fn render(card: &Card<'_>, size: Size, now: Moment, before: Option<&str>) -> Rendered {
    let title = escape(&one_line(&card.title()), HEADLINE);
    let text = notification(card);
    if size == Size::Plain {
        return Rendered { text, ..Rendered::default() };
    }
    let headline = format!("{} *{title}*", sign(card));
    let footer = footer(card, now, before);
    let budget = BUDGET - length(&headline) - length(&footer) - OVERFLOW;
    let sections = sections(card, size, now, budget);
    let hidden = card.alerts.get(sections.len()..).unwrap_or_default();
    let mut blocks: Vec<Value> = sections.iter().map(|words| section(words)).collect();
    if !hidden.is_empty() {
        blocks.push(section(&overflow(card, hidden)));
    }
    blocks.push(context(&footer));
    Rendered {
        blocks: vec![section(&headline)],
        attachments: vec![json!({ "color": colour(card), "fallback": text, "blocks": blocks })],
        text,
    }
}

/// The alerts, in as much detail as lets all of them be shown; if none does, as many as fit.
fn sections(card: &Card<'_>, size: Size, now: Moment, budget: usize) -> Vec<String> {
    let (most, details) = match size {
        Size::Full => (FULL, &[Detail::Full, Detail::Brief][..]),
        _ => (COMPACT, &[Detail::Brief][..]),
    };
    let mut fitting = Vec::new();
    for detail in details {
        let mut left = budget;
        fitting = card
            .alerts
            .iter()
            .take(most)
            .map_while(|entry| {
                let words = alert(entry, *detail, now);
                left = left.checked_sub(length(&words))?;
                Some(words)
            })
            .collect();
        if fitting.len() == card.alerts.len().min(most) {
            break;
        }
    }
    fitting
}

/// `[FIRING:2] RedisDown (eu): Redis a:6379 is down, and 1 more`
fn notification(card: &Card<'_>) -> String {
    let mut words = card.title();
    if let Some(first) = card.alerts.first().filter(|first| first.summary != card.name) {
        words = format!("{words}: {}", first.summary);
        let others = if card.firing > 0 { card.firing } else { card.resolved } - 1;
        if others > 0 {
            words = format!("{}, and {others} more", one_line(&words).chars().take(450).collect::<String>());
        }
    }
    format!("{} {}", sign(card), escape(&one_line(&words), NOTIFICATION))
}

fn sign(card: &Card<'_>) -> &'static str {
    match card.status {
        Status::Firing if card.severity == Some("info") => ":information_source:",
        Status::Firing if card.severity == Some("warning") => ":warning:",
        Status::Firing => ":rotating_light:",
        Status::Resolved => ":white_check_mark:",
    }
}

fn colour(card: &Card<'_>) -> &'static str {
    match (card.status, card.severity) {
        (Status::Resolved, _) => "#2eb67d",
        (Status::Firing, Some("info")) => "#36a6e0",
        (Status::Firing, Some("warning")) => "#ecb22e",
        (Status::Firing, _) => "#d40e0d",
    }
}

fn alert(entry: &Entry<'_>, detail: Detail, now: Moment) -> String {
    let full = detail == Detail::Full;
    let severity = entry.severity.map(|severity| format!("{} ", code(severity, 40))).unwrap_or_default();
    let sign = if entry.alert.status == Status::Firing { ":red_circle:" } else { ":large_green_circle:" };
    let summary = escape(&one_line(entry.summary), if full { 400 } else { 200 });
    let mut out = format!("{sign} {severity}*{summary}*");
    if full && let Some(description) = entry.description {
        out.push('\n');
        out.push_str(&prose(description, 900));
    }
    if full && !entry.labels.is_empty() {
        let labels: Vec<String> =
            entry.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        out.push('\n');
        out.push_str(&code(&labels.join("  "), 500));
    }
    out.push('\n');
    out.push_str(&times(entry, now));
    // links are left out whole rather than cut; the shortest form has room for what helps most
    let most = if full { usize::MAX } else { 400 };
    let mut first = true;
    for (name, url) in &entry.links {
        let link = link(url, name);
        let piece = format!("{}{link}", if first { "\n" } else { "  ·  " });
        if length(&link) <= most && length(&out) + length(&piece) <= SECTION {
            out.push_str(&piece);
            first = false;
        }
    }
    out
}

fn times(entry: &Entry<'_>, now: Moment) -> String {
    let since = date(entry.since);
    match (entry.alert.status, entry.alert.ends_at) {
        (Status::Firing, _) => format!("since {since} ({})", span(entry.since, now)),
        (Status::Resolved, ended) => {
            let ended = ended.unwrap_or(now);
            format!("{since} to {} ({})", date(ended), span(entry.since, ended))
        }
    }
}

fn overflow(card: &Card<'_>, hidden: &[Entry<'_>]) -> String {
    let firing = hidden.iter().filter(|entry| entry.alert.status == Status::Firing).count();
    let counts = match (firing, hidden.len() - firing) {
        (firing, 0) => format!("{firing} firing"),
        (0, resolved) => format!("{resolved} resolved"),
        (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
    };
    let words = format!("… and {} more ({counts})", hidden.len());
    match card.sender_url {
        Some(url) if url.len() < 1000 => {
            format!("{words}: {}", link(&format!("{}/#/alerts", url.trim_end_matches('/')), "all alerts"))
        }
        _ => words,
    }
}

fn footer(card: &Card<'_>, now: Moment, before: Option<&str>) -> String {
    let receiver = escape(&one_line(card.receiver), 100);
    let mut out = format!("{}  ·  {receiver}  ·  updated {}", card.counts(), date(now));
    if let Some(before) = before.filter(|before| before.len() < 500) {
        out.push_str("  ·  ");
        out.push_str(&link(before, "the time before"));
    }
    out
}

/// A section of mrkdwn. `verbatim`: what looks like a channel, a person or an address stays a word.
pub(super) fn section(words: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(words) })
}

/// A line in small print.
pub(super) fn context(words: &str) -> Value {
    json!({ "type": "context", "elements": [mrkdwn(words)] })
}

fn mrkdwn(words: &str) -> Value {
    json!({ "type": "mrkdwn", "text": words, "verbatim": true })
}
