//! Routes drawn as a tree, as amtool draws them.

use std::fmt::Write;

use crate::labels::Labels;
use crate::route::{Route, shown};

/// A line and what hangs below it.
struct Branch {
    text: String,
    below: Vec<Self>,
}

/// The whole tree.
pub(super) fn whole(route: &Route) -> String {
    draw(&every(route))
}

/// The routes that a label set takes.
pub(super) fn matching(route: &Route, labels: &Labels) -> String {
    draw(&taken(route, labels))
}

fn every(route: &Route) -> Branch {
    let goes_on = if route.goes_on() { "  continue: true" } else { "" };
    let text = format!("{}{goes_on}  receiver: {}", name(route), route.receiver);
    Branch { text, below: route.children().iter().map(every).collect() }
}

fn taken(route: &Route, labels: &Labels) -> Branch {
    let mut below = Vec::new();
    for child in route.children() {
        if child.matchers().iter().all(|matcher| matcher.matches(labels)) {
            below.push(taken(child, labels));
            if !child.goes_on() {
                break;
            }
        }
    }
    let text =
        if below.is_empty() { format!("{}  receiver: {}", name(route), route.receiver) } else { name(route) };
    Branch { text, below }
}

fn name(route: &Route) -> String {
    if route.matchers().is_empty() { "default-route".to_owned() } else { shown(route.matchers()) }
}

fn draw(root: &Branch) -> String {
    let mut text = ".\n".to_owned();
    branch(&mut text, "", root, true);
    text
}

fn branch(text: &mut String, indent: &str, this: &Branch, last: bool) {
    let (edge, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
    // what is written to a string arrives
    let _ignored = writeln!(text, "{indent}{edge}{}", this.text);
    let indent = format!("{indent}{below}");
    for (at, child) in (1..).zip(&this.below) {
        branch(text, &indent, child, at == this.below.len());
    }
}
