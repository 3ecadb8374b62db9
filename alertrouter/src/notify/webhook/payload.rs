//! The body of a webhook: Alertmanager's payload, version 4, with its keys in Go's order.
//!
//! Pure. What Alertmanager does is done here too, odd or not, because bridges are written for it: the receiver's name
//! is quoted for a regexp, an alert that fires ends in the year 1, `<`, `>` and `&` are escaped.

use serde::Serialize;

use crate::labels::Labels;
use crate::moment::Moment;
use crate::notify::{Message, Size, go_json};
use crate::payload::{Status, quote};
use crate::store::LiveAlert;

/// Alerts in a message that was too big with all of them.
const COMPACT: usize = 50;

/// Alerts in one that still was.
const SMALLEST: usize = 5;

/// Go's zero time: it has not ended.
const NOT_ENDED: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    receiver: String,
    status: &'static str,
    alerts: Vec<Entry<'a>>,
    #[serde(rename = "notification_reason")]
    reason: &'static str,
    group_labels: &'a Labels,
    common_labels: Labels,
    common_annotations: Labels,
    route_labels: Labels,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    group_key: String,
    truncated_alerts: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    status: &'static str,
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

/// The body, without a line end. `max_alerts`: 0 is no limit.
pub(super) fn render(message: &Message<'_>, max_alerts: usize) -> String {
    let view = message.view;
    let limit = if max_alerts == 0 { usize::MAX } else { max_alerts };
    let limit = match message.size {
        Size::Full => limit,
        Size::Compact => limit.min(COMPACT),
        Size::Plain => limit.min(SMALLEST),
    };
    let told: Vec<&LiveAlert> = message.alerts.iter().copied().take(limit).collect();
    let fires = message.alerts.iter().any(|alert| alert.status == Status::Firing);
    let body = Body {
        receiver: quote(&view.receiver),
        status: word(if fires { Status::Firing } else { Status::Resolved }),
        alerts: told.iter().map(|alert| entry(alert, message.now)).collect(),
        reason: reason(message, fires),
        group_labels: &view.labels,
        common_labels: common(&told, |alert| &alert.labels),
        common_annotations: common(&told, |alert| &alert.annotations),
        route_labels: Labels::default(),
        external_url: &view.external_url,
        version: "4",
        group_key: format!("{{}}/{{receiver={:?}}}:{}", view.receiver, view.labels),
        truncated_alerts: message.alerts.len() - told.len(),
    };
    go_json(&body)
}

fn entry(alert: &LiveAlert, now: Moment) -> Entry<'_> {
    // resolved and without an end is odd, and yet the end of it
    let ended = (alert.status == Status::Resolved).then(|| alert.ends_at.unwrap_or(now));
    Entry {
        status: word(alert.status),
        labels: &alert.labels,
        annotations: &alert.annotations,
        starts_at: time(alert.starts_at.unwrap_or(alert.first_seen)),
        ends_at: ended.map_or_else(|| NOT_ENDED.to_owned(), time),
        generator_url: &alert.generator_url,
        fingerprint: format!("{:016x}", alert.fingerprint),
    }
}

fn time(moment: Moment) -> String {
    moment.timestamp().to_string()
}

pub(in crate::notify) fn word(status: Status) -> &'static str {
    match status {
        Status::Firing => "firing",
        Status::Resolved => "resolved",
    }
}

/// Why it is sent, in Alertmanager's words.
pub(in crate::notify) fn reason(message: &Message<'_>, fires: bool) -> &'static str {
    let view = message.view;
    let anew = message.alerts.iter().any(|alert| alert.fired > view.sent_revision);
    match &view.sent {
        None => "first notification",
        Some(_) if !fires => "all alerts resolved",
        Some(sent) if sent.firing == 0 || sent.episode != view.episode => "first notification",
        Some(_) if anew => "new alerts added",
        Some(_) if view.again => "repeat interval elapsed",
        Some(_) => "some alerts resolved",
    }
}

/// What all alerts have in common.
pub(in crate::notify) fn common<'a>(
    alerts: &[&'a LiveAlert],
    of: impl Fn(&'a LiveAlert) -> &'a Labels,
) -> Labels {
    let Some((first, rest)) = alerts.split_first() else { return Labels::default() };
    let same =
        |name: &str, value: &str| rest.iter().all(|alert| of(alert).iter().any(|pair| pair == (name, value)));
    of(first).iter().filter(|(name, value)| same(name, value)).collect()
}
