//! `time_intervals`, and `mute_time_intervals` as they were called before.

use std::sync::Arc;

use toolkit::config::{Fields, Item, Position};

use super::lints::Lints;
use crate::intervals::{Intervals, Range, TimeInterval, TimeRange};

/// A named interval and its place.
pub(super) struct Named {
    pub(super) intervals: Arc<Intervals>,
    pub(super) position: Position,
}

/// Where they stand, and what one is called in Alertmanager's words.
const KEYS: [(&str, &str); 2] =
    [("mute_time_intervals", "mute time interval"), ("time_intervals", "time interval")];

pub(super) fn decode(fields: &mut Fields<'_>, lints: &mut Lints) -> Vec<Named> {
    let mut known: Vec<Named> = Vec::new();
    for (key, called) in KEYS {
        let list = fields.list(key, |item| named(&item, called));
        if key == "mute_time_intervals" && !list.is_empty() {
            lints.add(fields.position_of(key), "`mute_time_intervals` is called `time_intervals` now");
        }
        for named in list {
            let name = &named.intervals.name;
            if known.iter().any(|other| other.intervals.name == *name) {
                fields.problem_at(named.position, format!("{called} {name:?} is not unique"));
            } else {
                known.push(named);
            }
        }
    }
    known
}

fn named(item: &Item<'_>, called: &str) -> Option<Named> {
    let mut fields = item.fields()?;
    let name = fields.string("name").unwrap_or_default();
    let position = if name.is_empty() { fields.position() } else { fields.position_of("name") };
    let list = fields.list("time_intervals", |item| interval(&item));
    if name.is_empty() {
        fields.problem_at(position, format!("missing name in {called}"));
        return None;
    }
    Some(Named { intervals: Arc::new(Intervals { name: name.into(), list }), position })
}

fn interval(item: &Item<'_>) -> Option<TimeInterval> {
    let mut fields = item.fields()?;
    let mut interval = TimeInterval {
        times: some(&mut fields, "times", |item| times(&item)),
        weekdays: ranges(&mut fields, "weekdays", Range::weekdays),
        days_of_month: ranges(&mut fields, "days_of_month", Range::days_of_month),
        months: ranges(&mut fields, "months", Range::months),
        years: ranges(&mut fields, "years", Range::years),
        ..TimeInterval::default()
    };
    if let Some(zone) = fields.parsed("location", crate::intervals::zone) {
        interval.zone = zone;
    }
    Some(interval)
}

/// A list that is not there says nothing; one that is empty contains nothing.
fn some<'a, T>(
    fields: &mut Fields<'a>,
    key: &str,
    decode: impl FnMut(Item<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    fields.item(key).map(|item| item.list(decode))
}

fn ranges(
    fields: &mut Fields<'_>,
    key: &str,
    parse: impl Fn(&str) -> Result<Range, String>,
) -> Option<Vec<Range>> {
    some(fields, key, |item| item.parsed(&parse))
}

fn times(item: &Item<'_>) -> Option<TimeRange> {
    let mut fields = item.fields()?;
    let position = fields.position();
    let start = fields.string("start_time").unwrap_or_default();
    let end = fields.string("end_time").unwrap_or_default();
    let range = TimeRange::parse(&start, &end);
    range.map_err(|problem| fields.problem_at(position, problem)).ok()
}
