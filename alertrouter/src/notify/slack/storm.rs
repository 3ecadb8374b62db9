//! The card of a storm: how many alerts fire, in how many groups, and what they are.
//!
//! Invariants: every alert of the storm is in its totals; what is not listed is counted.

use serde_json::json;

use super::blocks::{Rendered, context, section};
use super::text::{date, escape, length, link, one_line};
use crate::moment::Moment;
use crate::notify::Size;
use crate::notify::card::{is_web, rank, span};
use crate::store::{Kind, StormView};

/// Lines of kinds that are listed.
const LISTED: usize = 25;

/// Kinds that the phone's notification names.
const NAMED: usize = 3;

/// Units of a kind's name.
const NAME: usize = 100;

/// Units of the list: one section.
const LIST: usize = 2800;

/// Renders a storm.
pub(in crate::notify) fn render(view: &StormView, size: Size, now: Moment) -> Rendered {
    let mut kinds: Vec<&Kind> = view.kinds.iter().collect();
    kinds.sort_by_key(|kind| {
        (
            kind.firing == 0,
            std::cmp::Reverse(kind.firing.max(kind.resolved)),
            rank(&kind.severity),
            &kind.name,
        )
    });
    let firing: usize = kinds.iter().map(|kind| kind.firing).sum();
    let resolved: usize = kinds.iter().map(|kind| kind.resolved).sum();
    let sign = if firing > 0 { ":rotating_light:" } else { ":white_check_mark:" };
    let headline = if firing > 0 {
        format!("[STORM] {} in {}", alerts(firing, "firing"), groups(view.groups_firing))
    } else {
        format!("[STORM RESOLVED] {} in {}", alerts(resolved, "resolved"), groups(view.groups))
    };
    let text = format!("{sign} {headline}{}", names(&kinds));
    if size == Size::Plain {
        return Rendered { text, ..Rendered::default() };
    }
    let footer = footer(view, firing, resolved, now);
    let card = vec![section(&list(&kinds, view)), context(&footer)];
    let colour = if firing > 0 { "#d40e0d" } else { "#2eb67d" };
    Rendered {
        blocks: vec![section(&format!("{sign} *{headline}*"))],
        attachments: vec![json!({ "color": colour, "fallback": text, "blocks": card })],
        text,
    }
}

/// `: RedisDown, DiskFull and 3 more kinds`
fn names(kinds: &[&Kind]) -> String {
    let named: Vec<String> = kinds.iter().take(NAMED).map(|kind| name(kind)).collect();
    let more = kinds.len().saturating_sub(NAMED);
    match (named.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(": {}", named.join(", ")),
        (false, more) => format!(": {} and {more} more kinds", named.join(", ")),
    }
}

fn name(kind: &Kind) -> String {
    let name = if kind.name.is_empty() { "alerts without a name" } else { &kind.name };
    escape(&one_line(name), NAME)
}

fn list(kinds: &[&Kind], view: &StormView) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for kind in kinds.iter().take(LISTED) {
        let line = line(kind);
        used += length(&line) + 1;
        if used > LIST {
            break;
        }
        lines.push(line);
    }
    let rest = kinds.get(lines.len()..).unwrap_or_default();
    if !rest.is_empty() {
        let alerts: usize = rest.iter().map(|kind| kind.firing + kind.resolved).sum();
        lines.push(format!("… and {} more kinds with {alerts} alerts", rest.len()));
    }
    if is_web(&view.external_url) && view.external_url.len() < 1000 {
        let url = format!("{}/#/alerts", view.external_url.trim_end_matches('/'));
        lines.push(link(&url, "All alerts"));
    }
    if lines.is_empty() { "no alerts".to_owned() } else { lines.join("\n") }
}

fn line(kind: &Kind) -> String {
    let sign = if kind.firing > 0 { ":red_circle:" } else { ":large_green_circle:" };
    let severity = if kind.severity.is_empty() {
        String::new()
    } else {
        format!("`{}` ", escape(&one_line(&kind.severity).replace('`', "'"), 40))
    };
    let counts = match (kind.firing, kind.resolved) {
        (firing, 0) => format!("{firing} firing"),
        (0, resolved) => format!("{resolved} resolved"),
        (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
    };
    format!("{sign} {severity}*{}*: {counts} in {}", name(kind), groups(kind.groups))
}

fn footer(view: &StormView, firing: usize, resolved: usize, now: Moment) -> String {
    let storm = &view.storm;
    let receiver = storm.target.split('/').next().unwrap_or_default();
    let state = match storm.ended_at {
        None => format!("since {}; new groups are shown here until it calms down", date(storm.started_at)),
        Some(ended) => format!(
            "{} to {} ({}); new groups have their own messages again",
            date(storm.started_at),
            date(ended),
            span(storm.started_at, ended)
        ),
    };
    let receiver = escape(&one_line(receiver), 100);
    format!("{firing} firing, {resolved} resolved  ·  {receiver}  ·  {state}  ·  updated {}", date(now))
}

fn alerts(count: usize, what: &str) -> String {
    format!("{count} {} {what}", if count == 1 { "alert" } else { "alerts" })
}

fn groups(count: usize) -> String {
    format!("{count} {}", if count == 1 { "group" } else { "groups" })
}
