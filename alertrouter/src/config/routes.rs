//! `route`: the tree, with Alertmanager's words for what is wrong in it.

use std::time::Duration;

use toolkit::config::{Fields, Item};

use super::not_yet;
use super::receivers::Receivers;
use crate::matcher::{Matcher, Operator, ParserMode};
use crate::route::{GroupBy, Node, Route};

/// Deepest accepted tree; deeper ones are a mistake of a generator, and recursion must end.
const MAX_DEPTH: usize = 64;

pub(super) fn decode(fields: &mut Fields<'_>, receivers: &Receivers) -> Route {
    let present = fields.keys().next().is_some();
    let Some(root) = fields.fields("route") else {
        if present {
            fields.problem("route", "no routes provided");
        }
        return Route::build(Node::default());
    };
    if !root.has("receiver") {
        root.problem("receiver", "root route must specify a default receiver");
    }
    for key in ["matchers", "match", "match_re"] {
        if root.has(key) {
            root.problem(key, "root route must not have any matchers");
        }
    }
    if root.has("mute_time_intervals") {
        root.problem("mute_time_intervals", "root route must not have any mute time intervals");
    }
    if root.has("active_time_intervals") {
        root.problem("active_time_intervals", "root route must not have any active time intervals");
    }
    if root.has("continue") {
        root.problem("continue", "cannot have continue in root route");
    }
    Route::build(node(root, receivers, 0))
}

fn node(mut fields: Fields<'_>, receivers: &Receivers, depth: usize) -> Node {
    for key in NOT_YET {
        // the root has its own words for the intervals
        if depth == 0 && key.ends_with("_intervals") {
            fields.ignore(key);
        } else {
            not_yet(&mut fields, key);
        }
    }
    let receiver = fields.string("receiver").filter(|name| !name.is_empty()).and_then(|name| {
        let found = receivers.find(&name);
        if found.is_none() {
            fields.problem("receiver", format!("undefined receiver {name:?} used in route"));
        }
        found
    });
    let matchers = matchers(&mut fields);
    let group_by = group_by(&mut fields);
    let routes = if depth < MAX_DEPTH {
        fields.list("routes", |item: Item<'_>| Some(node(item.fields()?, receivers, depth + 1)))
    } else {
        fields.ignore("routes");
        fields.problem("routes", format!("routes are nested more than {MAX_DEPTH} deep"));
        Vec::new()
    };
    Node {
        receiver,
        matchers,
        goes_on: fields.bool("continue").unwrap_or(false),
        group_by,
        group_wait: fields.duration("group_wait"),
        group_interval: not_zero(&mut fields, "group_interval"),
        repeat_interval: not_zero(&mut fields, "repeat_interval"),
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

fn matchers(fields: &mut Fields<'_>) -> Vec<Matcher> {
    let mut matchers: Vec<Matcher> = fields
        .list("matchers", |item| item.parsed(|text| MODE.parse(text)))
        .into_iter()
        .flat_map(|parsed| parsed.matchers)
        .collect();
    for (key, operator) in [("match", Operator::Equal), ("match_re", Operator::Match)] {
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

fn group_by(fields: &mut Fields<'_>) -> Option<GroupBy> {
    if !fields.has("group_by") {
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    let mut everything = false;
    let listed = fields.list("group_by", |item| {
        let name = item.string()?;
        let known = names.contains(&name);
        if name == "..." {
            everything = true;
        } else if known {
            item.problem(format!("duplicated label {name:?} in group_by"));
        } else if !MODE.is_label_name(&name) {
            item.problem(format!("invalid label name {name:?} in group_by list"));
        } else {
            names.push(name);
        }
        Some(())
    });
    if everything && listed.len() > 1 {
        fields.problem("group_by", "cannot have wildcard group_by (`...`) and other labels at the same time");
    }
    Some(if everything { GroupBy::Everything } else { GroupBy::Labels(names) })
}

/// How matchers are read.
const MODE: ParserMode = ParserMode::Fallback;

/// Alertmanager's route keys that are not built yet.
const NOT_YET: &[&str] = &["mute_time_intervals", "active_time_intervals", "labels"];
