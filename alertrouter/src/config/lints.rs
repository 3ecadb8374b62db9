//! What is allowed and yet often a mistake.
//!
//! Invariant: a lint that says "is never reached" is never wrong; where it cannot be known, nothing is said.

use std::collections::HashSet;
use std::fmt;

use toolkit::config::{Fields, Position};

use super::delivery::Delivery;
use super::intervals::Named;
use super::is_empty;
use super::receivers::Receivers;
use crate::intervals::TimeInterval;
use crate::matcher::{Doubt, Matcher, ParserMode};
use crate::route::Route;

/// One remark and its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lint {
    /// Where it is.
    pub position: Position,
    /// What is doubtful, in one line without secrets.
    pub message: String,
}

impl fmt::Display for Lint {
    /// `line:column: message`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.position.line, self.position.column, self.message)
    }
}

/// The remarks that decoding collects, and the mode in which matchers and names are read.
pub(super) struct Lints {
    pub(super) mode: ParserMode,
    list: Vec<Lint>,
}

impl Lints {
    pub(super) fn new(mode: ParserMode) -> Self {
        Self { mode, list: Vec::new() }
    }

    pub(super) fn add(&mut self, position: Position, message: impl Into<String>) {
        self.list.push(Lint { position, message: message.into() });
    }

    pub(super) fn doubt(&mut self, position: Position, doubt: Option<Doubt>) {
        if let Some(doubt) = doubt {
            self.add(position, doubt.to_string());
        }
    }

    /// A key of Alertmanager's that is about its own process.
    pub(super) fn without_effect(&mut self, fields: &mut Fields<'_>, key: &str) {
        if fields.item(key).is_some_and(|item| !is_empty(&item)) {
            self.add(fields.position_of(key), format!("`{key}` has no effect here"));
        }
    }

    /// Remarks that need the whole file.
    pub(super) fn tree(
        &mut self,
        route: &Route,
        receivers: &Receivers,
        delivery: &Delivery,
        intervals: &[Named],
    ) {
        let nodes = route.walk();
        let used: HashSet<&str> = nodes.iter().map(|node| &*node.receiver).collect();
        for receiver in receivers.iter() {
            let name = &*receiver.name;
            let fallback = delivery.fallback_receiver.as_deref() == Some(name);
            if !used.contains(name) && !fallback && !receivers.is_failover(name) {
                self.add(receiver.position, format!("receiver {name:?} is not used by any route"));
            }
        }
        let named: HashSet<&str> = nodes
            .iter()
            .flat_map(|node| node.mute.iter().chain(&node.active).map(|intervals| &*intervals.name))
            .collect();
        for Named { intervals, position } in intervals {
            if !named.contains(&*intervals.name) {
                self.add(*position, format!("time interval {:?} is not used by any route", intervals.name));
            }
            if intervals.list.iter().any(TimeInterval::splits_a_night) {
                self.add(
                    *position,
                    format!(
                        "time interval {:?} covers a night on some days only: its hours after midnight belong to \
                         the morning of those days, not to the night that began on them",
                        intervals.name
                    ),
                );
            }
        }
        for node in nodes.iter().filter(|node| node.repeat_interval < node.group_interval) {
            self.add(
                node.position,
                "repeat_interval is shorter than group_interval: nothing repeats more often than the group",
            );
        }
        self.reach(route, &[]);
    }

    /// Which routes are never reached. `path` holds the matchers from the root down to `route`.
    fn reach(&mut self, route: &Route, path: &[&Matcher]) {
        for (at, child) in route.children().iter().enumerate() {
            let mut own: Vec<&Matcher> = path.to_vec();
            own.extend(child.matchers());
            if let Some((first, second)) = contradiction(&own) {
                self.add(child.position, format!("this route never matches: {first} and {second}"));
                continue;
            }
            let before = route.children().iter().take(at).filter(|before| !before.goes_on());
            let mut shadows = before.filter(|before| {
                before.matchers().iter().all(|wanted| own.iter().any(|given| implies(given, wanted)))
            });
            if let Some(shadow) = shadows.next() {
                self.add(
                    child.position,
                    format!(
                        "this route is never reached: the one at line {} takes all of its alerts; \
                         hint: continue: true there, or put this one first",
                        shadow.position.line
                    ),
                );
                continue;
            }
            self.reach(child, &own);
        }
    }

    /// All remarks in the file's order.
    pub(super) fn into_list(mut self) -> Vec<Lint> {
        self.list.sort();
        self.list.dedup();
        self.list
    }
}

/// Whether whatever satisfies the one satisfies the other, as far as it can be known.
fn implies(given: &Matcher, wanted: &Matcher) -> bool {
    given.name == wanted.name
        && ((given.operator() == wanted.operator() && given.value == wanted.value)
            || given.equals().is_some_and(|value| wanted.matches_value(value)))
}

/// Two matchers that no label can satisfy.
fn contradiction<'a>(matchers: &[&'a Matcher]) -> Option<(&'a Matcher, &'a Matcher)> {
    let fixed = matchers.iter().filter_map(|matcher| Some((*matcher, matcher.equals()?)));
    fixed
        .flat_map(|(first, value)| matchers.iter().map(move |second| (first, value, *second)))
        .find(|(first, value, second)| second.name == first.name && !second.matches_value(value))
        .map(|(first, _, second)| (first, second))
}
