//! `maintenance`: when trouble is planned, once or on days of the week.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use toolkit::config::{Fields, Item};

use super::page::zone;
use crate::health::windows::{Maintenance, Span, When};

/// What a window is called that has no title.
const TITLE: &str = "Planned maintenance";

const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) fn decode(fields: &mut Fields<'_>, names: &[Arc<str>], usual: &TimeZone) -> Vec<Maintenance> {
    fields.list("maintenance", |item| window(&item, names, usual))
}

fn window(item: &Item<'_>, names: &[Arc<str>], usual: &TimeZone) -> Option<Maintenance> {
    let mut fields = item.fields()?;
    let title = fields.string("title").filter(|title| !title.is_empty());
    let services = fields.has("services").then(|| {
        fields.list("services", |item| {
            let name = item.string()?;
            let place = names.iter().position(|known| **known == *name);
            if place.is_none() {
                item.problem(format!("there is no service `{name}`"));
            }
            place
        })
    });
    let zone = fields.parsed("time_zone", zone).unwrap_or_else(|| usual.clone());
    let weekly = fields.has("weekdays");
    let days = fields.list("weekdays", |item| item.choice(&DAYS));
    if weekly && days.is_empty() {
        fields.problem("weekdays", "`weekdays`: expected at least one day");
    }
    fields.require("from");
    fields.require("to");
    let when = if weekly {
        let (from, to) = (fields.parsed("from", clock), fields.parsed("to", clock));
        When::Weekly { days, from: from?, to: to?, zone }
    } else {
        let mut moment = |key: &str| fields.parsed(key, |text| moment(text, &zone));
        let (from, to) = (moment("from"), moment("to"));
        let span = Span { from: from?, to: to? };
        if span.to <= span.from {
            fields.problem("to", "`to`: expected a time after `from`");
        }
        When::Once(span)
    };
    Some(Maintenance { title: title.as_deref().unwrap_or(TITLE).into(), services, when })
}

/// A time of day; 24:00 is the next midnight.
fn clock(text: &str) -> Result<Time, String> {
    let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let numbers = parts.and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    let time = match numbers {
        Some((24, 0)) => Some(Time::midnight()),
        Some((hour, minute)) => Time::new(hour, minute, 0, 0).ok(),
        None => None,
    };
    time.ok_or_else(|| format!("expected a time of day such as \"02:00\", found `{text}`"))
}

/// A moment: with its own offset, or by the clock of the zone.
fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let own = text.parse::<Timestamp>().ok();
    let by_zone = || zone.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    own.or_else(by_zone).ok_or_else(|| {
        format!("expected a moment such as 2026-11-22 02:00 or 2026-11-22T02:00:00Z, found `{text}`")
    })
}
