//! What a reply in the thread says: which alerts fired and which were resolved since the thread was told last, or that
//! all of it still fires. Quiet: nobody is called, and the channel does not show it.

use super::place::Place;
use super::text::{code, date, escape, one_line};
use crate::moment::Moment;
use crate::notify::Message;
use crate::notify::card::{Card, Entry, span};
use crate::payload::Status;

/// Alerts that are named under each headline; the rest is counted.
const NAMED: usize = 5;

/// Units of an alert's line.
const LINE: usize = 200;

/// The reply, if there is anything to say.
pub(super) fn render(place: &Place, message: &Message<'_>) -> Option<String> {
    let card = Card::new(message.view, &message.alerts);
    // a message from before places remembered what they told
    place.firing.as_ref()?;
    let untold = |entry: &&Entry<'_>| entry.alert.fired > message.view.sent_revision;
    let fires = |entry: &&Entry<'_>| entry.alert.status == Status::Firing;
    let fired: Vec<&Entry<'_>> = card
        .alerts
        .iter()
        .filter(|entry| fires(entry) && (untold(entry) || !place.told(entry.alert)))
        .collect();
    let resolved: Vec<&Entry<'_>> = card
        .alerts
        .iter()
        .filter(|entry| !fires(entry) && (untold(entry) || place.told(entry.alert)))
        .collect();
    let mut parts: Vec<String> = Vec::new();
    if !fired.is_empty() {
        let words = format!(":red_circle: *{} started firing* ({} now)", fired.len(), card.firing);
        parts.push(list(&words, &fired));
    }
    if !resolved.is_empty() {
        let words = if card.firing == 0 {
            let whole =
                card.since().map(|since| format!(" after {}", span(since, ended(&resolved, message.now))));
            format!(":white_check_mark: *All resolved*{}", whole.unwrap_or_default())
        } else {
            format!(":large_green_circle: *{} resolved* ({} still firing)", resolved.len(), card.firing)
        };
        parts.push(list(&words, &resolved));
    }
    if parts.is_empty() && message.view.again && card.firing > 0 {
        let since = card.since().unwrap_or(message.now);
        parts.push(format!(
            ":hourglass_flowing_sand: *Still firing* since {} ({}): {}",
            date(since),
            span(since, message.now),
            card.counts()
        ));
    }
    (!parts.is_empty()).then(|| parts.join("\n"))
}

fn list(headline: &str, entries: &[&Entry<'_>]) -> String {
    let mut lines = vec![headline.to_owned()];
    let named = entries.get(..NAMED.min(entries.len())).unwrap_or_default();
    lines.extend(named.iter().map(|entry| {
        let alike = named.iter().filter(|other| other.summary == entry.summary).count() > 1;
        let line = format!("• {}", escape(&one_line(entry.summary), LINE));
        // what tells them apart
        let labels: Vec<String> =
            entry.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if alike && !labels.is_empty() { format!("{line} {}", code(&labels.join("  "), LINE)) } else { line }
    }));
    if entries.len() > NAMED {
        lines.push(format!("… and {} more", entries.len() - NAMED));
    }
    lines.join("\n")
}

/// When the last of them ended.
fn ended(resolved: &[&Entry<'_>], now: Moment) -> Moment {
    resolved.iter().filter_map(|entry| entry.alert.ends_at).max().unwrap_or(now)
}
