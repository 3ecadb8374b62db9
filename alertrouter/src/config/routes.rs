//! `route`: the tree, with Alertmanager's words for what is wrong in it.

use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Item};

use super::intervals::Named;
use super::lints::Lints;
use super::receivers::Receivers;
use super::{is_empty, template_in};
use crate::intervals::Intervals;
use crate::labels::Labels;
use crate::matcher::{Matcher, Operator, ParserMode};
use crate::route::{GroupBy, Node, Route};

/// Deepest accepted tree; deeper ones are a mistake of a generator, and recursion must end.
const MAX_DEPTH: usize = 64;

/// What the tree refers to.
struct Known<'a> {
    receivers: &'a Receivers,
    intervals: &'a [Named],
}

pub(super) fn decode(
    fields: &mut Fields<'_>,
    receivers: &Receivers,
    intervals: &[Named],
    lints: &mut Lints,
) -> Route {
    let present = fields.keys().next().is_some();
    let Some(mut root) = fields.fields("route") else {
        if present && (!fields.has("route") || fields.item("route").is_none()) {
            fields.problem("route", "no routes provided");
        }
        return Route::build(Node::default());
    };
    if root.string("receiver").is_none_or(|name| name.is_empty()) {
        root.problem("receiver", "root route must specify a default receiver");
    }
    for (key, words) in ROOT_WITHOUT {
        if root.item(key).is_some_and(|item| !is_empty(&item)) {
            root.problem(key, *words);
        }
    }
    if root.bool("continue") == Some(true) {
        root.problem("continue", "cannot have continue in root route");
    }
    Route::build(node(root, &Known { receivers, intervals }, lints, 0))
}

fn node(mut fields: Fields<'_>, known: &Known<'_>, lints: &mut Lints, depth: usize) -> Node {
    let receiver = fields.string("receiver").filter(|name| !name.is_empty()).and_then(|name| {
        let found = known.receivers.find(&name);
        if found.is_none() {
            fields.problem("receiver", format!("undefined receiver {name:?} used in route"));
        }
        found
    });
    let matchers = matchers(&mut fields, ["matchers", "match", "match_re"], lints);
    let group_by = group_by(&mut fields, lints.mode);
    let routes = if depth < MAX_DEPTH {
        fields.list("routes", |item: Item<'_>| Some(node(item.fields()?, known, lints, depth + 1)))
    } else {
        fields.ignore("routes");
        fields.problem("routes", format!("routes are nested more than {MAX_DEPTH} deep"));
        Vec::new()
    };
    Node {
        position: Some(fields.position()),
        receiver,
        matchers,
        goes_on: fields.bool("continue").unwrap_or(false),
        group_by,
        group_wait: fields.duration("group_wait"),
        group_interval: not_zero(&mut fields, "group_interval"),
        repeat_interval: not_zero(&mut fields, "repeat_interval"),
        labels: labels(&mut fields, lints.mode),
        mute: intervals(&mut fields, "mute_time_intervals", known),
        active: intervals(&mut fields, "active_time_intervals", known),
        routes,
    }
}

fn not_zero(fields: &mut Fields<'_>, key: &str) -> Option<Duration> {
    let duration = fields.duration(key)?;
    if duration.is_zero() {
        fields.problem(key, format!("{key} cannot be zero"));
    }
    Some(duration)
}

fn intervals(fields: &mut Fields<'_>, key: &str, known: &Known<'_>) -> Vec<Arc<Intervals>> {
    fields.list(key, |item| {
        let name = item.string()?;
        let found = known.intervals.iter().find(|named| *named.intervals.name == *name);
        if found.is_none() {
            item.problem(format!("undefined time interval {name:?} used in route"));
        }
        found.map(|named| named.intervals.clone())
    })
}

/// Matchers under the three keys that Alertmanager has for them: a list of texts, and two maps from before.
pub(super) fn matchers(fields: &mut Fields<'_>, keys: [&str; 3], lints: &mut Lints) -> Vec<Matcher> {
    let [list, equal, regexp] = keys;
    let mut matchers: Vec<Matcher> = Vec::new();
    for item in fields.list(list, Some) {
        if let Some(parsed) = item.parsed(|text| lints.mode.parse(text)) {
            lints.doubt(item.position(), parsed.doubt);
            matchers.extend(parsed.matchers);
        }
    }
    for (key, operator) in [(equal, Operator::Equal), (regexp, Operator::Match)] {
        matchers.extend(fields.map(key, |name, item| {
            if !ParserMode::Classic.is_label_name(name) {
                item.problem(format!("invalid label name {name:?}"));
            }
            item.parsed(|value| {
                // as Alertmanager prints it in a group's key
                let value =
                    if operator == Operator::Match { format!("^(?:{value})$") } else { value.to_owned() };
                Matcher::new(name, operator, value)
            })
        }));
    }
    matchers
}

fn labels(fields: &mut Fields<'_>, mode: ParserMode) -> Labels {
    let pairs = fields.map("labels", |name, item| {
        let value = item.string()?;
        if !mode.is_label_name(name) {
            item.problem(format!("invalid label name {name:?} in route labels"));
        } else if value.contains("{{") {
            item.problem(template_in(name));
        }
        Some((name.to_owned(), value))
    });
    pairs.into_iter().collect()
}

fn group_by(fields: &mut Fields<'_>, mode: ParserMode) -> Option<GroupBy> {
    let item = fields.item("group_by")?;
    let mut names: Vec<String> = Vec::new();
    let mut everything = false;
    drop(item.list(|item| {
        let name = item.string()?;
        if name == "..." {
            everything = true;
        } else if !mode.is_label_name(&name) {
            item.problem(format!("invalid label name {name:?} in group_by list"));
        } else if names.contains(&name) {
            item.problem(format!("duplicated label {name:?} in group_by"));
        } else {
            names.push(name);
        }
        Some(())
    }));
    if everything && !names.is_empty() {
        item.problem("cannot have wildcard group_by (`...`) and other labels at the same time");
    }
    Some(if everything { GroupBy::Everything } else { GroupBy::Labels(names) })
}

/// What the root takes everything without.
const ROOT_WITHOUT: &[(&str, &str)] = &[
    ("matchers", "root route must not have any matchers"),
    ("match", "root route must not have any matchers"),
    ("match_re", "root route must not have any matchers"),
    ("mute_time_intervals", "root route must not have any mute time intervals"),
    ("active_time_intervals", "root route must not have any active time intervals"),
];
