//! How things are said to a person: durations, shares, times, troubles.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::health::incident::Incident;
use crate::health::rollup::State;
use crate::health::uptime::Seconds;

/// Of an incident, so much less than all of it is said to be all of it.
const NEARLY: Duration = Duration::from_mins(1);

/// A service's state, in a word or two.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Healthy => "Working",
        State::Degraded => "Limited",
        State::Unhealthy => "Not working",
        State::Unknown => "Not known",
    }
}

/// A duration to the two units that matter: `less than a minute`, `23 minutes`, `3 hours 5 minutes`, `2 days 4 hours`.
pub(super) fn lasted(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    let (days, hours) = (minutes / (24 * 60), minutes / 60 % 24);
    let parts = match (days, hours, minutes % 60) {
        (0, 0, 0) => return "less than a minute".to_owned(),
        (0, hours, minutes) => [(hours, "hour"), (minutes, "minute")],
        (days, hours, _) => [(days, "day"), (hours, "hour")],
    };
    let said = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| counted(*count, unit));
    said.collect::<Vec<_>>().join(" ")
}

/// `1 day`, `2 days`.
pub(super) fn counted(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A share in percent. What is not all is never said to be all.
pub(super) fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0 + 1e-6).floor().clamp(0.0, 10_000.0) / 100.0;
    if share >= 1.0 {
        "100 %".to_owned()
    } else if (99.0..100.0).contains(&hundredths) {
        format!("{hundredths:.2} %")
    } else if hundredths >= 100.0 {
        "99.99 %".to_owned()
    } else {
        format!("{:.1} %", (hundredths * 10.0).floor() / 10.0)
    }
}

/// What a day was, for who points at it.
pub(super) fn day(seconds: &Seconds) -> String {
    let Some(uptime) = seconds.uptime() else {
        let planned = seconds.maintenance >= 1.0;
        return if planned { "planned maintenance".to_owned() } else { "not measured".to_owned() };
    };
    let mut parts = vec![percent(uptime)];
    let troubles = [
        (seconds.unhealthy, "not working"),
        (seconds.degraded, "limited"),
        (seconds.maintenance, "maintenance"),
    ];
    for (seconds, what) in troubles {
        if seconds >= 1.0 {
            parts.push(format!("{what} for {}", lasted(Duration::from_secs_f64(seconds))));
        }
    }
    if parts.len() == 1 {
        parts.push("no trouble".to_owned());
    }
    parts.join(", ")
}

/// What happened to a service.
pub(super) fn happened(title: &str, incident: &Incident, now: Timestamp) -> String {
    let lasted_all = incident.lasted(now);
    let verb = if incident.ended.is_some() { "was" } else { "is" };
    if !incident.failed {
        format!("{title} {verb} limited")
    } else if incident.down + NEARLY >= lasted_all {
        format!("{title} {verb} not working")
    } else {
        let down = lasted(incident.down);
        let have = if incident.ended.is_some() { "was" } else { "has been" };
        format!("{title} {verb} limited, and {have} not working for {down}")
    }
}

/// When an incident was, and how long.
pub(super) fn when(incident: &Incident, now: Timestamp, zone: &TimeZone) -> String {
    let began = incident.began.to_zoned(zone.clone());
    let long = lasted(incident.lasted(now));
    let Some(ended) = incident.ended else {
        return format!("since {}, for {long}", clock(&began));
    };
    let ended = ended.to_zoned(zone.clone());
    let same_day = began.date() == ended.date();
    let until = if same_day { clock(&ended) } else { format!("{}, {}", short_date(&ended), clock(&ended)) };
    if clock(&began) == until {
        format!("{until}, {long}")
    } else {
        format!("{} – {until}, {long}", clock(&began))
    }
}

/// `14:02`.
pub(super) fn clock(at: &Zoned) -> String {
    at.strftime("%H:%M").to_string()
}

/// `20 Nov`.
pub(super) fn short_date(at: &Zoned) -> String {
    at.strftime("%-d %b").to_string()
}

/// `20 November 2026`.
pub(super) fn long_date(at: &Zoned) -> String {
    at.strftime("%-d %B %Y").to_string()
}

/// `Friday 20 November, 14:02`.
pub(super) fn day_and_clock(at: &Zoned) -> String {
    at.strftime("%A %-d %B, %H:%M").to_string()
}

/// From when to when something is planned: `Sunday 22 November, 02:00 – 04:00`.
pub(super) fn span(from: &Zoned, to: &Zoned) -> String {
    let until = if from.date() == to.date() { clock(to) } else { day_and_clock(to) };
    format!("{} – {until}", day_and_clock(from))
}

/// Services in a sentence that names more than this are counted.
const NAMED: usize = 2;

/// `A is limited`, `A and B are limited`, `3 services are limited`.
pub(super) fn are(names: &[&str], what: &str) -> String {
    match names {
        [one] => format!("{one} is {what}"),
        _ if names.len() > NAMED => format!("{} services are {what}", names.len()),
        _ => format!("{} are {what}", list(names)),
    }
}

/// A list as people say it: `A`, `A and B`, `A, B and C`.
pub(super) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |seconds: u64, expected: &str| assert_eq!(lasted(Duration::from_secs(seconds)), expected);
        check(0, "less than a minute");
        check(59, "less than a minute");
        check(60, "1 minute");
        check(23 * 60 + 59, "23 minutes");
        check(3600, "1 hour");
        check(3 * 3600 + 300, "3 hours 5 minutes");
        check(24 * 3600, "1 day");
        check(2 * 24 * 3600 + 4 * 3600 + 1800, "2 days 4 hours");
    }

    #[test]
    fn shares_are_never_rounded_up_to_all() {
        let check = |share: f64, expected: &str| assert_eq!(percent(share), expected, "{share}");
        check(1.0, "100 %");
        check(0.999_999, "99.99 %");
        check(0.9999, "99.99 %");
        check(0.99895, "99.89 %");
        check(0.99, "99.00 %");
        check(0.98765, "98.7 %");
        check(0.5, "50.0 %");
        check(0.0, "0.0 %");
    }

    #[test]
    fn days() {
        let check = |seconds: Seconds, expected: &str| assert_eq!(day(&seconds), expected);
        let none = Seconds::default();
        check(none, "not measured");
        check(Seconds { unknown: 60.0, ..none }, "not measured");
        check(Seconds { maintenance: 60.0, ..none }, "planned maintenance");
        check(Seconds { healthy: 60.0, unhealthy: 0.2, ..none }, "99.66 %, no trouble");
        check(Seconds { healthy: 86_400.0, ..none }, "100 %, no trouble");
        let bad = Seconds {
            healthy: 84_600.0,
            unhealthy: 600.0,
            degraded: 1200.0,
            maintenance: 3600.0,
            unknown: 9.0,
        };
        check(bad, "99.30 %, not working for 10 minutes, limited for 20 minutes, maintenance for 1 hour");
    }

    #[test]
    fn incidents() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-20T15:00:00Z");
        let check = |began: &str, ended: Option<&str>, down: u64, expected: [&str; 2]| {
            let incident = Incident {
                service: "shop".into(),
                began: at(began),
                ended: ended.map(at),
                seen: now,
                failed: down > 0,
                down: Duration::from_mins(down),
                caused_by: None,
            };
            let zone = TimeZone::UTC;
            assert_eq!([happened("The shop", &incident, now), when(&incident, now, &zone)], expected);
        };
        let (two, three) = ("2026-11-20T14:02:00Z", Some("2026-11-20T14:25:10Z"));
        check(two, three, 0, ["The shop was limited", "14:02 – 14:25, 23 minutes"]);
        check(two, three, 23, ["The shop was not working", "14:02 – 14:25, 23 minutes"]);
        let both = "The shop was limited, and was not working for 5 minutes";
        check(two, three, 5, [both, "14:02 – 14:25, 23 minutes"]);
        check(two, Some("2026-11-20T14:02:20Z"), 0, ["The shop was limited", "14:02, less than a minute"]);
        let over_night = "14:02 – 21 Nov, 01:00, 10 hours 58 minutes";
        check(two, Some("2026-11-21T01:00:00Z"), 700, ["The shop was not working", over_night]);
        check(two, None, 58, ["The shop is not working", "since 14:02, for 58 minutes"]);
        let still = "The shop is limited, and has been not working for 9 minutes";
        check(two, None, 9, [still, "since 14:02, for 58 minutes"]);
    }

    #[test]
    fn lists() {
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["A"]), "A");
        assert_eq!(list(&["A", "B", "C"]), "A, B and C");
        assert_eq!(are(&["A"], "limited"), "A is limited");
        assert_eq!(are(&["A", "B"], "limited"), "A and B are limited");
        assert_eq!(are(&["A", "B", "C"], "limited"), "3 services are limited");
    }
}
