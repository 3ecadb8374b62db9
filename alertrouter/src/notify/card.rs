//! What a message about a group says, before any form is given to it.
//!
//! Pure. All texts are as they came: escaping belongs to the one who knows where they go.

use jiff::tz::TimeZone;

use crate::labels::Labels;
use crate::moment::Moment;
use crate::payload::Status;
use crate::store::{LiveAlert, View};

/// A message's contents.
#[derive(Debug)]
pub struct Card<'a> {
    /// Whether anything fires.
    pub status: Status,
    /// How many fire.
    pub firing: usize,
    /// How many of those told no longer fire.
    pub resolved: usize,
    /// The alert's name, or how many alerts there are.
    pub name: String,
    /// What else names the group: values of its labels.
    pub about: String,
    /// The worst severity among what fires.
    pub severity: Option<&'a str>,
    /// The alerts, firing first.
    pub alerts: Vec<Entry<'a>>,
    /// The receiver's name.
    pub receiver: &'a str,
    /// The sender's alerts page.
    pub sender_url: Option<&'a str>,
}

/// One alert in a message.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The alert.
    pub alert: &'a LiveAlert,
    /// `severity`, if it has one.
    pub severity: Option<&'a str>,
    /// Its summary, or the next best.
    pub summary: &'a str,
    /// Its description, if it says more than the summary.
    pub description: Option<&'a str>,
    /// Labels that tell it from the others of its group.
    pub labels: Vec<(&'a str, &'a str)>,
    /// Name and address of each link.
    pub links: Vec<(&'static str, String)>,
    /// Since when.
    pub since: Moment,
}

impl<'a> Card<'a> {
    /// Collects what a message says.
    pub fn new(view: &'a View, alerts: &[&'a LiveAlert]) -> Self {
        let firing = alerts.iter().filter(|alert| alert.status == Status::Firing).count();
        let sender_url = Some(view.external_url.trim()).filter(|url| is_web(url));
        let entries: Vec<Entry<'a>> =
            alerts.iter().map(|alert| Entry::new(view, alert, sender_url)).collect();
        let name = match common_name(view, alerts) {
            Some(name) => name.to_owned(),
            None => format!("{} alerts", alerts.len()),
        };
        let about: Vec<&str> = view
            .labels
            .iter()
            .filter(|(label, value)| *label != "alertname" && !value.is_empty())
            .map(|(_, value)| value)
            .collect();
        let worst = entries.iter().filter(|entry| entry.alert.status == Status::Firing);
        Self {
            status: if firing > 0 { Status::Firing } else { Status::Resolved },
            firing,
            resolved: alerts.len() - firing,
            name,
            about: about.join(" "),
            severity: worst.filter_map(|entry| entry.severity).min_by_key(|severity| rank(severity)),
            alerts: entries,
            receiver: &view.receiver,
            sender_url,
        }
    }

    /// `[FIRING:2] RedisDown (prod eu)`
    pub fn title(&self) -> String {
        let state = match self.status {
            Status::Firing => format!("[FIRING:{}]", self.firing),
            Status::Resolved => "[RESOLVED]".to_owned(),
        };
        format!("{state} {}", self.subject())
    }

    /// The title without the state: the same for the whole life of a thread.
    pub fn subject(&self) -> String {
        if self.about.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.about) }
    }

    /// Since when the oldest of what it shows fires, or fired.
    pub fn since(&self) -> Option<Moment> {
        let of = |status: Option<Status>| {
            let alerts =
                self.alerts.iter().filter(|entry| status.is_none_or(|status| entry.alert.status == status));
            alerts.map(|entry| entry.since).min()
        };
        of(Some(Status::Firing)).or_else(|| of(None))
    }

    /// `2 firing, 1 resolved`
    pub fn counts(&self) -> String {
        match (self.firing, self.resolved) {
            (firing, 0) => format!("{firing} firing"),
            (0, resolved) => format!("{resolved} resolved"),
            (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
        }
    }
}

impl<'a> Entry<'a> {
    fn new(view: &'a View, alert: &'a LiveAlert, sender_url: Option<&str>) -> Self {
        let annotation = |names: &[&str]| {
            names.iter().map(|name| alert.annotations.value(name).trim()).find(|text| !text.is_empty())
        };
        let name = match alert.labels.value("alertname") {
            "" => "alert",
            name => name,
        };
        let description = annotation(&["description", "message"]);
        let summary = annotation(&["summary"]);
        Self {
            alert,
            severity: Some(alert.labels.value("severity")).filter(|severity| !severity.is_empty()),
            summary: summary.or(description).unwrap_or(name),
            description: description.filter(|_| summary.is_some()).filter(|text| Some(*text) != summary),
            labels: own_labels(&view.labels, alert),
            links: links(alert, sender_url),
            since: alert.starts_at.unwrap_or(alert.first_seen),
        }
    }
}

/// `2026-08-01 10:00:05 UTC`: everybody reads it the same way.
pub fn utc(moment: Moment) -> String {
    moment.timestamp().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `3d 4h`, `4h 5m`, `5m 6s`, `7s`
pub fn span(from: Moment, to: Moment) -> String {
    let seconds = to.since(from).as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// Whether a link leads to the web. Everything else (`javascript:` above all) is shown as text.
pub fn is_web(url: &str) -> bool {
    let lower = url.trim().to_ascii_lowercase();
    (lower.starts_with("https://") || lower.starts_with("http://")) && !url.contains(char::is_control)
}

pub(super) fn common_name<'a>(view: &'a View, alerts: &[&'a LiveAlert]) -> Option<&'a str> {
    let of_group = view.labels.value("alertname");
    if !of_group.is_empty() {
        return Some(of_group);
    }
    let first = alerts.first()?.labels.value("alertname");
    let same = !first.is_empty() && alerts.iter().all(|alert| alert.labels.value("alertname") == first);
    same.then_some(first)
}

fn own_labels<'a>(group: &Labels, alert: &'a LiveAlert) -> Vec<(&'a str, &'a str)> {
    let told = |name: &str| {
        name == "alertname" || name == "severity" || group.iter().any(|(group, _)| group == name)
    };
    alert.labels.iter().filter(|(name, value)| !told(name) && !value.is_empty()).collect()
}

fn links(alert: &LiveAlert, sender_url: Option<&str>) -> Vec<(&'static str, String)> {
    let annotation =
        |names: &[&str]| names.iter().map(|name| alert.annotations.value(name)).find(|url| is_web(url));
    let mut links: Vec<(&'static str, String)> = Vec::new();
    let mut add = |name, url: Option<&str>| links.extend(url.map(|url| (name, url.trim().to_owned())));
    add("Runbook", annotation(&["runbook_url", "runbook"]));
    add("Dashboard", annotation(&["dashboard_url", "dashboard"]));
    add("Source", Some(alert.generator_url.as_str()).filter(|url| is_web(url)));
    if alert.status == Status::Firing
        && let Some(sender) = sender_url
    {
        let filter = percent(&alert.labels.to_string());
        links.push(("Silence", format!("{}/#/silences/new?filter={filter}", sender.trim_end_matches('/'))));
    }
    // longer ones would take the place of words, and no browser takes much more
    links.retain(|(_, url)| url.len() <= MAX_LINK);
    links
}

/// Longest link that is shown, in bytes: Slack's limit for an address is 3000.
const MAX_LINK: usize = 1500;

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                for digit in [byte >> 4, byte & 15] {
                    out.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
                }
            }
        }
    }
    out
}

/// The usual words for severity, worst first; unknown ones come last.
pub fn rank(severity: &str) -> usize {
    const WORST_FIRST: [&str; 12] = [
        "emergency",
        "page",
        "critical",
        "crit",
        "high",
        "error",
        "major",
        "warning",
        "warn",
        "minor",
        "info",
        "none",
    ];
    WORST_FIRST.iter().position(|known| severity.eq_ignore_ascii_case(known)).unwrap_or(WORST_FIRST.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (seconds, expected) in
            [(0, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (90_000, "1d 1h"), (-5, "0s")]
        {
            assert_eq!(span(Moment(0), Moment(seconds * 1_000_000)), expected);
        }
    }

    #[test]
    fn only_the_web_is_linked() {
        for (url, expected) in [
            ("https://a/b", true),
            ("HTTP://a", true),
            ("javascript:alert(1)", false),
            (" javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("https://a/\nb", false),
            ("/relative", false),
            ("", false),
        ] {
            assert_eq!(is_web(url), expected, "{url:?}");
        }
    }

    #[test]
    fn severities_in_order() {
        let mut words = ["info", "odd", "critical", "Warning"];
        words.sort_by_key(|word| rank(word));
        assert_eq!(words, ["critical", "Warning", "info", "odd"]);
    }

    #[test]
    fn percent_encoding() {
        assert_eq!(percent("{a=\"é b\"}"), "%7Ba%3D%22%C3%A9%20b%22%7D");
    }
}
